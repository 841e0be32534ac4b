//! Texts that need no escape.

/// Whether a text is printable ASCII without quotes and backslashes, so that no text format needs
/// an escape in it.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_text_is_one_that_no_format_escapes() {
        assert!(is_plain("<a::B as C>::d") && is_plain(""));
        for text in ["a\"", "a\\", "a\n", "ü", "\u{7f}", "\t"] {
            assert!(!is_plain(text), "{text:?}");
        }
    }
}
