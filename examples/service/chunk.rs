//! Splits a source file into its items: a search finds functions, not files.

use std::ops::Range;

use crate::kind::Kind;
use crate::lexer::{self, Kind as TokenKind, Token};

/// One item of a file. Its text begins with its documentation and attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) kind: Kind,
    /// Methods as `Type::method`.
    pub(crate) name: String,
    pub(crate) text: Range<usize>,
    /// Counted from 1.
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
}

/// The items of `source`, in order. Functions of an `impl` or a trait are separate items, and so is
/// its head. Items inside function bodies belong to the function.
#[perf_sdk::profiled]
pub(crate) fn chunks(source: &str) -> Vec<Chunk> {
    let tokens = lexer::tokens(source);
    let mut cutter = Cutter { source, tokens: &tokens, at: 0, chunks: Vec::new(), line: 1, line_at: 0 };
    cutter.body(None, 0);
    cutter.chunks
}

/// Modules nested deeper than this are skipped, so that no input can exhaust the stack.
const MAX_DEPTH: usize = 32;

struct Cutter<'a> {
    source: &'a str,
    tokens: &'a [Token],
    at: usize,
    chunks: Vec<Chunk>,
    /// The line of `line_at`, from which further lines are counted.
    line: u32,
    line_at: usize,
}

impl<'a> Cutter<'a> {
    /// Reads items up to the closing brace, which is consumed, or up to the end.
    fn body(&mut self, owner: Option<&str>, depth: usize) {
        let mut start = None;
        while let Some(token) = self.token(0) {
            match token.kind {
                TokenKind::InnerComment => start = None,
                TokenKind::Mark(b'}') => {
                    self.at += 1;
                    return;
                }
                TokenKind::Mark(b'#') => {
                    start.get_or_insert(token.start);
                    self.at += 1;
                    while self.mark(0) == Some(b'!') {
                        self.at += 1;
                    }
                    self.group();
                    continue;
                }
                TokenKind::Word => {
                    let begin = *start.get_or_insert(token.start);
                    if self.modifier() {
                        continue;
                    }
                    self.item(begin, owner, depth);
                    start = None;
                    continue;
                }
                TokenKind::Mark(b'{' | b'(' | b'[') => {
                    self.group();
                    start = None;
                    continue;
                }
                TokenKind::Comment => {
                    start.get_or_insert(token.start);
                }
                TokenKind::Mark(_) | TokenKind::Literal => start = None,
            }
            self.at += 1;
        }
    }

    /// Skips one word that only qualifies an item.
    fn modifier(&mut self) -> bool {
        let qualifies = match self.word(0) {
            Some("pub" | "async" | "unsafe" | "default" | "auto" | "safe") => self.mark(1) != Some(b'!'),
            Some("const") => matches!(self.word(1), Some("fn" | "unsafe" | "async" | "extern")),
            Some("extern") => {
                let after = if self.token(1).is_some_and(|next| next.kind == TokenKind::Literal) { 2 } else { 1 };
                let qualifies = matches!(self.word(after), Some("fn"));
                if qualifies {
                    self.at += after - 1;
                }
                qualifies
            }
            _ => false,
        };
        if qualifies {
            self.at += 1;
            if self.mark(0) == Some(b'(') {
                self.group(); // pub(crate)
            }
        }
        qualifies
    }

