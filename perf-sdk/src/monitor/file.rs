//! Files of the kernel that are read again and again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::descriptors::Kept;

/// A buffer that all files of a producer are read into, one after the other.
#[derive(Debug, Default)]
pub(super) struct Buffer(Vec<u8>);

/// Enough for most files.
const AT_FIRST: usize = 4096;
/// More of a file is not read. `/proc/stat` of a machine with 1,024 processors has some 200 KB.
const MOST: usize = 1 << 20;

/// How the kernel gives out the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// As a whole, if the buffer is large enough.
    One,
    /// In several parts: the file ends where nothing is read.
    Many,
}

/// A file that stays open. A forked child closes it, since it is about the parent.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    parts: Parts,
    file: Option<Kept<File>>,
    /// The turns until another attempt to open it, and the reason of the last failure.
    wait: u32,
    why: &'static str,
}

/// A file that could not be read is opened again after this many turns: it may have appeared.
const RETRY: u32 = 60;

impl Source {
    pub(super) fn new(path: PathBuf, parts: Parts) -> Self {
        Self { path, parts, file: None, wait: 0, why: "" }
    }

    /// A file below `root` that the kernel gives out as a whole.
    pub(super) fn whole(root: &Path, path: &str) -> Self {
        Self::new(root.join(path), Parts::One)
    }

    /// What is in it now, or why it cannot be read.
    pub(super) fn read<'a>(&mut self, buffer: &'a mut Buffer) -> Result<&'a [u8], &'static str> {
        if self.file.is_none() && self.wait > 0 {
            self.wait -= 1;
            return Err(self.why);
        }
        let result = match &self.file {
            Some(file) => buffer.fill(file, self.parts),
            None => {
                Kept::open(|| File::open(&self.path)).and_then(|file| buffer.fill(self.file.insert(file), self.parts))
            }
        };
        match result {
            Ok(length) => Ok(&buffer.0[..length]),
            Err(error) => {
                self.file = None;
                (self.wait, self.why) = (RETRY, why(&error));
                Err(self.why)
            }
        }
    }

    /// The open file, for more than its text.
    pub(super) fn open(&mut self) -> Result<&File, &'static str> {
        if self.file.is_none() {
            let opened = Kept::open(|| File::open(&self.path)).map_err(|error| why(&error))?;
            self.file = Some(opened);
        }
        self.file.as_deref().ok_or("")
    }

    /// For files that are read so seldom that the next read may always try again.
    pub(super) fn close(&mut self) {
        self.file = None;
        self.wait = 0;
    }
}

fn why(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::Unsupported => "switched off in the kernel",
        io::ErrorKind::IsADirectory => "it is a directory",
        _ => "an error when it was read",
    }
}

impl Buffer {
    fn fill(&mut self, file: &File, parts: Parts) -> io::Result<usize> {
        let mut length = 0;
        loop {
            if length == self.0.len() {
                if length >= MOST {
                    return Ok(length);
                }
                self.0.resize((2 * length).max(AT_FIRST), 0);
            }
            match read_at(file, &mut self.0[length..], length as u64) {
                Ok(read) => {
                    length += read;
                    if read == 0 || (parts == Parts::One && length < self.0.len()) {
                        return Ok(length);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix, not(miri)))]
mod tests {
    use super::*;
    use crate::monitor::recorded::Tree;

    #[test]
    fn a_file_longer_than_the_buffer_is_read_whole() {
        let text = "one line\n".repeat(3_000);
        let tree = Tree::of("long", &[("proc/long", &text)]);
        for parts in [Parts::One, Parts::Many] {
            let mut buffer = Buffer::default();
            let mut source = Source::new(tree.root().join("proc/long"), parts);
            assert_eq!(source.read(&mut buffer), Ok(text.as_bytes()));
            assert_eq!(source.read(&mut buffer), Ok(text.as_bytes()), "once more");
        }
    }

    #[test]
    fn a_file_that_appears_is_read_after_a_while() {
        let tree = Tree::of("appears", &[("proc/other", "")]);
        let mut buffer = Buffer::default();
        let mut source = Source::whole(tree.root(), "proc/one");
        assert_eq!(source.read(&mut buffer), Err("no such file"));
        std::fs::write(tree.root().join("proc/one"), "1\n").unwrap();
        let mut turns = 1;
        while source.read(&mut buffer).is_err() {
            turns += 1;
        }
        assert_eq!(turns, RETRY + 1);
        assert_eq!(Source::whole(tree.root(), "proc").read(&mut buffer), Err("it is a directory"));
    }

    #[test]
    fn a_forked_child_closes_it() {
        use std::os::fd::AsRawFd as _;

        let tree = Tree::of("forked", &[("proc/one", "1\n")]);
        let mut source = Source::whole(tree.root(), "proc/one");
        let file = source.open().unwrap();
        let descriptor = file.as_raw_fd();
        let link = format!("/proc/self/fd/{descriptor}");
        assert!(std::fs::read_link(&link).is_ok());
        assert!(crate::base::fork::in_child(|| std::fs::read_link(&link).is_err()));
    }
}
