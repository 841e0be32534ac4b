//! One sample, as it is read from a ring.

/// What a sample says besides its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Frames are missing at the outer end.
    pub(super) is_cut: bool,
    /// The stack was not walked at all.
    pub(super) is_leaf_only: bool,
    /// It stands for wall time, on the CPU or off it.
    pub(super) is_wall: bool,
    /// Wall ticks.
    pub(super) at: u64,
    /// Address of the scope's path; 0 outside of all.
    pub(super) scope: u64,
    /// Address of the labels in force; 0: none.
    pub(super) labels: u64,
    /// The trace that it was in, in two words, and the span.
    pub(super) span: Option<[u64; 3]>,
    /// CPU time that it stands for, or wall time.
    pub(super) weight_ns: u64,
}

/// One sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) facts: Facts,
    /// Innermost first.
    pub(super) frames: Vec<u64>,
}
