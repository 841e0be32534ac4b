//! Pages whose use after they were given back is seen.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::run;

#[derive(Debug)]
pub(crate) struct Pages {
    start: NonNull<u8>,
    bytes: usize,
}

impl Pages {
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        Some(Self { start: run::zeroed(Layout::from_size_align(bytes, 64).ok()?), bytes })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let start = self.start.as_ptr().addr();
            run::give_back(start..start + self.bytes);
        }
    }
}
