//! Where bundles are kept: a folder, or memory. The oldest go.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::footprint::{self, Part};
use crate::base::new_file::NewFile;
use crate::base::small_file;
use crate::base::stamp::Stamp;

/// The end of a bundle's name.
const END: &str = ".tar.gz";
/// The end of the name of a file that is being written, which is hidden.
const PARTIAL: &str = ".partial";
/// Bundles in memory take at most so much: half of what the flight recorder may have by default.
const MOST_BYTES: u64 = 4 << 20;

/// The name of one program's bundles: `SERVICE-evidence-PID-STAMP.tar.gz`.
#[derive(Clone, Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    pub(super) fn new(service: &str) -> Self {
        Self { prefix: format!("{}-evidence-", service.replace('/', "_")) }
    }

    pub(super) fn of(&self, stamp: Stamp) -> String {
        format!("{}{}-{stamp}{END}", self.prefix, std::process::id())
    }

    /// The time in the name of one of this program's bundles.
    fn stamp_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        let rest = name.strip_prefix(&self.prefix)?.strip_suffix(END)?;
        let (process, stamp) = rest.split_once('-')?;
        let is_number = !process.is_empty() && process.bytes().all(|b| b.is_ascii_digit());
        (is_number && Stamp::is(stamp)).then_some(stamp)
    }
}

/// The folder of the name in an archive: the name without its end.
pub(super) fn folder_of(name: &str) -> &str {
    name.strip_suffix(END).unwrap_or(name)
}

/// A folder, and how many bytes of bundles it may have.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    names: Names,
    folder: PathBuf,
    most: u64,
}

impl Folder {
    pub(super) fn new(names: Names, folder: PathBuf, most: u64) -> Self {
        Self { names, folder, most }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Fails if bundles cannot be created in it.
    pub(super) fn probe(&self) -> io::Result<()> {
        if !fs::metadata(&self.folder)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        NewFile::beside(&self.path("perf-sdk"), ".", PARTIAL).map(drop)
    }

    /// Writes the whole bundle or none, then deletes the oldest of this program's beyond the limit.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let path = self.path(name);
        let write = || {
            let mut file = NewFile::beside(&path, ".", PARTIAL)?;
            file.write_all(bytes)?;
            file.replace(&path)
        };
        write().map_err(|error: io::Error| format!("{} cannot be written: {error}", path.display()))
    }

    /// Deletes the oldest of this program's bundles beyond the limit, but not `new`.
    pub(super) fn tidy(&self, new: &str) -> Result<(), String> {
        let names = |entries: fs::ReadDir| entries.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
        let say = |error: io::Error| format!("old bundles cannot be deleted: {error}");
        let mut files: Vec<(String, PathBuf, u64)> = Vec::new();
        for name in small_file::entries(&self.folder, names).map_err(say)? {
            let Ok(name) = name.into_string() else { continue };
            let Some(stamp) = self.names.stamp_of(&name).filter(|_| name != new) else { continue };
            let path = self.path(&name);
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_file() => files.push((stamp.to_owned(), path, metadata.len())),
                _ => {}
            }
        }
        // The latest first.
        files.sort_unstable_by(|a, b| b.cmp(a));
        let mut bytes = fs::symlink_metadata(self.path(new)).map_or(0, |metadata| metadata.len());
        let mut result = Ok(());
        for (_, path, length) in files {
            bytes = bytes.saturating_add(length);
            if bytes > self.most
                && let Err(error) = fs::remove_file(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                result = Err(say(error));
            }
        }
        result
    }

    /// A bundle in it.
    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        // No other name: it may come from a request.
        match self.names.stamp_of(name) {
            Some(_) => fs::read(self.path(name)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Bundles in memory. The oldest go.
#[derive(Debug, Default)]
pub(super) struct Memory(VecDeque<(String, Arc<[u8]>)>);

impl Memory {
    /// `false` if there is no room for it.
    pub(super) fn keep(&mut self, name: &str, bytes: &Arc<[u8]>) -> bool {
        let length = bytes.len() as u64;
        if length > MOST_BYTES {
            return false;
        }
        while self.bytes() + length > MOST_BYTES || !footprint::take(Part::Flight, length) {
            let Some((_, oldest)) = self.0.pop_front() else { return false };
            footprint::give(Part::Flight, oldest.len() as u64);
        }
        self.0.push_back((name.to_owned(), Arc::clone(bytes)));
        true
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    pub(super) fn read(&self, name: &str) -> Option<Arc<[u8]>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, bytes)| Arc::clone(bytes))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        footprint::give(Part::Flight, self.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, most: u64) -> Folder {
        let path = std::env::temp_dir().join(format!("perf-sdk-shelf-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder::new(Names::new("a/shop"), path, most)
    }

    fn name(second: u64) -> String {
        Names::new("a/shop").of(Stamp::of_unix_ns((1_700_000_000 + second) * 1_000_000_000))
    }

    fn names(folder: &Folder) -> Vec<String> {
        let entries = fs::read_dir(&folder.folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn keep(folder: &Folder, second: u64, bytes: usize) {
        folder.write(&name(second), &vec![7; bytes]).unwrap();
        folder.tidy(&name(second)).unwrap();
    }

    #[test]
    fn the_oldest_of_this_program_go_and_nothing_else() {
        let folder = folder("oldest", 250);
        folder.probe().unwrap();
        let others = ["a_shop-evidence-1-20231114T221320Z.tar", "b_shop-evidence-1-20231114T221320Z.tar.gz", "notes"];
        others.iter().for_each(|name| fs::write(folder.path(name), [0; 99]).unwrap());
        (0..4).for_each(|second| keep(&folder, second, 100));
        let mut expected = vec![name(2), name(3)];
        expected.extend(others.map(str::to_owned));
        expected.sort();
        assert_eq!(names(&folder), expected);
        assert_eq!(folder.read(&name(3)).unwrap().len(), 100);
        assert!(folder.read(&name(0)).is_err() && folder.read("notes").is_err() && folder.read("../notes").is_err());
        // One that is larger than the limit is kept alone.
        keep(&folder, 9, 1_000);
        assert_eq!(names(&folder).len(), 1 + others.len());
        fs::remove_dir_all(&folder.folder).unwrap();
        assert!(folder.write(&name(1), b"7").unwrap_err().contains("cannot be written: "));
        assert!(folder.probe().is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_latest_stay() {
        let mut memory = Memory::default();
        let bytes = |length: usize| -> Arc<[u8]> { vec![7; length].into() };
        let third = MOST_BYTES as usize / 3;
        (0..5).for_each(|second| assert!(memory.keep(&name(second), &bytes(third))));
        let kept: Vec<bool> = (0..5).map(|second| memory.read(&name(second)).is_some()).collect();
        assert_eq!(kept, [false, false, true, true, true]);
        assert!(!memory.keep(&name(9), &bytes(MOST_BYTES as usize + 1)));
        assert!(memory.read(&name(4)).is_some());
        assert_eq!(memory.bytes(), 3 * third as u64);
    }
}
