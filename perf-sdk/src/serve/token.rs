//! The secret that state-changing requests must present.

use std::path::{Path, PathBuf};

use super::generated_token::generate;
#[cfg(test)]
use super::generated_token::is_generated;
use super::token_file::TokenFile;
use crate::error::Error;
use crate::settings::{Secret, Settings};

/// The token in use.
#[derive(Debug)]
pub(super) enum Token {
    /// Configured by the program.
    Given(Secret),
    /// Generated, and stored in a file that only this user can read.
    Kept(Secret, TokenFile),
    /// None could be stored, for this reason. So no client can know one.
    Missing(String),
}

impl Token {
    /// The configured token, or a new one. An error only if its file was configured.
    pub(super) fn of(settings: &Settings) -> Result<Self, Error> {
        if let Some(secret) = &settings.token {
            return Ok(Self::Given(secret.clone()));
        }
        if let Some(path) = &settings.token_file {
            let kept = generate().and_then(|secret| Ok((TokenFile::create_at(path, &secret)?, secret)));
            return match kept {
                Ok((file, secret)) => Ok(Self::Kept(Secret::new(secret), file)),
                Err(source) => Err(Error::TokenFile { path: path.clone(), source }),
            };
        }
        Ok(Self::in_first_of(&default_folders()))
    }

    fn in_first_of(folders: &[PathBuf]) -> Self {
        let secret = match generate() {
            Ok(secret) => secret,
            Err(error) => return Self::Missing(format!("no token could be generated: {error}")),
        };
        let mut refused = Vec::new();
        for folder in folders {
            match TokenFile::create_in(folder, &secret) {
                Ok(file) => return Self::Kept(Secret::new(secret), file),
                Err(error) => refused.push(format!("{}: {error}", folder.display())),
            }
        }
        Self::Missing(format!("no token could be stored in {}", refused.join("; ")))
    }

    /// The file that contains it.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Kept(_, file) => Some(file.path()),
            Self::Given(_) | Self::Missing(_) => None,
        }
    }

    /// Why there is none.
    pub(super) fn missing(&self) -> Option<&str> {
        match self {
            Self::Missing(why) => Some(why),
            Self::Given(_) | Self::Kept(..) => None,
        }
    }

    /// Takes the same time wherever the two differ. A missing token matches nothing.
    pub(super) fn matches(&self, offered: &str) -> bool {
        let (Self::Given(secret) | Self::Kept(secret, _)) = self else { return false };
        let (a, b) = (secret.reveal().as_bytes(), offered.as_bytes());
        let differences = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
        a.len() == b.len() && std::hint::black_box(differences) == 0
    }
}

/// The user's runtime folder, then the shared temporary folder.
fn default_folders() -> Vec<PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    own.into_iter().chain([std::env::temp_dir()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_matches() {
        let token = Token::Given(Secret::new("0123456789abcdef"));
        assert!(token.matches("0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef0"] {
            assert!(!token.matches(wrong), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_generated_token_is_stored_in_the_first_usable_folder() {
        let folders = [PathBuf::from("/no/such/folder"), std::env::temp_dir()];
        let token = Token::in_first_of(&folders);
        let path = token.file().unwrap().to_owned();
        let secret = std::fs::read_to_string(&path).unwrap();
        assert!(path.starts_with(std::env::temp_dir()) && is_generated(secret.trim()));
        assert!(token.matches(secret.trim()) && !format!("{token:?}").contains(secret.trim()));
        drop(token);
        assert!(!path.exists());
    }

    #[test]
    fn a_token_that_could_not_be_stored_matches_nothing() {
        let token = Token::in_first_of(&["/no/such/folder".into(), "/nor/this".into()]);
        assert!(token.file().is_none() && !token.matches(""));
        assert!(token.missing().is_some_and(|why| why.contains("/no/such/folder") && why.contains("/nor/this")));
    }
}
