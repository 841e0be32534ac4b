//! Splits Rust source into tokens, only as far as needed to find the beginnings and ends of items.

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword, a lifetime or a number.
    Word,
    /// A comment that documents the following item, or any other comment.
    Comment,
    /// A comment that documents the enclosing item: `//!`, `/*!`.
    InnerComment,
    /// A string or a character.
    Literal,
    /// Any other byte.
    Mark(u8),
}

/// A piece of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The tokens of `source`, which need not be valid Rust. An unterminated token ends with the text.
#[perf_sdk::profiled]
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { bytes: source.as_bytes(), at: 0 };
    let mut tokens = Vec::with_capacity(source.len() / 5);
    while let Some(token) = lexer.token() {
        tokens.push(token);
    }
    tokens
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Lexer<'_> {
    fn token(&mut self) -> Option<Token> {
        while self.peek(0)?.is_ascii_whitespace() {
            self.at += 1;
        }
        let start = self.at;
        let kind = match (self.peek(0)?, self.peek(1)) {
            (b'/', Some(b'/')) => self.line_comment(),
            (b'/', Some(b'*')) => self.block_comment(),
            (b'"', _) => self.string(),
            (b'\'', _) => self.character_or_lifetime(),
            (byte, _) if is_word(byte) => self.word(),
            (byte, _) => {
                self.at += 1;
                Kind::Mark(byte)
            }
        };
        // A broken literal may extend beyond the end.
        self.at = self.at.min(self.bytes.len());
        Some(Token { kind, start, end: self.at })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn line_comment(&mut self) -> Kind {
        let kind = if self.peek(2) == Some(b'!') { Kind::InnerComment } else { Kind::Comment };
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
        kind
    }

    fn block_comment(&mut self) -> Kind {
        let kind = if self.peek(2) == Some(b'!') { Kind::InnerComment } else { Kind::Comment };
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return kind,
            }
            if depth == 0 {
                return kind;
            }
        }
    }

    fn string(&mut self) -> Kind {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
        Kind::Literal
    }

    /// `r"…"`, `br##"…"##`: from the first hash or quote on.
    fn raw_string(&mut self) -> Kind {
        let hashes = self.bytes[self.at..].iter().take_while(|byte| **byte == b'#').count();
        self.at += hashes + 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            let closing = self.bytes[self.at..].iter().take(hashes);
            if byte == b'"' && closing.clone().count() == hashes && closing.copied().all(|byte| byte == b'#') {
                self.at += hashes;
                break;
            }
        }
        Kind::Literal
    }

    /// `'a'`, `'\n'`, `'é'` or `'static`.
    fn character_or_lifetime(&mut self) -> Kind {
        self.at += 1;
        if self.peek(0) == Some(b'\\') {
            self.at += 2;
            while self.peek(0).is_some_and(|byte| byte != b'\'' && byte != b'\n') {
                self.at += 1;
            }
            self.at += 1;
            return Kind::Literal;
        }
        let rest = &self.bytes[self.at..];
        let width = rest.first().map_or(0, |byte| utf8_width(*byte));
        if rest.get(width) == Some(&b'\'') {
            self.at += width + 1;
            return Kind::Literal;
        }
        self.word();
        Kind::Word
    }

    fn word(&mut self) -> Kind {
        let start = self.at;
        while self.peek(0).is_some_and(is_word) {
            self.at += 1;
        }
        if matches!(&self.bytes[start..self.at], b"r" | b"br" | b"cr") {
            let hashes = self.bytes[self.at..].iter().take_while(|byte| **byte == b'#').count();
            match self.peek(hashes) {
                Some(b'"') => return self.raw_string(),
                Some(byte) if hashes == 1 && is_word(byte) => {
                    self.at += 1;
                    return self.word();
                }
                _ => {}
            }
        }
        Kind::Word
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn utf8_width(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(&str, Kind)> {
        tokens(source).into_iter().map(|token| (&source[token.start..token.end], token.kind)).collect()
    }

    #[test]
    fn braces_in_literals_and_comments_are_not_marks() {
        let marks = |source| kinds(source).into_iter().filter(|(_, kind)| matches!(kind, Kind::Mark(_))).count();
        for source in
            ["'{'", "'\\''", "\"}\\\"{\"", "r#\"\"{\"#", "br\"{\\\"", "// {", "/* { /* } */ { */", "'\\u{7b}'", "b'{'"]
        {
            assert_eq!(marks(source), 0, "{source}");
        }
        assert_eq!(marks("{'a}"), 2, "a lifetime is not a character");
    }

    #[test]
    fn lifetimes_raw_identifiers_and_accents_are_words() {
        for source in ["'static", "r#type", "été", "0x7f_u8"] {
            assert_eq!(kinds(source), [(source, Kind::Word)]);
        }
        assert_eq!(kinds("'é'"), [("'é'", Kind::Literal)]);
    }

    #[test]
    fn an_unterminated_token_ends_with_the_text() {
        for source in ["\"a", "\"a\\", "r##\"a\"#", "/* a", "'\\", "'", "r#", "br"] {
            let tokens = tokens(source);
            assert_eq!(tokens.last().unwrap().end, source.len(), "{source}");
        }
    }
}
