//! The kernel's files about this process, accessible even after the program has changed its root.
//!
//! They are kept open while threads are sampled. A forked child closes them, because they belong to
//! the parent. NOTE: no folder is kept open, such as the one that lists threads. Otherwise an
//! attacker in a program that confined itself by `chroot` could escape through it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use crate::base::descriptors::Kept;
use crate::base::fork::Lock;
use crate::base::process_identity::Process;
use crate::base::sandbox;
use crate::base::small_file;

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

    /// Whether it is still the file that was opened: the program may have closed all descriptors
    /// that it does not know.
    fn is_ours(&self) -> bool {
        self.process.is_current() && self.open.metadata().is_ok_and(|now| (now.dev(), now.ino()) == self.identity)
    }
}

/// Opens the files, so that they stay accessible whatever the program does with its root.
pub(super) fn hold() {
    replace(Files { program: Own::open("/proc/self/exe"), maps: Own::open("/proc/self/maps") });
}

/// Called when sampling ends.
pub(super) fn let_go() {
    replace(Files::default());
}

fn replace(new: Files) {
    let old = std::mem::replace(&mut *HELD.lock(), new);
    for old in [old.program, old.maps].into_iter().flatten() {
        // If the descriptor belongs to the parent, or the program has closed it, its number may
        // belong to another file now. Under a new seccomp filter this is not checked, and the
        // descriptor is left open.
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

/// The list of mappings, as text.
pub(super) fn maps() -> io::Result<String> {
    let held = HELD.lock();
    let Some(maps) = held.maps.as_ref().filter(|maps| maps.is_ours()) else {
        drop(held);
        return small_file::read_to_string("/proc/self/maps");
    };
    let mut text = String::new();
    From(&maps.open, 0).read_to_string(&mut text)?;
    Ok(text)
}

/// A file that is read from an offset on.
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
    fn files_kept_open_have_the_same_content() {
        let lines = |text: String| text.lines().map(|line| line.contains(" r-xp ")).filter(|is| *is).count();
        let before = lines(maps().unwrap());
        let identity = |file: File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).unwrap();
        let program = identity(program().unwrap());
        hold();
        assert!(HELD.lock().maps.as_ref().is_some_and(Own::is_ours));
        // Twice, because its content is generated at each reading.
        assert!(before > 0 && lines(maps().unwrap()) > 0 && lines(maps().unwrap()) > 0);
        assert_eq!(identity(super::program().unwrap()), program);
        let_go();
        assert!(HELD.lock().maps.is_none());
    }
}
