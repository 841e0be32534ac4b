//! The shape of a statement: its text without literals, comments and layout.
//!
//! The tokenizer knows the quoting of SQLite, `PostgreSQL` and `MySQL`. It does not parse: a text
//! that is no SQL has a shape too, and no literal of it is in the shape.

use super::dialect::Dialect;

/// The maximum length of a shape, in bytes. It is the value of a label.
pub(crate) const MAX_SHAPE_BYTES: usize = 255;
/// The part of a text that is read. Beyond it, texts do not differ in their shape.
const MAX_READ_BYTES: usize = 1 << 16;

/// What is known of a statement by its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) text: String,
    /// A hash of the literals, in their order.
    pub(crate) literals: u64,
    pub(crate) has_literals: bool,
    /// Whether values are bound to it that the text does not show.
    pub(crate) has_parameters: bool,
    pub(crate) control: Option<Control>,
}

/// A statement that begins or ends a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Begin,
    Commit,
    Rollback,
    /// A savepoint, or what is done with one.
    Savepoint,
}

impl Shape {
    pub(crate) fn of(sql: &str, dialect: Dialect) -> Self {
        let mut writer = Writer::default();
        let mut rest = beginning(sql, MAX_READ_BYTES);
        while let Some((token, after)) = next(rest, dialect, writer.last) {
            writer.push(token);
            rest = after;
        }
        writer.finish()
    }
}

fn beginning(text: &str, bytes: usize) -> &str {
    crate::scope::beginning(text, bytes)
}

/// A token, without its place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
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
enum Last {
    /// Nothing, an operator or a keyword: a sign that follows belongs to a number.
    #[default]
    Operator,
    /// A value or a name: a sign that follows is an operator.
    Operand,
}

