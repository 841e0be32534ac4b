//! The secret that state-changing requests must bear.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::error::Error;
use crate::secret::Secret;

/// The token in force, and the file that it is kept in if it was generated.
#[derive(Debug)]
pub(super) struct Token {
    secret: Secret,
    pub(super) file: Option<PathBuf>,
}

impl Token {
    /// The configured token, or a new one, kept in a file that only this user can read.
    pub(super) fn of(config: &Config) -> Result<Self, Error> {
        if let Some(secret) = &config.token {
            return Ok(Self { secret: secret.clone(), file: None });
        }
        let path = config.token_file.clone().unwrap_or_else(default_path);
        match generate().and_then(|secret| keep(&path, &secret).map(|()| secret)) {
            Ok(secret) => Ok(Self { secret: Secret::new(secret), file: Some(path) }),
            Err(source) => Err(Error::TokenFile { path, source }),
        }
    }

    pub(super) fn secret(&self) -> &str {
        self.secret.reveal()
    }

    /// Takes the same time wherever the two differ.
    pub(super) fn matches(&self, offered: &str) -> bool {
        let (a, b) = (self.secret().as_bytes(), offered.as_bytes());
        let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
        a.len() == b.len() && std::hint::black_box(differences) == 0
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // Ours alone: the file would outlive its meaning. Whether it is still there does not matter.
        if let Some(file) = &self.file {
            let _ = fs::remove_file(file);
        }
    }
}

fn default_path() -> PathBuf {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
    folder.unwrap_or_else(std::env::temp_dir).join(format!("perf-sdk-{}.token", std::process::id()))
}

fn generate() -> io::Result<String> {
    let mut bytes = [0u8; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A new file, never one that somebody else put there.
fn keep(path: &Path, secret: &str) -> io::Result<()> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(format!("{secret}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_matches() {
        let token = Token { secret: Secret::new("0123456789abcdef"), file: None };
        assert!(token.matches("0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef0"] {
            assert!(!token.matches(wrong), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_this_user_only_and_goes_with_the_token() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("perf-sdk-test-{}.token", std::process::id()));
        let config =
            Config { token_file: Some(path.clone()), ..crate::config::Builder::default().resolve(|_| None).unwrap() };
        let token = Token::of(&config).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), token.secret());
        assert_eq!(token.secret().len(), 64);
        drop(token);
        assert!(!path.exists());
    }
}
