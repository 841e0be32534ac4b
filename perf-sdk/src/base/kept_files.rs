//! Files of one program in a folder, of which the oldest are deleted. A file is written completely
//! or not at all.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::new_file::NewFile;
use super::small_file;
use super::stamp::Stamp;

/// The suffix of a file that is being written. Its name is hidden, and readers do not open it.
const PARTIAL: &str = ".partial";
/// The age from which another process's unfinished file counts as abandoned.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// Fails if files cannot be created in `folder`.
pub(crate) fn probe(folder: &Path) -> io::Result<()> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    NewFile::beside(&folder.join("perf-sdk"), ".", PARTIAL).map(drop)
}

/// How many of them stay.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    #[cfg_attr(not(feature = "push"), allow(dead_code))]
    Files(usize),
    Bytes(u64),
}

/// A folder, and which files in it are one program's.
#[allow(missing_debug_implementations, reason = "it lives for one call")]
pub(crate) struct KeptFiles<'a> {
    pub(crate) folder: &'a Path,
    /// The time in the name of one of the program's files.
    pub(crate) stamp_of: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) limit: Limit,
}

impl KeptFiles<'_> {
    /// Writes a file. Its name is that of the time, or of a later one if it exists, as after the
    /// clock was set back. Returns the name.
    pub(crate) fn write(&self, name: impl Fn(Stamp) -> String, mut stamp: Stamp, body: &[u8]) -> io::Result<String> {
        let mut file = NewFile::beside(&self.folder.join(name(stamp)), ".", PARTIAL)?;
        file.write_all(body)?;
        loop {
            let name = name(stamp);
            match file.link(&self.folder.join(&name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => stamp = stamp.next(),
                result => return result.map(|()| name),
            }
        }
    }

    /// Deletes the oldest of the program's files beyond the limit, whichever process wrote them,
    /// except those in `new`. Files with a time in the future, written while the clock was ahead,
    /// count as the oldest. Returns the bytes of those that stay.
    ///
    /// # Errors
    /// The last error. Other files are deleted nevertheless.
    pub(crate) fn tidy(&self, new: &[String]) -> io::Result<u64> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        let now = Stamp::of_unix_ns(now).to_string();
        let mut files: Vec<(bool, String, PathBuf, u64)> = Vec::new();
        let names = |entries: fs::ReadDir| entries.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
        for name in small_file::entries(self.folder, names)? {
            let Ok(name) = name.into_string() else { continue };
            let path = self.folder.join(&name);
            let stamp = (self.stamp_of)(&name);
            let partial = name.strip_prefix('.').and_then(|name| name.strip_suffix(PARTIAL));
            let is_partial =
                partial.and_then(|name| name.rsplit_once('-')).is_some_and(|(of, _)| (self.stamp_of)(of).is_some());
            if stamp.is_none() && !is_partial {
                continue;
            }
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if !metadata.is_file() {
                continue;
            }
            match stamp {
                Some(stamp) => {
                    let is_believed = stamp <= now || new.contains(&name);
                    files.push((is_believed, format!("{stamp}{name}"), path, metadata.len()));
                }
                None if metadata.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED)) => {
                    let _ = fs::remove_file(path);
                }
                None => {}
            }
        }
        let is_new = |path: &Path| new.iter().any(|name| path.file_name().is_some_and(|file| *file == **name));
        super::sort::sort_by(&mut files, |a, b| (is_new(&b.2), b.0, &b.1).cmp(&(is_new(&a.2), a.0, &a.1)));
        let mut bytes = 0_u64;
        let stay = files.iter().enumerate().take_while(|(at, (_, _, path, length))| {
            let all = bytes.saturating_add(*length);
            let stays = *at == 0
                || is_new(path)
                || match self.limit {
                    Limit::Files(most) => *at < most,
                    Limit::Bytes(most) => all <= most,
                };
            bytes = if stays { all } else { bytes };
            stays
        });
        let stay = stay.count();
        let mut result = Ok(bytes);
        for (_, _, path, _) in &files[stay..] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => result = Err(error),
                _ => {}
            }
        }
        result
    }

    /// One of the program's files. Another name is not found: it may come from a request.
    #[cfg_attr(not(feature = "flight"), allow(dead_code))]
    pub(crate) fn read(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        if (self.stamp_of)(name).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut options = fs::File::options();
        options.read(true);
        // A link may lead anywhere, and a pipe makes its reader wait.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(self.folder.join(name))?;
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut body = Vec::new();
        if file.take(most + 1).read_to_end(&mut body)? as u64 > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(body)
    }
}
