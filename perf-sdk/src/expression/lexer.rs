//! Text to tokens.

use super::error::ExpressionError;
use super::source::Source;

/// The maximum length of a text, more than a thousand expressions take.
pub(super) const MOST_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Name(String),
    Quoted(String),
    Number(f64),
    /// `(`, `<=`, `..` and the like.
    Symbol(&'static str),
    /// `;`, or the end of a line in a list.
    Separator,
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Longer ones first.
const SYMBOLS: &[&str] = &["<=", ">=", "..", "<", ">", "=", "(", ")", "{", "}", ",", "%", "/"];

/// The tokens, and at last the end. In a list the ends of lines separate expressions.
pub(super) fn tokens(source: &Source<'_>, is_list: bool) -> Result<Vec<Token>, ExpressionError> {
    let text = source.text;
    if text.len() > MOST_BYTES {
        return Err(source.error(0, 0, "at most 1 MiB"));
    }
    let (mut tokens, mut at) = (Vec::new(), 0);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = match first {
            '\n' if is_list => (Kind::Separator, 1),
            ';' => (Kind::Separator, 1),
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '"' | '\'' => quoted(source, at, first)?,
            '0'..='9' | '-' => number(source, at)?,
            _ if is_of_name(first) => {
                let length = name_length(rest);
                (Kind::Name(rest[..length].to_owned()), length)
            }
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Kind::Symbol(symbol), symbol.len()),
                None => {
                    let end = at + first.len_utf8();
                    return Err(source.error(
                        at,
                        end,
                        "names, numbers, quoted texts, and < <= > >= = ( ) { } , .. % /",
                    ));
                }
            },
        };
        tokens.push(Token { kind, start: at, end: at + length });
        at += length;
    }
    tokens.push(Token { kind: Kind::End, start: at, end: at });
    Ok(tokens)
}

fn is_of_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Letters, digits and underscores; points and `::` in between.
fn name_length(text: &str) -> usize {
    let is_inner = |c: char| is_of_name(c) || c.is_ascii_digit();
    let mut length = 0;
    loop {
        length += text[length..].find(|c| !is_inner(c)).unwrap_or(text.len() - length);
        let joint = ["::", "."].into_iter().find(|joint| text[length..].starts_with(joint)).map_or(0, str::len);
        if joint == 0 || !text[length + joint..].starts_with(is_inner) {
            return length;
        }
        length += joint;
    }
}

/// A number, and its length.
fn number(source: &Source<'_>, at: usize) -> Result<(Kind, usize), ExpressionError> {
    let text = &source.text[at..];
    let digits =
        |from: usize| text[from..].find(|c: char| !c.is_ascii_digit() && c != '_').map_or(text.len(), |n| from + n);
    let has_digit = |from: usize| text[from..].starts_with(|c: char| c.is_ascii_digit());
    let mut end = digits(usize::from(text.starts_with('-')));
    if text[end..].starts_with('.') && has_digit(end + 1) {
        end = digits(end + 1);
    }
    if text[end..].starts_with('e') {
        let exponent = end + 1 + usize::from(text[end + 1..].starts_with(['+', '-']));
        if has_digit(exponent) {
            end = digits(exponent);
        }
    }
    let number = text[..end].replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
    let wrong = || source.error(at, at + end, "a number such as 100, 0.5 or 10_000");
    number.map(|number| (Kind::Number(number), end)).ok_or_else(wrong)
}

/// A text in quotes, and its length with them.
fn quoted(source: &Source<'_>, at: usize, quote: char) -> Result<(Kind, usize), ExpressionError> {
    let text = &source.text[at..];
    let (mut value, mut is_escaped) = (String::new(), false);
    for (place, c) in text.char_indices().skip(1) {
        match c {
            _ if c.is_control() => break,
            '"' | '\'' | '\\' if is_escaped => {
                value.push(c);
                is_escaped = false;
            }
            _ if is_escaped => {
                let start = at + place - 1;
                return Err(source.error(start, at + place + c.len_utf8(), "\\\" or \\\\ after a backslash"));
            }
            '\\' => is_escaped = true,
            _ if c == quote => return Ok((Kind::Quoted(value), place + 1)),
            _ => value.push(c),
        }
    }
    let end = text.find(char::is_control).unwrap_or(text.len());
    Err(source.error(at, at + end, format!("a text that ends with {quote} in the same line")))
}
