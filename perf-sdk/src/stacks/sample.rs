//! One sample, as read from a ring.

/// The data of a sample besides its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whether outer frames are missing.
    pub(super) is_cut: bool,
    /// Whether the stack was not walked at all.
    pub(super) is_leaf_only: bool,
    /// Whether it stands for wall time, on or off the CPU.
    pub(super) is_wall: bool,
    /// In wall ticks.
    pub(super) at: u64,
    /// The address of the scope's path. 0 outside of all scopes.
    pub(super) scope: u64,
    /// The address of the labels in effect. 0: none.
    pub(super) labels: u64,
    /// The trace, in two words, and the span.
    pub(super) span: Option<[u64; 3]>,
    /// The CPU time or the wall time for which it stands.
    pub(super) weight_ns: u64,
}

/// One sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) facts: Facts,
    /// Innermost first.
    pub(super) frames: Vec<u64>,
}
