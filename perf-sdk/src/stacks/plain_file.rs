//! Files that are read piece by piece.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use crate::base::descriptors::Kept;
use crate::base::sandbox;

/// A regular file. It is not mapped: it may be modified or truncated at any time, which is then an
/// error of a read.
#[derive(Debug)]
pub(super) struct PlainFile {
    from: From,
    length: u64,
}

#[derive(Debug)]
enum From {
    File(Kept<File>),
    #[cfg(any(test, perf_fuzz))]
    Memory(Vec<u8>),
}

impl PlainFile {
    /// Opens a file. `None` if it cannot be opened, or is not a regular file: a directory, a
    /// device, or a pipe, whose opening would block until there is a writer.
    pub(super) fn open(path: &Path) -> Option<Self> {
        // Checked first, because opening a device may have effects. Under a new seccomp filter,
        // opening a file may kill the program.
        if sandbox::is_tighter() || !fs::metadata(path).ok()?.is_file() {
            return None;
        }
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
        let file = Kept::open(|| options.open(path)).ok()?;
        // The name may refer to another file by now.
        let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
        Some(Self { from: From::File(file), length: metadata.len() })
    }

    /// Opens the program's own file, wherever it is now; as [`open`](Self::open).
    pub(super) fn of_program() -> Option<Self> {
        if sandbox::is_tighter() {
            return None;
        }
        let file = Kept::open(super::linux::program_file).ok()?;
        let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
        Some(Self { from: From::File(file), length: metadata.len() })
    }

    #[cfg(any(test, perf_fuzz))]
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self { length: bytes.len() as u64, from: From::Memory(bytes.to_vec()) }
    }

    /// Its length when it was opened.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Fills `bytes` with the content at `offset`. `None` if the file is too short.
    pub(super) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Option<()> {
        let end = offset.checked_add(bytes.len() as u64)?;
        if end > self.length {
            return None;
        }
        match &self.from {
            #[cfg(unix)]
            From::File(opened) => std::os::unix::fs::FileExt::read_exact_at(&**opened, bytes, offset).ok(),
            #[cfg(not(unix))]
            From::File(..) => None,
            #[cfg(any(test, perf_fuzz))]
            From::Memory(memory) => {
                bytes.copy_from_slice(&memory[offset as usize..end as usize]);
                Some(())
            }
        }
    }

    /// Reads `length` bytes at `offset`. `None` if the file is too short, or there is no memory for
    /// them.
    pub(super) fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        if offset.checked_add(length as u64)? > self.length {
            return None;
        }
        let mut bytes = zeros(length)?;
        self.read_at(offset, &mut bytes)?;
        Some(bytes)
    }
}

/// Zeroed bytes. `None` if there is no memory for them.
pub(super) fn zeros(length: usize) -> Option<Vec<u8>> {
    // PERF: `resize` is a loop over single bytes where the standard library's code is not
    // optimised.
    static ZEROS: [u8; 4096] = [0; 4096];
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).ok()?;
    while bytes.len() < length {
        bytes.extend_from_slice(&ZEROS[..ZEROS.len().min(length - bytes.len())]);
    }
    Some(bytes)
}

#[cfg(all(test, unix, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let folder = std::env::temp_dir().join(format!("perf-sdk-plain-file-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join("device")).unwrap();
        std::os::unix::fs::symlink("itself", folder.join("itself")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
        assert!(made.success());
        for name in ["pipe", "device", "itself", "socket", "missing", "."] {
            assert!(PlainFile::open(&folder.join(name)).is_none(), "{name}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn reading_a_truncated_file_is_an_error() {
        let path = std::env::temp_dir().join(format!("perf-sdk-plain-file-cut-{}", std::process::id()));
        fs::write(&path, vec![7; 100_000]).unwrap();
        let file = PlainFile::open(&path).unwrap();
        assert_eq!(file.read(90_000, 10_000), Some(vec![7; 10_000]));
        assert_eq!((file.read(90_000, 10_001), file.read(u64::MAX, 1), file.read(0, usize::MAX)), (None, None, None));
        OpenOptions::new().write(true).open(&path).unwrap().set_len(95_000).unwrap();
        assert_eq!(file.read(90_000, 10_000), None);
        assert!(file.read(90_000, 5_000).is_some());
        fs::remove_file(&path).unwrap();
    }
}
