//! Tokens to a tree.
//!
//! ```text
//! list       = expression { (";" | end of line) expression }
//! expression = any { "for" time | "keep" time }
//! any        = all { "OR" all }
//! all        = clause { "AND" clause }
//! clause     = "(" any ")" | ("any" | "all") "(" any { "," any } ")" | comparison [ "over" time ]
//! comparison = value { operator value } | value "in" value ".." value
//! value      = number [ unit ] [ "of" "baseline" ] | text | name [ "(" value { "," value } ")" ] [ labels ]
//! labels     = "{" name "=" (text | name) { "," name "=" (text | name) } "}"
//! ```

use super::error::ExpressionError;
use super::lexer::{Kind, Token, tokens};
use super::source::Source;
use super::syntax::{Clause, Node, Operator, Side, Term, Tree};
use super::unit::{Quantity, Unit};

/// The maximum depth of parentheses.
const MOST_DEPTH: usize = 16;

/// The maximum number of expressions in a list.
const MOST_EXPRESSIONS: usize = 10_000;

/// Words that have a meaning after a value, in any case.
const WORDS: &[&str] = &["and", "or", "in", "of", "over", "for", "keep"];

const TIME: &str = "a time such as 5m";

/// The one expression of the text.
pub(super) fn one(source: &Source<'_>) -> Result<Tree, ExpressionError> {
    let mut parser = Parser { source, tokens: tokens(source, false)?, at: 0 };
    let tree = parser.tree()?;
    match parser.kind() {
        Kind::End => Ok(tree),
        Kind::Separator => Err(parser.wrong("one expression, without ;")),
        _ => Err(parser.wrong(&parser.further(&tree))),
    }
}

/// All expressions of the text.
pub(super) fn list(source: &Source<'_>) -> Result<Vec<Tree>, ExpressionError> {
    let mut parser = Parser { source, tokens: tokens(source, true)?, at: 0 };
    let mut trees = Vec::new();
    loop {
        while *parser.kind() == Kind::Separator {
            parser.at += 1;
        }
        if *parser.kind() == Kind::End {
            return Ok(trees);
        }
        if trees.len() == MOST_EXPRESSIONS {
            return Err(parser.wrong("at most 10000 expressions"));
        }
        let tree = parser.tree()?;
        if !matches!(parser.kind(), Kind::Separator | Kind::End) {
            return Err(parser.wrong(&parser.further(&tree)));
        }
        trees.push(tree);
    }
}

/// A single value.
#[cfg(feature = "toml")]
pub(super) fn value(source: &Source<'_>) -> Result<Node, ExpressionError> {
    let mut parser = Parser { source, tokens: tokens(source, false)?, at: 0 };
    let node = parser.value(0)?;
    if *parser.kind() == Kind::End { Ok(node) } else { Err(parser.wrong("the end")) }
}

struct Parser<'a> {
    source: &'a Source<'a>,
    /// The last one is the end.
    tokens: Vec<Token>,
    at: usize,
}

