//! The figures of the program, as judges ask for them.
//!
//! | file | job |
//! |---|---|
//! | `live` | of this process: its history, and all since its start while it is young |
//! | `past` | a window of the history |
//! | `whole` | a snapshot as a whole |
//! | `slower` | the share of calls that took longer than a limit |

mod live;
mod past;
mod slower;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use live::{Live, Now, YOUNG};
pub(crate) use whole::Whole;
