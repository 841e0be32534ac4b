//! How a call ended.

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It returned, and not an `Err`.
    Ok,
    /// It returned an `Err`.
    Error,
    /// It unwound.
    Panic,
    /// A future that was dropped before it completed.
    Cancelled,
}

impl Outcome {
    /// The number of outcomes.
    pub(crate) const COUNT: usize = 4;

    #[inline]
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}
