//! A file that is there as a whole or not at all.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::base::descriptors::Kept;

/// Names that are tried: each has 64 random bits.
const ATTEMPTS: u32 = 16;

/// A file under a temporary name of its own, until it gets the name that it is meant for. Removed
/// if it does not.
///
/// The temporary name is random and created exclusively: other writers of the same goal, in this
/// process or another one, have names of their own, and what somebody else put there is never
/// written to. Only this user can read it.
#[derive(Debug)]
pub(crate) struct NewFile {
    temporary: PathBuf,
    file: Kept<File>,
}

impl NewFile {
    /// A new file in the folder of `goal`, so that both are on one file system. It is called
    /// `PREFIX` + the goal's name + `-RANDOM` + `SUFFIX`.
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

    /// Gives it its name in place of what bears it, when its contents are on the disk.
    pub(crate) fn replace(self, goal: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, goal)
    }

    /// Gives it its name unless something bears it: then [`io::ErrorKind::AlreadyExists`], and
    /// another name can be tried. Its contents may not be on the disk yet.
    #[cfg(feature = "push")]
    pub(crate) fn link(&self, goal: &Path) -> io::Result<()> {
        match fs::hard_link(&self.temporary, goal) {
            // Where there are no links.
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
        // After a rename nothing is there; the error that matters is an earlier one.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// For this user only; never one that is there.
pub(crate) fn create(path: &Path) -> io::Result<Kept<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Kept::open(|| options.open(path))
}

/// For names, not for secrets.
///
/// The standard library has its hashers' keys from the system, once a thread: each further one
/// differs by a counter, so the process is hashed in, which a fork changes.
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
    fn what_is_not_finished_leaves_nothing() {
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