impl Parser<'_> {
    fn token(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> &Kind {
        &self.token().kind
    }

    /// Where the token before ends.
    fn end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |before| self.tokens[before].end)
    }

    fn wrong(&self, allowed: &str) -> ExpressionError {
        let token = self.token();
        self.source.error(token.start, token.end, allowed)
    }

    /// What may follow an expression.
    fn further(&self, tree: &Tree) -> String {
        let has_side = |clause: &Clause| !matches!(clause, Clause::Chain { sides, .. } if sides.is_empty());
        if tree.hold.is_some() || tree.keep.is_some() {
            "the end, since for and keep come last".to_owned()
        } else if has_side(&tree.clause) {
            "AND, OR, over, for, keep, or the end".to_owned()
        } else {
            "<, <=, >, >= or in, and a limit".to_owned()
        }
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let is_there = matches!(self.kind(), Kind::Symbol(found) if *found == symbol);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, symbol: &str, allowed: &str) -> Result<(), ExpressionError> {
        if self.takes(symbol) { Ok(()) } else { Err(self.wrong(allowed)) }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_there = matches!(self.kind(), Kind::Name(found) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(is_there);
        is_there
    }

    /// The value after a word.
    fn after_word(&mut self, word: &str) -> Result<Option<Node>, ExpressionError> {
        if !self.takes_word(word) {
            return Ok(None);
        }
        match self.kind() {
            Kind::Number(_) => self.value(0).map(Some),
            _ => Err(self.wrong(TIME)),
        }
    }

    fn tree(&mut self) -> Result<Tree, ExpressionError> {
        let clause = self.any(0)?;
        let mut tree = Tree { clause, hold: None, keep: None, end: 0 };
        loop {
            let start = self.token().start;
            let (word, known) = match self.kind() {
                Kind::Name(name) if name.eq_ignore_ascii_case("for") => ("for", &mut tree.hold),
                Kind::Name(name) if name.eq_ignore_ascii_case("keep") => ("keep", &mut tree.keep),
                _ => break,
            };
            if known.is_some() {
                return Err(self.wrong(&format!("{word} once")));
            }
            *known = self.after_word(word)?.map(|node| Node { start, ..node });
        }
        tree.end = self.end();
        Ok(tree)
    }

    fn any(&mut self, depth: usize) -> Result<Clause, ExpressionError> {
        let mut clauses = vec![self.all(depth)?];
        while self.takes_word("or") {
            clauses.push(self.all(depth)?);
        }
        let start = clauses[0].start();
        Ok(if clauses.len() > 1 { Clause::Any(clauses, start) } else { clauses.remove(0) })
    }

    fn all(&mut self, depth: usize) -> Result<Clause, ExpressionError> {
        let mut clauses = vec![self.clause(depth)?];
        while self.takes_word("and") {
            clauses.push(self.clause(depth)?);
        }
        let start = clauses[0].start();
        Ok(if clauses.len() > 1 { Clause::All(clauses, start) } else { clauses.remove(0) })
    }

    fn clause(&mut self, depth: usize) -> Result<Clause, ExpressionError> {
        if depth > MOST_DEPTH {
            return Err(self.wrong("parentheses in at most 16 levels"));
        }
        let start = self.token().start;
        if self.takes("(") {
            let inner = self.any(depth + 1)?;
            self.expect(")", "AND, OR, over or )")?;
            return Ok(inner);
        }
        let is_call = matches!(self.tokens.get(self.at + 1), Some(Token { kind: Kind::Symbol("("), .. }));
        if is_call && let Kind::Name(name) = self.kind() {
            let is_any = name.eq_ignore_ascii_case("any");
            if is_any || name.eq_ignore_ascii_case("all") {
                self.at += 2;
                let mut clauses = vec![self.any(depth + 1)?];
                while self.takes(",") {
                    clauses.push(self.any(depth + 1)?);
                }
                self.expect(")", "a comma or )")?;
                return Ok(match clauses.len() {
                    1 => clauses.remove(0),
                    _ if is_any => Clause::Any(clauses, start),
                    _ => Clause::All(clauses, start),
                });
            }
        }
        self.comparison(depth)
    }

    fn comparison(&mut self, depth: usize) -> Result<Clause, ExpressionError> {
        let first = self.value(depth)?;
        if self.takes_word("in") {
            let low = self.value(depth)?;
            self.expect("..", "a range such as 60%..80%")?;
            let high = self.value(depth)?;
            let window = self.after_word("over")?;
            return Ok(Clause::Range { metric: first, low, high, window });
        }
        let mut sides = Vec::new();
        loop {
            let start = self.token().start;
            let operator = match self.kind() {
                Kind::Symbol("<") => Operator { is_less: true, is_inclusive: false },
                Kind::Symbol("<=") => Operator { is_less: true, is_inclusive: true },
                Kind::Symbol(">") => Operator { is_less: false, is_inclusive: false },
                Kind::Symbol(">=") => Operator { is_less: false, is_inclusive: true },
                Kind::Symbol("=") => return Err(self.wrong("<, <=, >, >= or in")),
                _ => break,
            };
            if sides.len() == 2 {
                return Err(self.wrong("at most two limits, such as 60% < hit_ratio(\"results\") < 80%"));
            }
            self.at += 1;
            sides.push(Side { operator, start, node: self.value(depth)? });
        }
        let window = self.after_word("over")?;
        Ok(Clause::Chain { first, sides, window })
    }

    fn value(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        if depth > MOST_DEPTH {
            return Err(self.wrong("parentheses in at most 16 levels"));
        }
        let start = self.token().start;
        let term = match self.kind().clone() {
            Kind::Quoted(text) => {
                self.at += 1;
                Term::Quoted(text)
            }
            Kind::Number(number) => {
                self.at += 1;
                let quantity = self.quantity(number, start)?;
                if self.takes_word("of") {
                    if !self.takes_word("baseline") {
                        return Err(self.wrong("baseline"));
                    }
                    Term::OfBaseline(quantity)
                } else {
                    Term::Quantity(quantity)
                }
            }
            Kind::Name(name) if !WORDS.iter().any(|word| name.eq_ignore_ascii_case(word)) => {
                self.at += 1;
                let arguments = if self.takes("(") { Some(self.arguments(depth)?) } else { None };
                let labels = if self.takes("{") { self.labels()? } else { Vec::new() };
                Term::Name { name, arguments, labels }
            }
            _ => return Err(self.wrong("a metric such as p95(\"search\"), or a number with its unit")),
        };
        Ok(Node { term, start, end: self.end() })
    }

    /// The unit of a number.
    fn quantity(&mut self, number: f64, start: usize) -> Result<Quantity, ExpressionError> {
        let is_adjacent = self.token().start == self.end();
        let unit = match self.kind() {
            Kind::Symbol("%") => Unit::named("%"),
            Kind::Name(name) if is_adjacent || !WORDS.iter().any(|word| name.eq_ignore_ascii_case(word)) => {
                Some(Unit::named(name).ok_or_else(|| self.wrong(&Unit::all()))?)
            }
            _ => None,
        };
        self.at += usize::from(unit.is_some());
        let mut per = None;
        if self.takes("/") {
            match self.kind() {
                Kind::Name(name) if ["s", "min", "m", "h"].contains(&name.as_str()) => per = Some(name.clone()),
                _ => return Err(self.wrong("s, min or h after the /")),
            }
            self.at += 1;
        }
        let wrong = || self.source.error(start, self.end(), "a smaller number");
        Quantity::new(number, unit, per.as_deref()).ok_or_else(wrong)
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Node>, ExpressionError> {
        let mut arguments = Vec::new();
        if self.takes(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.value(depth + 1)?);
            if !self.takes(",") {
                self.expect(")", "a comma or )")?;
                return Ok(arguments);
            }
        }
    }

    fn labels(&mut self) -> Result<Vec<(String, String)>, ExpressionError> {
        let mut labels: Vec<(String, String)> = Vec::new();
        loop {
            let name = match self.kind() {
                Kind::Name(name) if labels.iter().all(|(known, _)| known != name) => name.clone(),
                _ => return Err(self.wrong("a label that is not there yet, such as cache=\"results\"")),
            };
            self.at += 1;
            self.expect("=", "= and the label's value")?;
            let value = match self.kind() {
                Kind::Name(value) | Kind::Quoted(value) => value.clone(),
                _ => return Err(self.wrong("the label's value, in quotes")),
            };
            self.at += 1;
            labels.push((name, value));
            if !self.takes(",") {
                self.expect("}", "a comma or }")?;
                return Ok(labels);
            }
        }
    }
}
