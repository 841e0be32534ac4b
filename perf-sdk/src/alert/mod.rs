//! Alerts: what ought not to be so, judged within the second in the process that has the evidence.
//!
//! ```
//! use perf_sdk::alert::{AlertRule, AlertSeverity};
//!
//! let builder = perf_sdk::builder().alert(
//!     AlertRule::new("p99(\"search\") > 250ms for 30s keep 2m")?
//!         .name("search is slow")
//!         .severity(AlertSeverity::Critical),
//! );
//! # drop(builder);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | job |
//! |---|---|
//! | `definition`, `list`, `file` | rules in code, in a list, in a file of TOML |
//! | `prometheus` | the same rules for a Prometheus server |
//! | `shipped` | rules that need to know nothing of a program |
//! | `action` | what is done when an alert fires |
//! | `runs` | what was done, and whether it helped |
//! | `condition`, `samples` | whether what a rule says is so |
//! | `machine` | the states of one alert |
//! | `watch` | all rules, and the alerts of each |
//! | `state` | the result: data |

mod action;
#[cfg(feature = "enabled")]
mod condition;
mod definition;
#[cfg(feature = "toml")]
mod file;
#[cfg(test)]
mod healthy;
#[cfg(test)]
mod labelled;
mod list;
#[cfg(feature = "enabled")]
mod machine;
mod prometheus;
#[cfg(feature = "enabled")]
mod runs;
#[cfg(feature = "enabled")]
mod samples;
mod shipped;
mod state;
#[cfg(all(test, feature = "toml"))]
mod tests;
#[cfg(feature = "enabled")]
mod watch;

pub use crate::expression::ExpressionError;
#[cfg(feature = "enabled")]
pub(crate) use action::Bounds;
pub use action::{AlertAction, AlertActionKind, AlertCommand};
#[cfg(feature = "enabled")]
pub(crate) use condition::{Facts, Leaking};
pub use definition::AlertRule;
pub use list::AlertRules;
#[cfg(feature = "enabled")]
pub(crate) use runs::{Ended, Runs};
pub use state::{
    AlertActionTotal, AlertChange, AlertEvent, AlertOutcome, AlertPhase, AlertRuleState, AlertRun, AlertSeverity,
    AlertState, AlertTransition, Alerts, AlertsReport,
};
#[cfg(feature = "enabled")]
pub(crate) use watch::{Moment, Watch};
