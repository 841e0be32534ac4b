//! Where bundles are kept: a folder, or memory. The oldest go.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::footprint::{self, Part};
use crate::base::kept_files::{self, KeptFiles, Limit};
use crate::base::stamp::Stamp;

/// The end of a bundle's name.
const END: &str = ".tar.gz";
/// Bundles in memory take at most so much, and at most a half of what the flight recorder may have.
const MOST_BYTES: u64 = 4 << 20;
const PART_OF_MEMORY: u64 = 16;
/// A larger file is none of ours.
const MOST_FILE_BYTES: u64 = 256 << 20;

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

    fn with_files<T>(&self, work: impl FnOnce(KeptFiles<'_>) -> T) -> T {
        let stamp_of = |name: &str| self.names.stamp_of(name).map(str::to_owned);
        work(KeptFiles { folder: &self.folder, stamp_of: &stamp_of, limit: Limit::Bytes(self.most) })
    }

    /// Fails if bundles cannot be created in it.
    pub(super) fn probe(&self) -> io::Result<()> {
        kept_files::probe(&self.folder)
    }

    /// Writes the whole bundle or none. Returns its file.
    pub(super) fn write(&self, stamp: Stamp, bytes: &[u8]) -> io::Result<String> {
        self.with_files(|files| files.write(|stamp| self.names.of(stamp), stamp, bytes))
    }

    /// Deletes the oldest of this program's bundles beyond the limit, but not `new`. Returns the
    /// bytes of those that stay.
    pub(super) fn tidy(&self, new: &str) -> io::Result<u64> {
        self.with_files(|files| files.tidy(&[new.to_owned()]))
    }

    /// A bundle in it.
    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.with_files(|files| files.read(name, MOST_FILE_BYTES))
    }
}

/// Bundles in memory. The oldest go.
#[derive(Debug, Default)]
pub(super) struct Memory(VecDeque<(String, Arc<[u8]>)>);

impl Memory {
    /// `false` if there is no room for it.
    pub(super) fn keep(&mut self, name: &str, bytes: &Arc<[u8]>) -> bool {
        let length = bytes.len() as u64;
        let most = MOST_BYTES.min(footprint::limit_bytes() / PART_OF_MEMORY);
        // Otherwise all others would go, for nothing.
        if length > most || !footprint::could_take(Part::Flight, length.saturating_sub(self.bytes())) {
            return false;
        }
        while self.bytes() + length > most || !footprint::take(Part::Flight, length) {
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
    use std::fs;

    use super::*;

    fn names() -> Names {
        Names::new("a/shop")
    }

    fn stamp(second: u64) -> Stamp {
        Stamp::of_unix_ns((1_700_000_000 + second) * 1_000_000_000)
    }

    #[test]
    fn only_bundles_of_this_program_are_deleted_and_read() {
        let path = std::env::temp_dir().join(format!("perf-sdk-shelf-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let folder = Folder::new(names(), path.clone(), 250);
        folder.probe().unwrap();
        let others = ["a_shop-evidence-1-20231114T221320Z.tar", "b_shop-evidence-1-20231114T221320Z.tar.gz", "notes"];
        others.iter().for_each(|name| fs::write(folder.path(name), [0; 99]).unwrap());
        for second in 0..4 {
            let name = folder.write(stamp(second), &[7; 100]).unwrap();
            assert_eq!(name, names().of(stamp(second)));
            assert_eq!(folder.tidy(&name).unwrap(), 100 * (second + 1).min(2));
        }
        let kept = |second| folder.read(&names().of(stamp(second))).map(|bytes| bytes.len()).ok();
        assert_eq!([0, 1, 2, 3].map(kept), [None, None, Some(100), Some(100)]);
        assert!(others.iter().all(|name| folder.path(name).exists() && folder.read(name).is_err()));
        assert!(folder.read("../notes").is_err());
        // Another one of the same second.
        assert_eq!(folder.write(stamp(3), b"7").unwrap(), names().of(stamp(4)));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path("notes"), folder.path(&names().of(stamp(8)))).unwrap();
            assert!(folder.read(&names().of(stamp(8))).is_err(), "a link may lead anywhere");
        }
        fs::remove_dir_all(&path).unwrap();
        assert!(folder.write(stamp(1), b"7").is_err() && folder.probe().is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_latest_stay() {
        let _alone = footprint::flight_tests();
        let mut memory = Memory::default();
        let bytes = |length: usize| -> Arc<[u8]> { vec![7; length].into() };
        let third = MOST_BYTES as usize / 3;
        let name = |second| names().of(stamp(second));
        (0..5).for_each(|second| assert!(memory.keep(&name(second), &bytes(third))));
        let kept: Vec<bool> = (0..5).map(|second| memory.read(&name(second)).is_some()).collect();
        assert_eq!(kept, [false, false, true, true, true]);
        assert!(!memory.keep(&name(9), &bytes(MOST_BYTES as usize + 1)));
        assert!(memory.read(&name(4)).is_some());
        assert_eq!(memory.bytes(), 3 * third as u64);
    }
}
