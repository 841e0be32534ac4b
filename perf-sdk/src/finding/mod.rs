//! Findings: what a snapshot says that somebody should do, ranked by what could be won back.
//!
//! ```
//! let perf = perf_sdk::builder().listen("off").report(false).start()?;
//! // Work. Then, of a window or of all since the start:
//! for finding in perf_sdk::finding::of(&perf.snapshot()).findings {
//!     println!("{}: {}. {}", finding.rule, finding.claim, finding.next_step);
//! }
//! # Ok::<(), perf_sdk::Error>(())
//! ```
//!
//! | file | job |
//! |---|---|
//! | `rules/` | one file a rule: a pure function of the facts |
//! | `accepted` | the file of findings that stay quiet |
//! | `facts` | the snapshot, as rules ask for it |
//! | `rank` | which finding comes first |
//! | `state`, `text` | the result: data, text |
//! | `optimization` | what was done about findings: data |

#[cfg(feature = "enabled")]
mod accepted;
#[cfg(feature = "enabled")]
mod facts;
mod optimization;
#[cfg(feature = "enabled")]
mod rank;
#[cfg(feature = "enabled")]
mod rules;
mod state;
mod text;

#[cfg(not(feature = "enabled"))]
pub use crate::off::findings_of as of;
#[cfg(feature = "enabled")]
pub(crate) use accepted::accepted;
pub use optimization::{AppliedRemedy, NotApplied, Optimization, OptimizedFigure};
#[cfg(feature = "enabled")]
pub use rank::of;
#[cfg(feature = "enabled")]
pub(crate) use rank::of_process;
pub use state::{Confidence, Finding, Findings, Gain, Remedy};
