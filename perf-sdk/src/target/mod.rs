//! Targets: what the program's figures ought to be, and whether they are.
//!
//! ```
//! use perf_sdk::target::{Target, Targets};
//! use std::time::Duration;
//!
//! let mut targets = Targets::parse("resident < 100MiB; rate(slow_queries) < 1/min", "code")?;
//! let search = Target::new("p95(\"search\") < 100ms")?.name("search is fast").window(Duration::from_secs(60));
//! targets.add(search.objective(99.9))?;
//! assert_eq!(targets.iter().count(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | job |
//! |---|---|
//! | `definition`, `list`, `file` | targets in code, in a list, in a file of TOML |
//! | `figures` | what is asked of the history |
//! | `current` | the value of a metric |
//! | `budget` | error budgets and burn rates |
//! | `judge` | the status of a target |
//! | `ranged` | where a metric is in its range |
//! | `judgement`, `shown`, `table` | the result: data, texts, a table |

mod budget;
mod current;
mod definition;
mod figures;
#[cfg(feature = "toml")]
mod file;
mod judge;
mod judgement;
mod list;
#[cfg(feature = "enabled")]
mod ranged;
mod shown;
#[cfg(all(test, feature = "toml"))]
mod simulated;
mod table;
#[cfg(all(test, feature = "toml"))]
mod tests;

pub use crate::expression::{ExpressionError, FUNCTIONS, MetricFunction};
#[cfg(feature = "enabled")]
pub(crate) use budget::{Good, budget};
#[cfg(feature = "enabled")]
pub(crate) use current::current;
pub use definition::Target;
#[cfg(feature = "enabled")]
pub(crate) use definition::least_events;
#[cfg(feature = "enabled")]
pub(crate) use figures::{Figure, Figures, Missing, Moment, Window};
#[cfg(feature = "enabled")]
pub(crate) use judge::KeptBudgets;
pub use judgement::{BurnRate, BurnState, ErrorBudget, Judgement, Severity, Status, TargetState};
pub use list::Targets;
#[cfg(feature = "enabled")]
pub(crate) use ranged::{Ranged, Value as Ranging};
#[cfg(feature = "serve")]
pub(crate) use shown::percent;
#[cfg(feature = "enabled")]
pub(crate) use shown::{duration, value as shown_value};
