//! Tokens that are generated.

use std::fs::File;
use std::io::{self, Read as _};

/// What a generated token begins with: in a file it tells ours from secrets of others.
const PREFIX: &str = "perf-sdk-";
/// Of a generated token, of which each is two digits.
const SECRET_BYTES: usize = 32;
/// Characters of a generated token.
pub(super) const LENGTH: usize = PREFIX.len() + 2 * SECRET_BYTES;

/// A new one.
pub(super) fn generate() -> io::Result<String> {
    let mut bytes = [0u8; SECRET_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{PREFIX}{digits}"))
}

/// Whether a token is one that was generated, in whatever run.
pub(super) fn is_generated(token: &str) -> bool {
    let digits = token.strip_prefix(PREFIX);
    digits.is_some_and(|digits| token.len() == LENGTH && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
