//! A thread of the program's: all that it is known by.

use std::cell::Cell;
use std::ops::Range;

use super::registers::Registers;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Thread(pub(super) u32);

loom::thread_local! {
    static CURRENT: Cell<Thread> = Cell::new(Thread(0));
}

pub(super) fn current() -> Thread {
    CURRENT.with(Cell::get)
}

impl Thread {
    /// The calling thread is this one from now on.
    pub(super) fn begin(self) {
        CURRENT.with(|current| current.set(self));
    }

    pub(super) fn pointer(self) -> u64 {
        u64::from(self.0)
    }

    /// Disjoint from that of the others.
    pub(super) fn stack(self) -> Range<u64> {
        let low = 1_000 * u64::from(self.0);
        low..low + 1_000
    }

    pub(super) fn registers(self) -> Registers {
        Registers { pc: u64::from(self.0), sp: self.stack().start + 500 }
    }
}
