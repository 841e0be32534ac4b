//! Frames of profiled functions.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// One profiled function in a call path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Frame {
    /// The function.
    pub name: String,
    /// Its module.
    pub module: String,
    /// The source file of its annotation.
    pub file: String,
    /// The line of its annotation; 0 if unknown.
    pub line: u32,
}

impl Frame {
    /// `module::name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        if self.module.is_empty() { self.name.clone() } else { format!("{}::{}", self.module, self.name) }
    }
}
