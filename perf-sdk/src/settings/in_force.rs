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
    /// Where it was set: a variable, a line of the settings file, a method of the builder, or
    /// [`CHANGED`].
    pub(crate) place: Option<String>,
    /// Whether it can be changed while the profiler runs.
    pub(crate) changes: bool,
}

/// In the place of where it was set: since the start.
const CHANGED: &str = "changed while it runs";

impl InForce {
    /// Notes what holds now.
    pub(crate) fn change(&mut self, now: String) {
        if self.value.as_ref() != Some(&now) {
            self.value = Some(now);
            self.place = Some(CHANGED.to_owned());
        }
    }
}
