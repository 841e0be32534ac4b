//! The file that a generated token is kept in.
//!
//! In a folder that others use too, such as `/tmp`: a new file each time, with a name that nobody
//! else takes, and locked while its process lives. What was killed leaves its file behind; the next
//! start of this user's removes it, unless somebody holds its lock: in another container, where
//! processes have other numbers.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use super::{flock, generated_token};
use crate::base::descriptors::Kept;
use crate::base::new_file;
use crate::base::sandbox;

const PREFIX: &str = "perf-sdk-";
const SUFFIX: &str = ".token";
/// Digits of a file's random part.
const RANDOM_DIGITS: usize = 16;
/// Names that are tried, one of which is free and not swept away meanwhile.
const ATTEMPTS: u32 = 16;
/// Entries of the folder that are looked at for files left behind.
#[cfg(unix)]
const MOST_ENTRIES: usize = 10_000;

/// A file that goes when this drops.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    /// Open, for its lock.
    file: Kept<File>,
}

impl TokenFile {
    /// A new file in `folder`. What dead processes left there is removed.
    pub(super) fn create_in(folder: &Path, secret: &str) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let random = new_file::random();
            let path = folder.join(format!("{PREFIX}{}-{random:0RANDOM_DIGITS$x}{SUFFIX}", process::id()));
            let file = match new_file::create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let made = Self { path, file };
            // Another start looked at it between the two steps, and takes it for one that was left
            // behind.
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
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no new file stays there"))
    }

    /// The file that was asked for by name, in the place of a token of an earlier run: never in
    /// that of anything else.
    pub(super) fn create_at(path: &Path, secret: &str) -> io::Result<Self> {
        if let Some(old) = Self::left_at(path)? {
            drop(old);
        }
        let file = new_file::create(path)?;
        let made = Self { path: path.to_owned(), file };
        made.write(secret)?;
        // A machine that loses its power would leave an empty file, which nobody would replace.
        made.file.sync_all()?;
        Ok(made)
    }

    /// What an earlier run left at `path`; `None`: nothing is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] for anything else than a token that was generated.
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
        // Whatever cannot be read as text is none of ours.
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

    /// Whether the path still leads to this file.
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

    /// Removes what this user's processes that are gone left in the folder.
    #[cfg(unix)]
    fn sweep(&self, folder: &Path) {
        use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
        let Ok(user) = self.file.metadata().map(|own| own.uid()) else { return };
        let is_ours = |file: fs::Metadata| file.is_file() && file.uid() == user;
        for entry in fs::read_dir(folder).into_iter().flatten().take(MOST_ENTRIES).flatten() {
            let Some(process) = entry.file_name().to_str().and_then(process_of) else { continue };
            let path = entry.path();
            // Of an own number is what an earlier process of that number left: in a container each
            // start is number 1.
            let may_be_left = process == process::id() || flock::is_dead(process);
            if !may_be_left || !fs::symlink_metadata(&path).is_ok_and(is_ours) {
                continue;
            }
            let options = libc::O_NOFOLLOW | libc::O_NONBLOCK;
            let open = || OpenOptions::new().read(true).custom_flags(options).open(&path);
            let Ok(file) = Kept::open(open) else { continue };
            if file.metadata().is_ok_and(is_ours) && flock::lock(&file).is_ok() {
                // Removed as its drop, if it is still there.
                drop(Self { path, file });
            }
        }
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // Ours alone: the file would outlive its meaning. One that another process put in its place
        // stays. Under a filter that is new ours stays as well, as if the process had been killed.
        if !sandbox::is_tighter() && self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn not_ours() -> io::Error {
    let text = "what is there is not a token of an earlier run, and stays; allowed: a file that is not there yet, or one that \
                the profiler wrote";
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

/// The process that a file of such a name belongs to.
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
    fn names_tell_their_process() {
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
    fn a_file_is_for_this_user_only_and_goes_when_it_drops() {
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
    fn a_named_file_takes_the_place_of_a_token_only() {
        let folder = folder("named");
        let path = folder.join("token");
        let digits = "0123456789abcdef".repeat(4);
        let secret = format!("perf-sdk-{digits}");
        let first = TokenFile::create_at(&path, &secret).unwrap();
        let second = TokenFile::create_at(&path, &secret).unwrap();
        drop(first);
        assert!(path.exists(), "it is the second one's");
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
