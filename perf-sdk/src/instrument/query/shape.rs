//! The shape of a statement: its text without literals, comments and layout.
//!
//! Nothing is parsed: a text that is no SQL has a shape too, and no literal of it is in the shape.

use super::dialect::Dialect;
use super::token::{Last, Token, is_keyword, next};

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
    fn any_text_has_a_bounded_shape() {
        const PIECES: [&str; 32] = [
            "SELECT",
            "IN",
            "VALUES",
            "NULL",
            "E",
            "U&",
            "_utf8",
            "a1",
            "é",
            "\u{1f600}",
            "'",
            "''",
            "\"",
            "`",
            "[",
            "]",
            "$",
            "$t$",
            "\\",
            "--",
            "/*",
            "*/",
            "#",
            "\n",
            "(",
            ")",
            ",",
            "-1e+",
            ".5",
            "?|",
            "::",
            ":x",
        ];
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |bound: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % bound as u64) as usize
        };
        for _ in 0..20_000 {
            let text: String = (0..below(20)).map(|_| PIECES[below(PIECES.len())]).collect();
            for dialect in [Dialect::Standard, Dialect::MySql] {
                let shape = Shape::of(&text, dialect);
                assert!(shape.text.len() <= MAX_SHAPE_BYTES, "{text:?}: {shape:?}");
            }
        }
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
            ("SELECT \"never ends = 'secret'", "SELECT ?"),
            ("SELECT `never ends = 'secret'", "SELECT ?"),
            ("SELECT \"never ends = 'secret' \"\"", "SELECT ?"),
            ("SELECT [never ends = 'secret'", "SELECT ?"),
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
