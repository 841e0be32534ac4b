//! Splits text into words. Sources and questions use the same function, so that they match.

/// The maximum length of a word in bytes. Longer words are cut.
const MAX_WORD: usize = 32;

/// Words of every Rust source, which therefore distinguish nothing. Sorted.
const NOISE: [&str; 30] = [
    "as", "async", "await", "const", "crate", "dyn", "else", "enum", "false", "fn", "for", "if", "impl", "in", "let",
    "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static", "struct", "super", "true", "type", "use",
    "where",
];

/// Calls `each` for every word of `text`, in lower case: `parse_HTTPHeader2` becomes `parse`,
/// `http`, `header2`.
///
/// Words of one byte and Rust's most frequent keywords are omitted. Letters outside ASCII count as
/// letters without case.
pub(crate) fn words(text: &str, mut each: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut lower = String::with_capacity(MAX_WORD + 4);
    let mut at = 0;
    while at < bytes.len() {
        if !is_letter(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        at += 1;
        while at < bytes.len() && is_letter(bytes[at]) && !is_boundary(bytes, at) {
            at += 1;
        }
        let mut end = at.min(start + MAX_WORD);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        lower.clear();
        lower.push_str(&text[start..end]);
        lower.make_ascii_lowercase();
        if lower.len() > 1 && NOISE.binary_search(&lower.as_str()).is_err() {
            each(&lower);
        }
    }
}

/// The words of a short text.
pub(crate) fn list(text: &str) -> Vec<String> {
    let mut list = Vec::new();
    words(text, |word| list.push(word.to_owned()));
    list
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Whether a new word begins at `at`, inside a run of letters: `fooBar`, `HTTPServer`, `u8Max`.
fn is_boundary(bytes: &[u8], at: usize) -> bool {
    let upper = bytes[at].is_ascii_uppercase();
    let after_lower = !bytes[at - 1].is_ascii_uppercase();
    let before_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    upper && (after_lower || before_lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_split_at_underscores_and_humps() {
        for (text, expected) in [
            ("parse_HTTPHeader2", "parse http header2"),
            ("fooBar::BAZ_QUX", "foo bar baz qux"),
            ("IoError u8Max X", "io error u8 max"),
            ("let mut x = self.read_to_end(&mut buffer)?;", "read to end buffer"),
            ("sha256 0x7f Vec<T>", "sha256 0x7f vec"),
            ("", ""),
            ("_ __ - 'a", ""),
        ] {
            assert_eq!(list(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn letters_outside_ascii_are_kept_and_never_cut_in_two() {
        assert_eq!(list("naïve Größe"), ["naïve", "größe"]);
        assert_eq!(list(&"é".repeat(40)), ["é".repeat(16)]);
        assert_eq!(list(&format!("a{}", "é".repeat(40))), [format!("a{}", "é".repeat(15))]);
    }

    #[test]
    fn noise_is_sorted_and_left_out() {
        assert!(NOISE.is_sorted());
        assert_eq!(list("pub async fn wait"), ["wait"]);
    }
}