    /// Reads one item, from its keyword on.
    fn item(&mut self, begin: usize, owner: Option<&str>, depth: usize) {
        let keyword = self.word(0).unwrap_or_default();
        let second = self.word(1).filter(|word| *word != "mut").or_else(|| self.word(2)).unwrap_or_default();
        match keyword {
            "mod" if self.enter_braces() => {
                if depth < MAX_DEPTH {
                    self.body(None, depth + 1)
                } else {
                    self.leave_braces()
                }
            }
            "impl" | "trait" => {
                let head = self.at;
                let entered = self.enter_braces();
                let (kind, name) = match keyword {
                    "trait" => (Kind::Trait, second.to_owned()),
                    _ => (Kind::Impl, self.implementor(head)),
                };
                self.push(kind, &name, None, begin);
                if entered {
                    if depth < MAX_DEPTH { self.body(Some(&name), depth + 1) } else { self.leave_braces() }
                }
            }
            "macro_rules" => {
                let name = self.word(2).unwrap_or_default();
                self.end(true);
                self.push(Kind::Macro, name, None, begin);
            }
            "fn" | "struct" | "enum" | "union" => {
                self.end(true);
                self.push(keyword.parse().unwrap_or(Kind::Fn), second, owner, begin);
            }
            "type" | "const" | "static" => {
                self.end(false);
                self.push(keyword.parse().unwrap_or(Kind::Const), second, owner, begin);
            }
            "mod" => {}
            "use" => self.end(false),
            _ => self.end(true),
        }
    }

    /// Skips to the end of the item: a semicolon, or, if `braces` may end it, a group in braces.
    /// Stops before a brace that closes the enclosing item.
    fn end(&mut self, braces: bool) {
        while let Some(token) = self.token(0) {
            match token.kind {
                TokenKind::Mark(b';') => {
                    self.at += 1;
                    return;
                }
                TokenKind::Mark(b'}') => return,
                TokenKind::Mark(b'{') => {
                    self.group();
                    if braces {
                        return;
                    }
                }
                TokenKind::Mark(b'(' | b'[') => self.group(),
                _ => self.at += 1,
            }
        }
    }

    /// Skips the opening brace of the item's body. If it has no body, skips its semicolon and
    /// returns false.
    fn enter_braces(&mut self) -> bool {
        while let Some(token) = self.token(0) {
            match token.kind {
                TokenKind::Mark(b'(' | b'[') => self.group(),
                TokenKind::Mark(b'}') => return false,
                kind => {
                    self.at += 1;
                    match kind {
                        TokenKind::Mark(b'{') => return true,
                        TokenKind::Mark(b';') => return false,
                        _ => {}
                    }
                }
            }
        }
        false
    }

    fn leave_braces(&mut self) {
        self.at -= 1;
        self.group();
    }

    /// Skips a bracketed group that begins here, if there is one.
    fn group(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.token(0) {
            match token.kind {
                TokenKind::Mark(b'{' | b'(' | b'[') => depth += 1,
                TokenKind::Mark(b'}' | b')' | b']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && !matches!(token.kind, TokenKind::Mark(b'}' | b')' | b']')) {
                return;
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// The type of an `impl` whose keyword is token `head` and whose body begins here.
    fn implementor(&self, head: usize) -> String {
        let (mut angles, mut groups, mut name) = (0_i32, 0_i32, "");
        let tokens = self.tokens.get(head + 1..self.at).unwrap_or_default();
        for (index, token) in tokens.iter().enumerate() {
            let arrow = index > 0 && tokens[index - 1].kind == TokenKind::Mark(b'-');
            match token.kind {
                TokenKind::Mark(b'<') => angles += 1,
                TokenKind::Mark(b'>') if !arrow => angles -= 1,
                TokenKind::Mark(b'(' | b'[') => groups += 1,
                TokenKind::Mark(b')' | b']') => groups -= 1,
                TokenKind::Word if angles == 0 && groups == 0 => match &self.source[token.start..token.end] {
                    "where" => break,
                    "for" => name = "",
                    "dyn" | "mut" | "const" | "unsafe" => {}
                    word if word.starts_with('\'') => {}
                    word => name = word,
                },
                _ => {}
            }
        }
        name.to_owned()
    }

    fn push(&mut self, kind: Kind, name: &str, owner: Option<&str>, begin: usize) {
        if matches!(name, "" | "_") {
            return;
        }
        let end = self.tokens[..self.at].last().map_or(begin, |token| token.end);
        let name = match owner {
            Some(owner) if !owner.is_empty() => format!("{owner}::{name}"),
            _ => name.to_owned(),
        };
        let first_line = self.line_of(begin);
        let inside = self.source.as_bytes()[begin..end].iter().filter(|byte| **byte == b'\n').count();
        let last_line = first_line + inside as u32;
        self.chunks.push(Chunk { kind, name, text: begin..end, first_line, last_line });
    }

    /// The line of a position, which must not be before that of the last call.
    fn line_of(&mut self, position: usize) -> u32 {
        let passed = &self.source.as_bytes()[self.line_at..position];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u32;
        self.line_at = position;
        self.line
    }

    fn token(&self, ahead: usize) -> Option<Token> {
        self.tokens.get(self.at + ahead).copied()
    }

    fn word(&self, ahead: usize) -> Option<&'a str> {
        let token = self.token(ahead).filter(|token| token.kind == TokenKind::Word)?;
        Some(&self.source[token.start..token.end])
    }

