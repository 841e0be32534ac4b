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
    /// `ok`, `error`, `panic` or `cancelled`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
        }
    }

    /// The number of outcomes.
    pub(crate) const COUNT: usize = 4;

    #[inline]
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The outcome of an [index](Self::index).
    pub(crate) fn from_index(index: usize) -> Self {
        [Self::Ok, Self::Error, Self::Panic, Self::Cancelled].get(index).copied().unwrap_or(Self::Ok)
    }
}
