//! The file of a generated token.
//!
//! In a shared folder such as `/tmp`, it is a new file each time, with a unique name, and locked
//! for the lifetime of its process. A process that is killed leaves its file behind. The next start
//! of the same user removes it, unless it is locked: the process may be in another container, where
//! process ids differ.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use super::{flock, generated_token};
use crate::base::descriptors::Kept;
use crate::base::new_file;
use crate::base::{sandbox, small_file};

const PREFIX: &str = "perf-sdk-";
const SUFFIX: &str = ".token";
/// The digits of a file's random part.
const RANDOM_DIGITS: usize = 16;
/// Attempts to find a name that is unused and not removed meanwhile.
const ATTEMPTS: u32 = 16;
/// The maximum number of entries of the folder that are inspected for old files.
#[cfg(unix)]
const MOST_ENTRIES: usize = 10_000;

/// A file that is removed when this drops.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    /// Kept open for its lock.
    file: Kept<File>,
}

impl TokenFile {
    /// Creates a new file in `folder`, and removes files of dead processes there.
    pub(super) fn create_in(folder: &Path, secret: &str) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let random = new_file::random();
            let path = folder.join(format!("{PREFIX}{}-{random:0RANDOM_DIGITS$x}{SUFFIX}", process::id()));
            let file = match new_file::create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let made = Self { path, file };
            // Another start has locked it between the two steps, because it considers the file
            // abandoned.
            if flock::lock(&made.file).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                continue;
            }
            made.write(secret)?;
            if made.is_there() {
                #[cfg(unix)]
                made.sweep(folder);
                return Ok(made);
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "every new file was removed again by another process"))
    }

    /// Creates the configured file. It replaces a token of an earlier run, but no other file.
    pub(super) fn create_at(path: &Path, secret: &str) -> io::Result<Self> {
        if let Some(old) = Self::left_at(path)? {
            drop(old);
        }
        let file = new_file::create(path)?;
        let made = Self { path: path.to_owned(), file };
        made.write(secret)?;
        // A power failure would otherwise leave an empty file, which would never be replaced.
        made.file.sync_all()?;
        Ok(made)
    }

    /// The file that an earlier run left at `path`. `None` if there is none.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] for anything other than a generated token.
    fn left_at(path: &Path) -> io::Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Ok(there) if there.is_file() => {}
            Ok(_) => return Err(not_ours()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = Kept::open(|| options.open(path))?;
        let mut text = String::new();
        // A file that cannot be read as text is not a generated token.
        let read = (&*file).take(generated_token::LENGTH as u64 + 2).read_to_string(&mut text);
        if read.is_err() || !text.strip_suffix('\n').is_some_and(generated_token::is_generated) {
            return Err(not_ours());
        }
        Ok(Some(Self { path: path.to_owned(), file }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn write(&self, secret: &str) -> io::Result<()> {
        (&*self.file).write_all(format!("{secret}\n").as_bytes())
    }

    /// Whether the path still refers to this file.
    #[cfg(unix)]
    fn is_there(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let number = |file: fs::Metadata| (file.dev(), file.ino());
        let there = fs::symlink_metadata(&self.path).map(number).ok();
        there.is_some() && there == self.file.metadata().map(number).ok()
    }

    #[cfg(not(unix))]
    fn is_there(&self) -> bool {
        true
    }

    /// Removes files in the folder that dead processes of this user left behind.
    #[cfg(unix)]
    fn sweep(&self, folder: &Path) {
        use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
        let Ok(user) = self.file.metadata().map(|own| own.uid()) else { return };
        let is_ours = |file: fs::Metadata| file.is_file() && file.uid() == user;
        let names =
            |entries: fs::ReadDir| entries.take(MOST_ENTRIES).flatten().map(|entry| entry.file_name()).collect();
        let names: Vec<OsString> = small_file::entries(folder, names).unwrap_or_default();
        for name in names {
            let Some(process) = name.to_str().and_then(process_of) else { continue };
            let path = folder.join(name);
            // A file with our own process id was left by an earlier process with that id: in a
            // container, each start has process id 1.
            let may_be_left = process == process::id() || flock::is_dead(process);
            if !may_be_left || !fs::symlink_metadata(&path).is_ok_and(is_ours) {
                continue;
            }
            let options = libc::O_NOFOLLOW | libc::O_NONBLOCK;
            let open = || OpenOptions::new().read(true).custom_flags(options).open(&path);
            let Ok(file) = Kept::open(open) else { continue };
            if file.metadata().is_ok_and(is_ours) && flock::lock(&file).is_ok() {
                // Its drop removes the file, if it is still there.
                drop(Self { path, file });
            }
        }
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // Only this process's own file is removed, because its token is no longer valid. A file
        // that another process put in its place stays. Under a new seccomp filter the file is left,
        // as if the process had been killed.
        if !sandbox::is_tighter() && self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn not_ours() -> io::Error {
    let text = "the existing file is not a token of an earlier run, and was left unchanged; allowed: a file that does not exist yet, or one that \
                the profiler wrote";
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

/// The process id in the name of such a file.
#[cfg(unix)]
fn process_of(name: &str) -> Option<u32> {
    let (process, random) = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-')?;
    let is_random = random.len() == RANDOM_DIGITS && random.bytes().all(|b| b.is_ascii_hexdigit());
    process.parse().ok().filter(|_| is_random)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("perf-sdk-test-token-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn names_contain_the_process_id() {
        assert_eq!(process_of("perf-sdk-17-00000000000000ff.token"), Some(17));
        for other in [
            "perf-sdk-17.token",
            "perf-sdk-17-ff.token",
            "perf-sdk--00000000000000ff.token",
            "perf-sdk-17-00000000000000fg.token",
            "perf-sdk-17-00000000000000ff.tok",
            "perf-sdk-99999999999-00000000000000ff.token",
        ] {
            assert_eq!(process_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_file_is_for_this_user_only_and_is_removed_on_drop() {
        let folder = folder("goes");
        let (first, second) =
            (TokenFile::create_in(&folder, "one").unwrap(), TokenFile::create_in(&folder, "two").unwrap());
        for (file, secret) in [(&first, "one\n"), (&second, "two\n")] {
            assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read_to_string(file.path()).unwrap(), secret);
        }
        drop((first, second));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn a_configured_file_replaces_only_a_token() {
        let folder = folder("named");
        let path = folder.join("token");
        let digits = "0123456789abcdef".repeat(4);
        let secret = format!("perf-sdk-{digits}");
        let first = TokenFile::create_at(&path, &secret).unwrap();
        let second = TokenFile::create_at(&path, &secret).unwrap();
        drop(first);
        assert!(path.exists(), "it belongs to the second one");
        drop(second);
        assert!(!path.exists());
        for theirs in [
            "",
            "a secret of the program's own",
            "0123",
            &digits,
            &format!("{digits}\n"),
            &secret,
            &secret[..72],
            &format!("{secret}\n\n"),
            &format!("{secret}0\n"),
        ] {
            fs::write(&path, theirs).unwrap();
            assert_eq!(TokenFile::create_at(&path, &secret).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
