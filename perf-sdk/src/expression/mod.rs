//! The language of targets and alerts: `p95("search") < 100ms`. It is parsed, checked and printed
//! here, and evaluated elsewhere.
//!
//! | file | job |
//! |---|---|
//! | `error`, `source` | what is wrong, where, and what is allowed instead |
//! | `lexer`, `syntax`, `parser` | text to a tree |
//! | `unit` | numbers with units |
//! | `function` | the table of metric functions |
//! | `metric`, `condition` | what a tree means, and its text |
//! | `check` | a tree to its meaning: names, arguments and units |
//! | `suggestion` | the name that was probably meant |
//! | `file` | lists of expressions in files of TOML |

mod check;
mod condition;
mod error;
#[cfg(feature = "toml")]
mod file;
mod function;
mod lexer;
mod metric;
mod parser;
mod source;
mod suggestion;
mod syntax;
#[cfg(test)]
mod tests;
mod unit;

pub(crate) use check::{LEAK_VERDICTS, parse_comparison, parse_list, parse_rule, parse_rules};
#[cfg(feature = "toml")]
pub(crate) use check::{parse_share, parse_time};
pub(crate) use condition::{Bound, Comparison, Condition, Event, Limit, Rule};
pub use error::ExpressionError;
#[cfg(feature = "toml")]
pub(crate) use file::{File, FileEntry};
pub(crate) use function::{Aggregate, CallFigure, Formula, Parameters};
pub use function::{FUNCTIONS, MetricFunction};
pub(crate) use metric::Metric;
pub(crate) use source::{Source, error_at};
pub(crate) use suggestion::nearest;
pub(crate) use unit::{Dimension, Quantity};
