//! What is asked of an endpoint, and its answer as data: the same for people, for `--json` and for
//! agents. Names of fields have their unit; what is not known is absent, never 0.
//!
//! | file | job |
//! |---|---|
//! | `functions` | functions, sorted and limited, of a time or since recording began |
//! | `overview` | the process, its limits, and what the profiler takes |
//! | `alerts`, `targets`, `findings` | what is wrong, or should be done |
//! | `status` | all of these in short |
//! | `memory` | who holds memory |
//! | `history` | series over time, and since when they are as they are |
//! | `slow`, `queries`, `flame` | the slowest calls, statements, the heaviest stacks: for agents |
//! | `changes` | what changed between two times, or by a label |

pub(crate) mod alerts;
pub(crate) mod changes;
pub(crate) mod findings;
#[cfg(feature = "mcp")]
pub(crate) mod flame;
pub(crate) mod functions;
pub(crate) mod history;
pub(crate) mod memory;
pub(crate) mod overview;
#[cfg(feature = "mcp")]
pub(crate) mod queries;
#[cfg(feature = "mcp")]
pub(crate) mod slow;
pub(crate) mod status;
pub(crate) mod targets;
