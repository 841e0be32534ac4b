//! The regression gate: two versions of a program with operations, compared.
//!
//! | file | job |
//! |---|---|
//! | `options` | what is compared, and how strictly |
//! | `check` | all tiers, one after another |
//! | `program`, `scratch` | runs a program with a request, in a process of its own; a folder for answers |
//! | `left` | what must go when a signal ends the check |
//! | `baseline` | a file of counts that people can read in a diff |
//! | `counts` | tier 1: exact counts |
//! | `instructions`, `callgrind` | tier 2: instructions; what callgrind writes |
//! | `times`, `series` | tier 3: time, in pairs of both versions |
//! | `paired`, `holm` | statistics: the median of pairs, several tests at once |
//! | `verdict` | what was compared, and what it says |
//! | `difference` | both call trees in one drawing |
//! | `report/` | text, Markdown, JUnit |

mod baseline;
mod callgrind;
mod check;
mod counts;
mod difference;
mod holm;
mod instructions;
mod left;
mod options;
mod paired;
mod program;
mod report;
mod scratch;
mod series;
mod times;
mod verdict;

pub(crate) use check::{check, measure};
pub(crate) use options::{Instructions, Options, Subject, Time};
pub(crate) use program::Program;
pub(crate) use report::{junit, markdown, text};
