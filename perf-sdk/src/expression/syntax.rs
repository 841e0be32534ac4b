//! The tree of an expression, before names and units are checked.

use super::unit::Quantity;

/// A part of the tree, and its part of the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) term: Term,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Debug)]
pub(super) enum Term {
    Quoted(String),
    Quantity(Quantity),
    /// `50% of baseline`
    OfBaseline(Quantity),
    /// `name`, `name(arguments)`, `name{label="value"}`
    Name {
        name: String,
        arguments: Option<Vec<Node>>,
        labels: Vec<(String, String)>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    /// The left side is the smaller one.
    pub(super) is_less: bool,
    pub(super) is_inclusive: bool,
}

/// An operator with its part of the text, and its right side.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) operator: Operator,
    pub(super) start: usize,
    pub(super) node: Node,
}

#[derive(Debug)]
pub(super) enum Clause {
    /// `a < b`, `a < b < c`, or without sides an event.
    Chain {
        first: Node,
        sides: Vec<Side>,
        window: Option<Node>,
    },
    /// `a in b..c`
    Range {
        metric: Node,
        low: Node,
        high: Node,
        window: Option<Node>,
    },
    All(Vec<Clause>, usize),
    Any(Vec<Clause>, usize),
}

impl Clause {
    /// Where it begins.
    pub(super) fn start(&self) -> usize {
        match self {
            Self::Chain { first, .. } => first.start,
            Self::Range { metric, .. } => metric.start,
            Self::All(_, start) | Self::Any(_, start) => *start,
        }
    }
}

/// A whole expression.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) clause: Clause,
    /// `for 30s`
    pub(super) hold: Option<Node>,
    /// `keep 2m`
    pub(super) keep: Option<Node>,
    pub(super) end: usize,
}
