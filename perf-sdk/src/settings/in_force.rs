//! A setting as it holds now.

use serde::Serialize;

/// A setting as it holds now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InForce {
    pub(crate) key: &'static str,
    /// Its environment variable.
    pub(crate) variable: &'static str,
    /// As text; absent where nothing was set and the default is none. Tokens are not shown.
    pub(crate) value: Option<String>,
    /// What holds when nothing is set, in words.
    pub(crate) default: &'static str,
    /// Where it was set: a variable, a line of the file of settings, or a method of the builder.
    pub(crate) place: Option<String>,
    /// Whether it can be changed while the profiler runs.
    pub(crate) changes: bool,
}
