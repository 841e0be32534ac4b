//! Files that appear either complete or not at all.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::base::descriptors::Kept;

/// Attempts to find an unused name, each with 64 random bits.
const ATTEMPTS: u32 = 16;

/// A file with a temporary name, until it gets its final name. If it never does, it is removed.
///
/// The temporary name is random, and the file is created exclusively. So other writers of the same
/// file, in this process or another one, use other names, and an existing file is never written to.
/// Only this user can read it.
#[derive(Debug)]
pub(crate) struct NewFile {
    temporary: PathBuf,
    file: Kept<File>,
}

impl NewFile {
    /// Creates a file in the folder of `goal`, so that both are on one file system. Its name is
    /// `PREFIX` + the name of the goal + `-RANDOM` + `SUFFIX`.
    pub(crate) fn beside(goal: &Path, prefix: &str, suffix: &str) -> io::Result<Self> {
        let Some(name) = goal.file_name() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut last = io::ErrorKind::AlreadyExists.into();
        for _ in 0..ATTEMPTS {
            let mut called = OsString::from(prefix);
            called.push(name);
            called.push(format!("-{:016x}{suffix}", random()));
            let temporary = goal.with_file_name(called);
            match create(&temporary) {
                Ok(file) => return Ok(Self { temporary, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Renames it to `goal` and replaces an existing file, after its contents are on the disk.
    pub(crate) fn replace(self, goal: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, goal)
    }

    /// As [`replace`](Self::replace), but its contents may not be on the disk yet: a power failure
    /// may lose them.
    pub(crate) fn replace_soon(self, goal: &Path) -> io::Result<()> {
        fs::rename(&self.temporary, goal)
    }

    /// Gives it the name `goal`, unless that exists: then [`io::ErrorKind::AlreadyExists`], and
    /// another name can be tried. Its contents may not be on the disk yet.
    #[cfg(any(feature = "flight", feature = "push"))]
    pub(crate) fn link(&self, goal: &Path) -> io::Result<()> {
        match fs::hard_link(&self.temporary, goal) {
            // The file system has no hard links.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !goal.exists() => {
                fs::rename(&self.temporary, goal)
            }
            linked => linked,
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After a rename nothing is left to remove. An error here would hide the one that matters.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Creates a file that only this user can read. Fails if it exists.
pub(crate) fn create(path: &Path) -> io::Result<Kept<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Kept::open(|| options.open(path))
}

/// A random number for names, not for secrets.
///
/// The standard library seeds its hashers from the system once for each thread, and increments a
/// counter for each further one. So the process id is hashed too, because a fork does not change
/// the seed.
pub(crate) fn random() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("perf-sdk-new-file-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn an_unfinished_file_is_removed() {
        let folder = folder("dropped");
        let goal = folder.join("goal");
        let mut file = NewFile::beside(&goal, ".", ".tmp").unwrap();
        file.write_all(b"half").unwrap();
        assert!(matches!(&names(&folder)[..], [name] if name.starts_with(".goal-") && name.ends_with(".tmp")));
        drop(file);
        assert!(names(&folder).is_empty());
        // A folder that is not empty cannot be replaced.
        fs::create_dir_all(goal.join("inside")).unwrap();
        assert!(NewFile::beside(&goal, "", ".tmp").unwrap().replace(&goal).is_err());
        assert_eq!(names(&folder), ["goal"]);
        assert!(NewFile::beside(Path::new("/"), "", "").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_for_this_user_only_and_replaces_a_link_rather_than_following_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder("modes");
        let (goal, elsewhere) = (folder.join("goal"), folder.join("elsewhere"));
        fs::write(&elsewhere, "theirs").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &goal).unwrap();
        let mut file = NewFile::beside(&goal, "", ".tmp").unwrap();
        file.write_all(b"ours").unwrap();
        file.replace(&goal).unwrap();
        assert_eq!(fs::read_to_string(&goal).unwrap(), "ours");
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "theirs");
        assert_eq!(fs::symlink_metadata(&goal).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(names(&folder), ["elsewhere", "goal"]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(feature = "push")]
    #[test]
    fn a_link_does_not_replace() {
        let folder = folder("link");
        fs::write(folder.join("one"), "theirs").unwrap();
        let mut file = NewFile::beside(&folder.join("one"), ".", ".tmp").unwrap();
        file.write_all(b"ours").unwrap();
        assert_eq!(file.link(&folder.join("one")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        file.link(&folder.join("two")).unwrap();
        drop(file);
        assert_eq!(names(&folder), ["one", "two"]);
        assert_eq!(fs::read_to_string(folder.join("one")).unwrap(), "theirs");
        fs::remove_dir_all(&folder).unwrap();
    }
}
