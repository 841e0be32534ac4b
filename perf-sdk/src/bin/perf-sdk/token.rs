//! Which token is sent, and to whom.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::failure::{Failure, said};
use crate::place::Place;

/// A token, which is in no message.
#[derive(Clone)]
pub(crate) struct Token(String);

/// The longest token, and a line end.
const MOST_BYTES: u64 = 258;
/// What a generated token looks like: this, and 64 hexadecimal digits.
const GENERATED: &str = "perf-sdk-";

impl Token {
    /// The one that was given, wherever the endpoint is; else `PERF_TOKEN` if it stays on this
    /// machine; else the file that the process itself wrote, if it was named by its id.
    pub(crate) fn for_endpoint(given: Option<&str>, place: &Place) -> Result<Option<Self>, Failure> {
        if let Some(given) = given {
            return match given.strip_prefix('@') {
                Some(path) => Self::of_file(Path::new(path)).map(Some),
                None => Self::checked(given, "--token").map(Some),
            };
        }
        if !place.is_local() {
            return Ok(None);
        }
        match std::env::var("PERF_TOKEN") {
            Ok(token) if !token.is_empty() => Self::checked(&token, "PERF_TOKEN").map(Some),
            _ => Ok(place.pid.and_then(generated_by)),
        }
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    fn checked(text: &str, from: &str) -> Result<Self, Failure> {
        let is_token = (16..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token {
            return Ok(Self(text.to_owned()));
        }
        said(format!("the token of {from} is not one; allowed: 16 to 256 printable ASCII characters without spaces"))
    }

    fn of_file(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
        read.map_err(|error| Failure::new(format!("cannot read the token in {shown}: {error}")))?;
        Self::checked(text.trim_end_matches(['\n', '\r']), &shown.to_string())
    }
}

/// The token that a process of this user generated, from its file in a shared folder. Whatever else
/// has such a name there is not read: a link, a device, a file of somebody else, another content.
fn generated_by(pid: u32) -> Option<Token> {
    let folders =
        ["XDG_RUNTIME_DIR", "TMPDIR"].into_iter().filter_map(|name| std::env::var_os(name).map(PathBuf::from));
    folders.chain([PathBuf::from("/tmp")]).find_map(|folder| generated_in(&folder, pid))
}

fn generated_in(folder: &Path, pid: u32) -> Option<Token> {
    const MOST_ENTRIES: usize = 10_000;
    let begin = format!("perf-sdk-{pid}-");
    let is_name = |name: &str| name.starts_with(&begin) && name.ends_with(".token");
    let entries = fs::read_dir(folder).ok()?.take(MOST_ENTRIES).flatten();
    let paths = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_name)).map(|entry| entry.path());
    paths.filter_map(|path| read_generated(&path)).next()
}

fn read_generated(path: &Path) -> Option<Token> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let about = file.metadata().ok()?;
    if !about.is_file() || about.uid() != rustix::process::geteuid().as_raw() {
        return None;
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    let token = text.strip_suffix('\n')?;
    let digits = token.strip_prefix(GENERATED)?;
    let is_generated = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_generated.then(|| Token(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("perf-sdk-cli-token-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn only_a_regular_file_with_a_token_is_read() {
        let folder = folder("regular");
        let token = format!("perf-sdk-{}", "0123456789abcdef".repeat(4));
        let named = |random: &str| folder.join(format!("perf-sdk-7-{random}.token"));
        fs::write(folder.join("elsewhere"), format!("{token}\n")).unwrap();
        std::os::unix::fs::symlink(folder.join("elsewhere"), named("a")).unwrap();
        fs::write(named("b"), "a secret of somebody\n").unwrap();
        fs::write(named("c"), &token).unwrap();
        fs::create_dir(named("d")).unwrap();
        // Opening a pipe without a writer would wait.
        let pipe = named("e");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(generated_in(&folder, 7).is_none());
        fs::write(named("f"), format!("{token}\n")).unwrap();
        assert_eq!(generated_in(&folder, 7).map(|found| found.bearer()), Some(format!("Bearer {token}")));
        assert!(generated_in(&folder, 8).is_none());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_given_token_is_checked_and_not_repeated() {
        let place = |host: &str| Place {
            address: Address::Tcp { host: host.to_owned(), port: 1 },
            prefix: String::new(),
            pid: None,
        };
        let said = Token::for_endpoint(Some("short"), &place("web")).err().unwrap().to_string();
        assert!(said.contains("--token") && !said.contains("short"), "{said}");
        let given = Token::for_endpoint(Some("0123456789abcdef"), &place("web")).ok().flatten();
        assert_eq!(given.map(|token| token.bearer()), Some("Bearer 0123456789abcdef".to_owned()));
        assert!(Token::for_endpoint(None, &place("web")).is_ok_and(|token| token.is_none()));
    }
}
