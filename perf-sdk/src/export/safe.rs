//! Replaces what a format cannot represent in a name.
//!
//! Names, labels and error texts come from the program. It may make them at run time by `measure`
//! or `with_labels`, even from data that it received. JSON can represent everything, with the
//! escapes of its writer.

use std::borrow::Cow;

/// Escapes characters that end lines for some reader, control a terminal, or are noncharacters,
/// each as in `\u{1b}`. A text that already contains such an escape stays distinguishable, because
/// its backslash becomes `\u{5c}`. Characters for which `keeps` holds are unchanged.
fn visible(text: &str, keeps: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_shown = |c: char| (is_control(c) && !keeps(c)) || is_no_character(c);
    if !text.contains(is_shown) && !text.contains("\\u{") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        if is_shown(c) || text[at..].starts_with("\\u{") {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Control characters of ASCII and Latin-1, and the two separators that end a line for Python's
/// `str.splitlines` and Java's `Scanner`.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Noncharacters according to XML 1.0 and Unicode.
fn is_no_character(c: char) -> bool {
    u32::from(c) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c)
}

/// Bidirectional controls, which make a text look like another one.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line for a terminal, for `pprof`, and for display: line ends and tabs become spaces.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    let is_space = |c| matches!(c, '\n' | '\r' | '\t');
    let mut line = visible(text, is_space);
    if line.contains(is_space) {
        line = Cow::Owned(line.replace(is_space, " "));
    }
    if line.contains(is_direction) {
        line = Cow::Owned(line.chars().flat_map(shown_direction).collect());
    }
    line
}

/// Several lines for a terminal.
#[cfg(feature = "serve")]
pub(crate) fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn shown_direction(c: char) -> impl Iterator<Item = char> {
    let escape = is_direction(c).then(|| c.escape_unicode());
    let same = escape.is_none().then_some(c);
    escape.into_iter().flatten().chain(same)
}

/// A label's value or a help text, before the escapes of the format. The result is the same in all
/// formats including protobuf, so that a series has the same labels in each.
#[cfg(feature = "enabled")]
pub(in crate::export) fn label(text: &str) -> Cow<'_, str> {
    visible(text, |c| matches!(c, '\n' | '\t'))
}

/// A frame of a folded stack, for its readers and for inferno. These split at `;`, remove one
/// number at the end and possibly a second one, skip lines that begin with `# `, and trim.
pub(in crate::export) fn frame(text: &str) -> String {
    let mut frame = line(text).replace(';', ":").trim().to_owned();
    if frame.is_empty() {
        return "(unnamed)".to_owned();
    }
    if let Some(rest) = frame.strip_prefix("# ") {
        frame = format!("#_{rest}");
    }
    if let Some((name, last)) = frame.rsplit_once(char::is_whitespace)
        && last.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        frame = format!("{name}_{last}");
    }
    frame
}

/// The tag of a histogram in a log. A tag ends at a comma or a space.
#[cfg(feature = "hdr")]
pub(in crate::export) fn tag(text: &str) -> String {
    let tag = line(text).replace(|c: char| c == ',' || c.is_whitespace(), "_");
    if tag.is_empty() { "(unnamed)".to_owned() } else { tag }
}

/// Text or an attribute's value in HTML.
#[cfg(feature = "serve")]
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        for (text, shown) in [
            ("plain::näme<T>", "plain::näme<T>"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\nb\r\nc\td", "a b  c d"),
            ("\0\u{9b}\u{7f}\u{85}", "\\u{0}\\u{9b}\\u{7f}\\u{85}"),
            ("\u{fffe}\u{ffff}\u{1fffe}\u{fdd0}", "\\u{fffe}\\u{ffff}\\u{1fffe}\\u{fdd0}"),
            ("\u{2028}\u{202e}", "\\u{2028}\\u{202e}"),
            ("\\u{1b} \\n", "\\u{5c}u{1b} \\n"),
        ] {
            assert_eq!(line(text), shown);
        }
        assert!(matches!(line("plain"), Cow::Borrowed(_)), "an unchanged text is not copied");
    }

    #[cfg(feature = "enabled")]
    #[test]
    fn labels_that_differ_stay_different() {
        assert_eq!(label("a\nb\tc\rd\0"), "a\nb\tc\\u{d}d\\u{0}");
        assert_ne!(label("\u{1}"), label("\\u{1}"));
        assert_ne!(label("\\\u{1}"), label("\\\\u{1}"));
    }

    #[cfg(feature = "hdr")]
    #[test]
    fn tags_have_no_separators() {
        assert_eq!(tag("a, b\u{a0}c\u{1}"), "a__b_c\\u{1}");
        assert_eq!(tag(""), "(unnamed)");
    }

    #[test]
    fn frames_survive_their_readers() {
        for (name, expected) in [
            ("f;g\n", "f:g"),
            ("poll 7", "poll_7"),
            ("poll 7 8.5", "poll 7_8.5"),
            (" \u{3000}x ", "x"),
            ("# x", "#_x"),
            ("", "(unnamed)"),
            ("<[T; 2] as X>::f", "<[T: 2] as X>::f"),
        ] {
            assert_eq!(frame(name), expected);
        }
    }

    #[cfg(feature = "serve")]
    #[test]
    fn markup_is_escaped() {
        assert_eq!(html("<a href='x'>\"&\0\u{1b}"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\\u{0}\\u{1b}");
        assert_eq!(lines("a\u{1b}\nb"), "a\\u{1b}\nb");
    }
}
