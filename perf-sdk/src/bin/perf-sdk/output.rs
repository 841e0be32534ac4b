//! Files and stdout.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::failure::{Failure, said};

/// Writes text to stdout.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::of_stdout(&error))
}

/// Writes one line of JSON to stdout.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
    print(&(text + "\n"))
}

/// Where a file goes: `-` is stdout.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Stdout,
    Path(PathBuf),
}

impl Target {
    /// What `-o` says; without it stdout, unless that is a terminal, which bytes do not go to.
    pub(crate) fn of(option: Option<&str>, is_text: bool) -> Result<Self, Failure> {
        match option {
            Some("-") => Ok(Self::Stdout),
            Some(path) => Ok(Self::Path(path.into())),
            None if is_text || !io::stdout().is_terminal() => Ok(Self::Stdout),
            None => said("stdout is a terminal; name a file with -o FILE, or -o - for the terminal"),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::of_stdout(&error))
            }
            Self::Path(path) => write_file(path, bytes)
                .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display()))),
        }
    }

    /// Says on stderr what was written, if it is a file.
    pub(crate) fn say_written(&self, bytes: usize) {
        if let Self::Path(path) = self {
            eprintln!("wrote {} ({})", path.display(), crate::units::bytes(bytes as f64));
        }
    }
}

/// A regular file is replaced as a whole, so a reader finds the old or the new one. What is none, a
/// device, a pipe or a link, is written into: root could replace it.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => {
            let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
            return file.write_all(bytes);
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (beside, mut file) = new_beside(path)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A new file that only this user may read, in the same folder.
fn new_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    const ATTEMPTS: u32 = 100;
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is not the name of a file"))?;
    for attempt in 0..ATTEMPTS {
        let beside = path.with_file_name(format!(".{}-{}-{attempt}.tmp", name.to_string_lossy(), std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            file => return file.map(|file| (beside, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("perf-sdk-cli-output-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_and_a_link_is_followed() {
        let folder = folder("files");
        let (file, link) = (folder.join("a"), folder.join("link"));
        for text in ["one", "the second"] {
            write_file(&file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_file(&link, b"3").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "3");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing is left beside them");
        assert!(write_file(&folder, b"").is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_device_stays_a_device() {
        use std::os::unix::fs::FileTypeExt as _;
        write_file(Path::new("/dev/null"), b"gone").unwrap();
        assert!(fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
    }
}