/// The next token and what follows it.
fn next(rest: &str, dialect: Dialect, last: Last) -> Option<(Token<'_>, &str)> {
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
            let (name, after) = split(quoted(rest, bytes[0], false));
            Some((Token::Name(name), after))
        }
        // A name of SQLite's in brackets; elsewhere an index such as `a[1]` follows a name at once.
        '[' if last == Last::Operator && second.is_ascii_alphabetic() => {
            let (name, after) = split(rest.find(']').map_or(rest.len(), |end| end + 1));
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
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
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

fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Puts the tokens together.
#[derive(Debug, Default)]
struct Writer {
    out: String,
    last: Last,
    /// Where the brackets that are open begin.
    open: Vec<usize>,
    is_after_space: bool,
    /// Whether the tokens are in the rows of `VALUES`, where words such as `NULL` are values.
    in_values: bool,
    literals: u64,
    has_literals: bool,
    has_parameters: bool,
    /// The first words, by which the statement is told.
    words: u32,
    control: Option<Control>,
    is_full: bool,
}

impl Writer {
    fn push(&mut self, token: Token<'_>) {
        match token {
            Token::Space => self.is_after_space = true,
            Token::Literal(text) => {
                self.has_literals = true;
                self.literals = hash(self.literals, text.as_bytes());
                self.value();
            }
            Token::Parameter => {
                self.has_parameters = true;
                self.value();
            }
            Token::Word(word) if self.in_values && self.is_value(word) => {
                self.literals = hash(self.literals, word.as_bytes());
                self.value();
            }
            Token::Word(word) => {
                self.note(word);
                self.write(word);
                self.last = if is_keyword(word) { Last::Operator } else { Last::Operand };
            }
            Token::Name(name) => {
                self.words += 1;
                self.write(name);
                self.last = Last::Operand;
            }
            Token::Symbol(symbol) => self.symbol(symbol),
        }
    }

    fn is_value(&self, word: &str) -> bool {
        !self.open.is_empty()
            && ["NULL", "TRUE", "FALSE", "DEFAULT"].iter().any(|value| word.eq_ignore_ascii_case(value))
    }

    /// Writes a value. In a list of values there is only the first one.
    fn value(&mut self) {
        if !self.in_values && self.out.ends_with("?,") && self.is_list() {
            self.out.pop();
        } else {
            self.write("?");
        }
        self.last = Last::Operand;
        self.is_after_space = false;
    }

    /// Whether the innermost bracket is that of `IN (…)` or of an array.
    fn is_list(&self) -> bool {
        self.open.last().is_some_and(|open| {
            let before = self.out[..*open].trim_end();
            let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
            ["IN", "ANY", "ALL", "ARRAY"].iter().any(|list| word.eq_ignore_ascii_case(list))
        })
    }

    fn symbol(&mut self, symbol: &str) {
        match symbol {
            "(" | "[" => {
                self.write(symbol);
                self.open.push(self.out.len() - 1);
                self.last = Last::Operator;
            }
            ")" | "]" => {
                self.write(symbol);
                if let Some(open) = self.open.pop() {
                    self.collapse(open);
                }
                self.last = Last::Operand;
            }
            // What a text ends with does not make another shape.
            ";" => {
                self.in_values = false;
                if !self.is_full && !self.out.is_empty() && !self.out.ends_with(';') {
                    self.out.push(';');
                }
                self.last = Last::Operator;
            }
            _ => {
                self.write(symbol);
                self.last = Last::Operator;
            }
        }
        self.is_after_space = false;
    }

    /// Removes the group that begins at `open` if it is as the one before it.
    fn collapse(&mut self, open: usize) {
        let group = &self.out[open..];
        let before = self.out[..open].trim_end().strip_suffix(',').map(str::trim_end);
        if let Some(before) = before.filter(|before| before.ends_with(group)) {
            self.out.truncate(before.len());
        }
    }

    fn write(&mut self, text: &str) {
        if self.is_full {
            return;
        }
        let last = self.out.chars().last();
        let is_joined = match (last, text) {
            (None | Some('(' | '[' | '.'), _) | (_, "," | ")" | "]" | "." | "[" | "::") => true,
            (Some(':'), _) => self.out.ends_with("::"),
            (_, "(") => !self.is_after_space && !self.ends_with_keyword(),
            _ => false,
        };
        if !is_joined {
            self.out.push(' ');
        }
        self.out.push_str(text);
        self.is_after_space = false;
        // The rows of `VALUES` become shorter again, so there is some room beyond the limit.
        self.is_full = self.out.len() > 8 * MAX_SHAPE_BYTES;
    }

    fn ends_with_keyword(&self) -> bool {
        let word = self.out.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
        is_keyword(word) || self.out.ends_with(|c: char| !c.is_alphanumeric() && c != '"' && c != '`')
    }

    fn note(&mut self, word: &str) {
        self.words += 1;
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        match self.words {
            1 => {
                self.control = match () {
                    () if is("BEGIN") || is("START") => Some(Control::Begin),
                    () if is("COMMIT") || is("END") => Some(Control::Commit),
                    () if is("ROLLBACK") || is("ABORT") => Some(Control::Rollback),
                    () if is("SAVEPOINT") || is("RELEASE") => Some(Control::Savepoint),
                    () => None,
                };
            }
            // `ROLLBACK TO a` and `ROLLBACK TRANSACTION TO a`.
            2 | 3 if is("TO") && self.control == Some(Control::Rollback) => self.control = Some(Control::Savepoint),
            _ => {}
        }
        if is("VALUES") {
            self.in_values = true;
        } else if self.open.is_empty() {
            self.in_values = false;
        }
    }

    fn finish(self) -> Shape {
        let text = self.out.trim().trim_end_matches(';').trim_end();
        let text = if text.len() <= MAX_SHAPE_BYTES {
            text.to_owned()
        } else {
            // Different shapes stay different.
            crate::scope::bounded(text).into_owned()
        };
        Shape {
            text,
            literals: self.literals,
            has_literals: self.has_literals,
            has_parameters: self.has_parameters,
            control: self.control,
        }
    }
}

/// Adds bytes to a hash, of which the low bits are as good as the high ones. The same in each run.
pub(crate) fn hash(before: u64, bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = before ^ (bytes.len() as u64).wrapping_mul(ODD);
    let mut add = |word: u64| {
        let product = u128::from(state ^ word) * u128::from(ODD);
        state = (product as u64) ^ ((product >> 64) as u64);
    };
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        add(u64::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7]]));
    }
    let mut end = [0_u8; 8];
    end[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    add(u64::from_le_bytes(end));
    add(ODD);
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(sql: &str) -> String {
        Shape::of(sql, Dialect::Standard).text
    }

    #[test]
    fn literals_are_removed() {
        for (sql, expected) in [
            ("SELECT * FROM t WHERE id = 7", "SELECT * FROM t WHERE id = ?"),
            ("select a from t where b='it''s' and c = 1.5e-3", "select a from t where b = ? and c = ?"),
            ("SELECT 'a;b--c/*' , \"Name \"\"x\" FROM [my table]", "SELECT ?, \"Name \"\"x\" FROM [my table]"),
            (
                "SELECT x'0aff', E'a\\'b', N'c', U&'d', $$e$$, $tag$f'$1$tag$, 0x1F, .5, 1_000",
                "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?",
            ),
            ("SELECT a FROM t1 WHERE t1.c2=-5 AND d - 5 > +2", "SELECT a FROM t1 WHERE t1.c2 = ? AND d - ? > ?"),
            (
                "SELECT a FROM t WHERE b = ?1 AND c = $2 AND d = :name AND e = @v AND f = $g",
                "SELECT a FROM t WHERE b = ? AND c = ? AND d = ? AND e = ? AND f = ?",
            ),
            ("SELECT a::text, b->>'c', d #> '{e}', f @> '{}' FROM t", "SELECT a::text, b ->> ?, d #> ?, f @> ? FROM t"),
            ("SELECT count(*), max( a ) FROM t LIMIT 10 OFFSET 20;", "SELECT count(*), max(a) FROM t LIMIT ? OFFSET ?"),
            ("SELECT 'never ends FROM t", "SELECT ?"),
            ("", ""),
            ("   -- only a comment", ""),
            ("SELECT ü, 'ö' FROM größe", "SELECT ü, ? FROM größe"),
        ] {
            assert_eq!(shape(sql), expected, "{sql}");
        }
    }

    #[test]
    fn layout_and_comments_make_no_other_shape() {
        let expected = "SELECT a, b FROM t WHERE c = ?";
        for sql in [
            "SELECT a,b FROM t WHERE c=1",
            "SELECT a , b\n\tFROM t -- 'all'\n WHERE c = 2 ;",
            "/* by: me /* nested */ */ SELECT a, b FROM t WHERE c /**/ = /* 1 */ 3;;",
            "/* no /* nesting */ SELECT a, b FROM t WHERE c = 4",
        ] {
            assert_eq!(shape(sql), expected, "{sql}");
        }
    }

    #[test]
    fn lists_have_one_value() {
        for (sql, expected) in [
            ("SELECT a FROM t WHERE b IN (1, 2, -3)", "SELECT a FROM t WHERE b IN (?)"),
            ("SELECT a FROM t WHERE b IN(?,?,?) AND c NOT IN ('x')", "SELECT a FROM t WHERE b IN (?) AND c NOT IN (?)"),
            ("SELECT a FROM t WHERE (b, c) IN ((1, 2), (3, 4), (5, 6))", "SELECT a FROM t WHERE (b, c) IN ((?, ?))"),
            ("SELECT a FROM t WHERE b = ANY(ARRAY[1,2,3])", "SELECT a FROM t WHERE b = ANY (ARRAY[?])"),
            ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL), (3, 'z')", "INSERT INTO t (a, b) VALUES (?, ?)"),
            (
                "INSERT INTO t(a,b) VALUES ($1, now()), ($2, now()) ON CONFLICT (a) DO UPDATE SET b = NULL",
                "INSERT INTO t(a, b) VALUES (?, now()) ON CONFLICT (a) DO UPDATE SET b = NULL",
            ),
            ("SELECT f(1, 2), g(a, 3)", "SELECT f(?, ?), g(a, ?)"),
        ] {
            assert_eq!(shape(sql), expected, "{sql}");
        }
        let rows = vec!["(1, 'x')"; 5_000].join(", ");
        assert_eq!(shape(&format!("INSERT INTO t VALUES {rows}")), "INSERT INTO t VALUES (?, ?)");
    }

    #[test]
    fn quotes_are_those_of_the_dialect() {
        let of = |sql| Shape::of(sql, Dialect::MySql).text;
        assert_eq!(of("SELECT \"it\\\"s\", 'a\\'b', `c` # 'd'\n FROM t"), "SELECT ?, ?, `c` FROM t");
        assert_eq!(of("SELECT _utf8'x', @row FROM t"), "SELECT ?, ? FROM t");
        assert_eq!(shape("SELECT 'C:\\', a FROM t"), "SELECT ?, a FROM t");
    }

    #[test]
    fn a_shape_is_bounded_and_different_ones_stay_different() {
        let long = |last: &str| format!("SELECT {}, {last} FROM t", vec!["größe"; 1_000].join(", "));
        let [a, b] = ["a", "b"].map(|last| shape(&long(last)));
        assert!(a.len() <= MAX_SHAPE_BYTES && a.starts_with("SELECT größe, größe"), "{a}");
        // Beyond the room for rows they do not.
        assert_eq!(a, b);
        let long = |last: &str| format!("SELECT {}, {last} FROM t", vec!["a"; 200].join(", "));
        assert_ne!(shape(&long("a")), shape(&long("b")));
    }

    #[test]
    fn what_a_text_tells_beside_its_shape() {
        let of = |sql| Shape::of(sql, Dialect::Standard);
        assert_eq!(of("SELECT 1, 'x'").literals, of("select 1, 'x'").literals);
        assert_ne!(of("SELECT 1, 'x'").literals, of("SELECT 1, 'y'").literals);
        assert_ne!(of("SELECT 1, 12").literals, of("SELECT 11, 2").literals);
        let known = |sql| (of(sql).has_literals, of(sql).has_parameters);
        assert_eq!(
            [known("SELECT a"), known("SELECT 1"), known("SELECT $1")],
            [(false, false), (true, false), (false, true)]
        );
        for (sql, control) in [
            ("BEGIN", Some(Control::Begin)),
            ("begin immediate", Some(Control::Begin)),
            ("START TRANSACTION", Some(Control::Begin)),
            ("COMMIT;", Some(Control::Commit)),
            ("/* x */ ROLLBACK", Some(Control::Rollback)),
            ("ROLLBACK TO a", Some(Control::Savepoint)),
            ("ROLLBACK TRANSACTION TO SAVEPOINT a", Some(Control::Savepoint)),
            ("SAVEPOINT a", Some(Control::Savepoint)),
            ("SELECT begin FROM t", None),
        ] {
            assert_eq!(of(sql).control, control, "{sql}");
        }
    }

    #[test]
    fn no_text_makes_it_panic_or_leaves_a_secret() {
        // Each prefix of a text with all that is special, which ends within each token once.
        let text = "SELECT a.b, E'\\'5ecret', $q$5ecret$q$, x'5e', \"n\", [o], `p`, ?1, :p, @v, $w, -1.5e-7, /* 5ecret /* */ */ \
                    b IN (5, '5ecret''5ecret'), ARRAY[1], c::int -- 5ecret\n, ((1,2),(3,4)) FROM ü WHERE 'ö5ecret' <> \u{1F980} ]) ;";
        for dialect in [Dialect::Standard, Dialect::MySql] {
            for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
                let shape = Shape::of(&text[..end], dialect);
                assert!(!shape.text.contains("5ecret"), "{dialect:?} {}: {}", &text[..end], shape.text);
            }
        }
    }
}
