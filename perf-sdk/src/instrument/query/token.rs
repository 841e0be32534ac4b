//! The tokens of a statement.
//!
//! They are told by the quoting of SQLite, `PostgreSQL` and `MySQL`. Any text has tokens.

use super::dialect::Dialect;

/// A token, without its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Space,
    Word(&'a str),
    /// A quoted name, with its quotes.
    Name(&'a str),
    Literal(&'a str),
    Parameter,
    Symbol(&'a str),
}

/// What the last token was, as far as it decides about the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Last {
    /// Nothing, an operator or a keyword: a sign that follows belongs to a number.
    #[default]
    Operator,
    /// A value or a name: a sign that follows is an operator.
    Operand,
}

/// The next token and what follows it.
pub(super) fn next(rest: &str, dialect: Dialect, last: Last) -> Option<(Token<'_>, &str)> {
    let first = rest.chars().next()?;
    let split = |at: usize| rest.split_at(at.min(rest.len()));
    let until = |end: &dyn Fn(char) -> bool| rest.find(|c| !end(c)).unwrap_or(rest.len());
    let bytes = rest.as_bytes();
    let second = bytes.get(1).copied().unwrap_or(0);
    if first.is_whitespace() {
        return Some((Token::Space, split(until(&char::is_whitespace)).1));
    }
    if rest.starts_with("--") || (first == '#' && dialect == Dialect::MySql) {
        return Some((Token::Space, split(rest.find('\n').unwrap_or(rest.len())).1));
    }
    if rest.starts_with("/*") {
        return Some((Token::Space, split(comment(rest)).1));
    }
    let literal = |length: usize| {
        let (literal, after) = split(length);
        Some((Token::Literal(literal), after))
    };
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    match first {
        '\'' => literal(quoted(rest, b'\'', dialect == Dialect::MySql)),
        '"' if dialect == Dialect::MySql => literal(quoted(rest, b'"', true)),
        '"' | '`' => {
            // One that does not end may have literals in it.
            let Some(length) = ended(rest, bytes[0], false) else { return literal(rest.len()) };
            let (name, after) = split(length);
            Some((Token::Name(name), after))
        }
        // A name of SQLite's in brackets; elsewhere an index such as `a[1]` follows a name at once.
        '[' if last == Last::Operator && second.is_ascii_alphabetic() => {
            let Some(end) = rest.find(']') else { return literal(rest.len()) };
            let (name, after) = split(end + 1);
            Some((Token::Name(name), after))
        }
        '$' => match dollar(rest) {
            Some(length) => literal(length),
            None => Some((Token::Parameter, split(1 + rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1)).1)),
        },
        '?' => {
            let digits = rest[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - 1);
            // `?|` and `?&` are operators of PostgreSQL's.
            if digits == 0 && (second == b'|' || second == b'&') {
                let (symbol, after) = split(2);
                return Some((Token::Symbol(symbol), after));
            }
            Some((Token::Parameter, split(1 + digits).1))
        }
        ':' if second == b':' => {
            let (symbol, after) = split(2);
            Some((Token::Symbol(symbol), after))
        }
        ':' | '@' if second.is_ascii_alphanumeric() || second == b'_' => {
            Some((Token::Parameter, split(1 + rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1)).1))
        }
        '0'..='9' => literal(number(rest)),
        '.' if second.is_ascii_digit() && last == Last::Operator => literal(number(rest)),
        '-' | '+' if last == Last::Operator && (second.is_ascii_digit() || second == b'.') => {
            literal(1 + number(&rest[1..]))
        }
        _ if first.is_alphabetic() || first == '_' => {
            let end = until(&is_word);
            let (word, after) = split(end);
            // `E'…'`, `X'…'`, `N'…'`, `_utf8'…'`.
            if after.starts_with('\'') && (end <= 2 || first == '_') {
                let escapes = dialect == Dialect::MySql || word.eq_ignore_ascii_case("e");
                return literal(end + quoted(after, b'\'', escapes));
            }
            if after.starts_with("&'") && word.eq_ignore_ascii_case("u") {
                return literal(end + 1 + quoted(&after[1..], b'\'', false));
            }
            Some((Token::Word(word), after))
        }
        ',' | '(' | ')' | ';' | '.' | '[' | ']' => {
            let (symbol, after) = split(1);
            Some((Token::Symbol(symbol), after))
        }
        _ => {
            // An operator ends before what may be a comment or a value.
            let is_operator = |c: &(usize, char)| {
                "<>=!~|&^%*/+-#@".contains(c.1) && !rest[c.0..].starts_with("--") && !rest[c.0..].starts_with("/*")
            };
            let mut end = rest.char_indices().take_while(is_operator).last().map_or(0, |(at, c)| at + c.len_utf8());
            // A sign at the end belongs to the number behind it: `a >-1`.
            if end > 1 && matches!(bytes[end - 1], b'+' | b'-') && bytes.get(end).is_some_and(u8::is_ascii_digit) {
                end -= 1;
            }
            let (symbol, after) = split(end.max(first.len_utf8()));
            Some((Token::Symbol(symbol), after))
        }
    }
}

/// The length of the comment at the beginning. `PostgreSQL`'s nest; where that does not come out
/// even, the first end is the end.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text[2..].find("*/").map_or(text.len(), |end| end + 4)
}

/// The length of the text in quotes at the beginning; that of the whole text if it does not end.
fn quoted(text: &str, quote: u8, escapes: bool) -> usize {
    ended(text, quote, escapes).unwrap_or(text.len())
}

/// The length of the text in quotes at the beginning, if it ends.
fn ended(text: &str, quote: u8, escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The length of a text between `$tag$`.
fn dollar(text: &str) -> Option<usize> {
    let tag = text[1..].find('$')? + 2;
    let is_tag = |tag: &str| {
        tag.chars().all(|c| c.is_alphanumeric() || c == '_') && !tag.starts_with(|c: char| c.is_ascii_digit())
    };
    if !is_tag(&text[1..tag - 1]) {
        return None;
    }
    let delimiter = &text[..tag];
    Some(text[tag..].find(delimiter).map_or(text.len(), |end| tag + end + tag))
}

/// The length of a number.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let is_exponent_sign = |at: usize| {
            matches!(bytes[at], b'+' | b'-') && matches!(bytes[at - 1], b'e' | b'E') && !text.starts_with("0x")
        };
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || (at > 0 && is_exponent_sign(at)) {
            at += 1;
        } else {
            break;
        }
    }
    at
}

/// Words behind which a sign belongs to a number, and a bracket is not that of a call.
const KEYWORDS: [&str; 40] = [
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CHECK",
    "DESC",
    "DISTINCT",
    "ELSE",
    "ESCAPE",
    "EXISTS",
    "FILTER",
    "FROM",
    "GLOB",
    "HAVING",
    "ILIKE",
    "IN",
    "INTO",
    "IS",
    "JOIN",
    "LIKE",
    "LIMIT",
    "NOT",
    "OFFSET",
    "ON",
    "OR",
    "OVER",
    "RETURN",
    "RETURNING",
    "SELECT",
    "SET",
    "SOME",
    "THEN",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
];

pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}
