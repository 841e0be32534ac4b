//! Generated tokens.

use std::fs::File;
use std::io::{self, Read as _};

use crate::base::fork::Moment;

/// The prefix of a generated token, which distinguishes it from other secrets in a file.
const PREFIX: &str = "perf-sdk-";
/// The random bytes of a generated token, each of which is written as two digits.
const SECRET_BYTES: usize = 32;
/// The length of a generated token, in characters.
pub(super) const LENGTH: usize = PREFIX.len() + 2 * SECRET_BYTES;

/// Generates a token.
pub(super) fn generate() -> io::Result<String> {
    let mut bytes = [0u8; SECRET_BYTES];
    let _moment = Moment::begin();
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{PREFIX}{digits}"))
}

/// Whether a token was generated, in this or another run.
pub(super) fn is_generated(token: &str) -> bool {
    let digits = token.strip_prefix(PREFIX);
    digits.is_some_and(|digits| token.len() == LENGTH && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
