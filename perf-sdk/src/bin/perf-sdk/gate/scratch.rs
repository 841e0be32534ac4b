//! A folder for the answers of programs, which goes with the check.

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use super::left;

/// Folders of one process that are tried: others may have been left by a process with its number.
const TRIES: u32 = 1_000;

#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Makes a folder that only this user can read.
    pub(super) fn new() -> io::Result<Self> {
        left::watch();
        for at in 0..TRIES {
            let folder = env::temp_dir().join(format!("perf-sdk-check-{}-{at}", process::id()));
            match make(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    made?;
                    left::add(&folder);
                    return Ok(Self { folder });
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    #[cfg(test)]
    fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        left::remove(&self.folder);
    }
}

fn make(folder: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_differ_and_go() {
        let (one, other) = (Scratch::new().unwrap(), Scratch::new().unwrap());
        assert_ne!(one.path(), other.path());
        fs::write(one.file("answer"), "x").unwrap();
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
    }
}
