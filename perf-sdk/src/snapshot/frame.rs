//! A profiled function on a path.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// One function on a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Frame {
    /// The function.
    pub name: String,
    /// Its module.
    pub module: String,
    /// Where it is annotated.
    pub file: String,
    /// And in which line; 0 if that is not known.
    pub line: u32,
}

impl Frame {
    /// `module::name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        if self.module.is_empty() { self.name.clone() } else { format!("{}::{}", self.module, self.name) }
    }
}
