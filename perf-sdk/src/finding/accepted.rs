//! The file of findings that stay quiet.

use std::collections::BTreeSet;

/// The number of hexadecimal digits of a fingerprint.
const DIGITS: usize = 16;

/// The fingerprints in a file: the first word of each line that is neither empty nor a comment.
///
/// # Errors
/// The number of a line that begins with something else, and its first word.
pub(crate) fn accepted(text: &str) -> Result<BTreeSet<String>, (usize, String)> {
    let mut fingerprints = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some(word) = line.split_whitespace().next().filter(|word| !word.starts_with('#')) else { continue };
        if word.len() != DIGITS || !word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err((number, word.to_owned()));
        }
        fingerprints.insert(word.to_owned());
    }
    Ok(fingerprints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_a_fingerprint_and_what_you_like() {
        let text = "# known\n\n3f0c4f6a9b1d2e57 cache_misses: differ\n  00000000000000ff\n";
        let all: Vec<String> = accepted(text).unwrap().into_iter().collect();
        assert_eq!(all, ["00000000000000ff", "3f0c4f6a9b1d2e57"]);
        assert_eq!(accepted("3f0c4f6a9b1d2e57\ncache_misses"), Err((2, "cache_misses".to_owned())));
        assert_eq!(accepted("3F0C4F6A9B1D2E57"), Err((1, "3F0C4F6A9B1D2E57".to_owned())));
        assert!(accepted("").unwrap().is_empty());
    }
}
