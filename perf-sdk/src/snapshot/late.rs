//! Functions of a snapshot that are read piece by piece.

use std::fmt::Debug;
use std::ops::Range;

use super::Function;

/// Which distribution of a function is read beside its other figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionPart {
    /// None of them.
    Figures,
    /// Wall times, with their exemplars.
    Wall,
    Cpu,
    Bytes,
}

/// The functions of a snapshot in a form that takes less memory: their distributions are read when
/// they are asked for, so they are those of that moment.
pub(crate) trait LateFunctions: Debug + Send {
    /// The number of functions.
    fn count(&self) -> usize;
    /// Module and name of one of them.
    fn names(&self, at: usize) -> (&str, &str);
    /// Replaces `into` by these functions, with everything that scrapes show of them. The other
    /// distributions are empty where there are some, and absent where there are none.
    fn read(&mut self, range: Range<usize>, part: FunctionPart, into: &mut Vec<Function>);
}