    fn mark(&self, ahead: usize) -> Option<u8> {
        match self.token(ahead)?.kind {
            TokenKind::Mark(byte) => Some(byte),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        chunks(source).iter().map(|chunk| format!("{} {}", chunk.kind, chunk.name)).collect()
    }

    #[test]
    fn items_are_named_by_kind_and_owner() {
        let source = "
            //! About the file.
            use std::{fmt, io};
            extern crate alloc;
            extern \"C\" { fn foreign(); }
            pub(crate) const unsafe fn plain<const N: usize>(x: [u8; N]) -> u8 { let _ = '}'; 0 }
            pub const LIMIT: usize = { 4 + 4 };
            static mut TABLE: [u8; 2] = [0; 2];
            const _: () = ();
            pub struct Tuple(u8, u16);
            struct Unit;
            pub(super) enum Shape { Round { radius: f32 }, Flat }
            type Alias<T> = Vec<T>;
            trait Draw: Send { const C: u8; fn draw(&self); fn twice(&self) { self.draw() } }
            impl<'a, T: Fn(u8) -> u8> Draw for wrapper::Holder<'a, T> where T: Clone { fn draw(&self) {} }
            impl dyn Draw { pub async fn later(&self) {} }
            macro_rules! twice { ($e:expr) => { $e; $e } }
            thread_local! { static HIDDEN: u8 = 0; }
            mod inner { extern \"C\" fn callback() {} mod deeper { fn lowest() {} } }
            mod elsewhere;
            fn last() {}";
        let expected = "fn plain,const LIMIT,static TABLE,struct Tuple,struct Unit,enum Shape,type Alias,trait Draw,\
            const Draw::C,fn Draw::draw,fn Draw::twice,impl Holder,fn Holder::draw,impl Draw,fn Draw::later,\
            macro twice,fn callback,fn lowest,fn last";
        assert_eq!(names(source).join(","), expected);
    }

    #[test]
    fn an_item_has_its_documentation_and_its_lines() {
        let source = "//! File.\n\n/// Doubles.\n#[inline]\npub fn double(x: u8) -> u8 {\n    x * 2\n}\n\nstruct A;\n";
        let chunks = chunks(source);
        assert_eq!((chunks[0].first_line, chunks[0].last_line), (3, 7));
        assert!(source[chunks[0].text.clone()].starts_with("/// Doubles."));
        assert!(source[chunks[0].text.clone()].ends_with('}'));
        assert_eq!((chunks[1].first_line, &source[chunks[1].text.clone()]), (9, "struct A;"));
    }

    #[test]
    fn broken_and_hostile_sources_end() {
        for source in ["fn", "impl", "pub(", "struct A {", "} fn a() {}", "#[", "mod m { fn x(", "macro_rules! {", "#}"]
        {
            chunks(source);
        }
        assert_eq!(names(&format!("{}{}fn last() {{}}", "mod m {".repeat(50_000), "}".repeat(50_000))), ["fn last"]);
        assert!(chunks(&"impl A {".repeat(50_000)).len() <= MAX_DEPTH + 1);
    }
}
