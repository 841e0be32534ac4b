//! Files of the kernel's about this process, which are found after the program has changed its
//! root, too.
//!
//! They are kept open while threads are sampled. A forked child closes them, since they are the
//! parent's. NOTE: of folders none is kept, such as the one that lists threads: whoever gets into a
//! program that shut itself in by `chroot` would find his way out from there.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use crate::base::descriptors::Kept;
use crate::base::fork::Lock;
use crate::base::process::Process;
use crate::base::sandbox;

static HELD: Lock<Files> = Lock::new(Files { program: None, maps: None });

#[derive(Debug, Default)]
struct Files {
    program: Option<Own>,
    maps: Option<Own>,
}

#[derive(Debug)]
struct Own {
    /// Whose it is.
    process: Process,
    open: Kept<File>,
    identity: (u64, u64),
}

impl Own {
    fn open(path: &str) -> Option<Self> {
        let open = Kept::open(|| File::open(path)).ok()?;
        let metadata = open.metadata().ok()?;
        Some(Self { process: Process::current(), open, identity: (metadata.dev(), metadata.ino()) })
    }

    /// Whether it still is what was opened: the program may have closed all that it does not know.
    fn is_ours(&self) -> bool {
        self.process.is_current() && self.open.metadata().is_ok_and(|now| (now.dev(), now.ino()) == self.identity)
    }
}

/// From now on they are found whatever the program does with its root.
pub(super) fn hold() {
    replace(Files { program: Own::open("/proc/self/exe"), maps: Own::open("/proc/self/maps") });
}

/// Nobody samples any more.
pub(super) fn let_go() {
    replace(Files::default());
}

fn replace(new: Files) {
    let old = std::mem::replace(&mut *HELD.lock(), new);
    for old in [old.program, old.maps].into_iter().flatten() {
        // Of a parent's, and of one that somebody closed, the number may be another file's by now.
        // Under a filter of system calls that is new nobody asks.
        if sandbox::is_tighter() || !old.is_ours() {
            std::mem::forget(old);
        }
    }
}

/// The program's own file, as it was started.
pub(in super::super) fn program() -> io::Result<File> {
    match HELD.lock().program.as_ref().filter(|program| program.is_ours()) {
        Some(program) => program.open.try_clone(),
        None => File::open("/proc/self/exe"),
    }
}

/// What is mapped where, as text.
pub(super) fn maps() -> io::Result<String> {
    let held = HELD.lock();
    let Some(maps) = held.maps.as_ref().filter(|maps| maps.is_ours()) else {
        drop(held);
        return fs::read_to_string("/proc/self/maps");
    };
    let mut text = String::new();
    From(&maps.open, 0).read_to_string(&mut text)?;
    Ok(text)
}

/// A file, read from an offset on.
struct From<'a>(&'a File, u64);

impl io::Read for From<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read_at(bytes, self.1)?;
        self.1 += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_says_the_same() {
        let lines = |text: String| text.lines().map(|line| line.contains(" r-xp ")).filter(|is| *is).count();
        let before = lines(maps().unwrap());
        let identity = |file: File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).unwrap();
        let program = identity(program().unwrap());
        hold();
        assert!(HELD.lock().maps.as_ref().is_some_and(Own::is_ours));
        // Twice: it is read anew each time.
        assert!(before > 0 && lines(maps().unwrap()) > 0 && lines(maps().unwrap()) > 0);
        assert_eq!(identity(super::program().unwrap()), program);
        let_go();
        assert!(HELD.lock().maps.is_none());
    }
}
