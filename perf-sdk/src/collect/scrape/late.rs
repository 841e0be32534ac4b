//! The functions of a scrape.

use std::ops::Range;

use super::classic::Classic;
use super::native::Native;
use crate::memory;
use crate::snapshot::{Figures, FunctionPart, LateDistribution, LateFunctions};

/// What a format needs of distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Classic buckets, and exemplars if it writes these.
    #[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "OTLP has all cells"))]
    Classic { has_exemplars: bool },
    /// All cells and exemplars.
    Native,
}

/// The functions of a scrape.
#[derive(Debug)]
pub(crate) struct LateFold {
    /// By module and name.
    pub(super) lines: Vec<Figures<'static>>,
    pub(super) distributions: Distributions,
}

/// The distributions of the same functions.
#[derive(Debug)]
pub(super) enum Distributions {
    Classic(Classic),
    Native(Native),
}

impl LateFunctions for LateFold {
    fn figures(&self) -> &[Figures<'_>] {
        &self.lines
    }

    fn read(&mut self, range: Range<usize>, part: FunctionPart, into: &mut Vec<LateDistribution>) {
        memory::uncounted(|| {
            into.resize_with(range.len(), LateDistribution::default);
            for (at, distribution) in range.zip(into) {
                match &mut self.distributions {
                    Distributions::Classic(classic) => classic.read(at, part, distribution),
                    Distributions::Native(native) => native.read(at, part, distribution),
                }
            }
        });
    }
}
