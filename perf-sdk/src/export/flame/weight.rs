//! The weights of flamegraphs.

use std::fmt;
use std::str::FromStr;

use crate::snapshot::CallNode;

/// The quantity that a flamegraph's widths show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Weight {
    /// Wall time in nanoseconds, excluding a future's idle time.
    #[default]
    Wall,
    /// Thread CPU time in nanoseconds.
    Cpu,
    /// Wall time off the CPU, in nanoseconds.
    OffCpu,
    /// Allocated bytes.
    Bytes,
    /// Allocations and reallocations.
    Allocations,
    /// Finished calls.
    Calls,
    /// Live bytes, by the scope that allocated them. Over a window: their change.
    Live,
    /// Live allocations. Over a window: their change.
    LiveObjects,
    /// Old live bytes: allocated longer ago than a twelfth of the leak horizon.
    RetainedOld,
    /// The growth of live bytes since the window began, for paths where they grew. Over the whole
    /// recording: all live bytes.
    LiveGrowth,
}

impl Weight {
    /// All weights.
    pub const ALL: [Self; 10] = [
        Self::Wall,
        Self::Cpu,
        Self::OffCpu,
        Self::Bytes,
        Self::Allocations,
        Self::Calls,
        Self::Live,
        Self::LiveObjects,
        Self::RetainedOld,
        Self::LiveGrowth,
    ];

    /// The name in a query: `wall`, `cpu`, `offcpu`, `bytes`, `allocations`, `calls`, `live`,
    /// `live_objects`, `retained_old`, `live_growth`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "cpu",
            Self::OffCpu => "offcpu",
            Self::Bytes => "bytes",
            Self::Allocations => "allocations",
            Self::Calls => "calls",
            Self::Live => "live",
            Self::LiveObjects => "live_objects",
            Self::RetainedOld => "retained_old",
            Self::LiveGrowth => "live_growth",
        }
    }

    /// Whether it requires a counting allocator.
    #[must_use]
    pub fn needs_allocations(self) -> bool {
        matches!(self, Self::Bytes | Self::Allocations)
    }

    /// Whether it requires sampling of the live heap.
    #[must_use]
    pub fn needs_heap(self) -> bool {
        matches!(self, Self::Live | Self::LiveObjects | Self::RetainedOld | Self::LiveGrowth)
    }

    /// The node's weight without its callees. Differences of estimates may be negative; they are
    /// clamped to 0.
    pub(super) fn of(self, node: &CallNode) -> u64 {
        let own = &node.exclusive;
        let weight = match self {
            Self::Wall => own.wall_ns,
            Self::Cpu => own.cpu_ns,
            Self::OffCpu => own.off_cpu_ns(),
            Self::Bytes => own.allocated_bytes,
            Self::Allocations => own.allocations + own.reallocations,
            Self::Calls => return node.calls,
            Self::Live => return node.live.bytes,
            Self::LiveObjects => return node.live.objects,
            Self::RetainedOld => return node.live.old_bytes,
            Self::LiveGrowth => node.live.grown_bytes,
        };
        u64::try_from(weight).unwrap_or(0)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is not the name of a weight.
#[derive(Clone, PartialEq, Eq)]
pub struct UnknownWeight(String);

impl fmt::Display for UnknownWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed: Vec<&str> = Weight::ALL.iter().map(|weight| weight.name()).collect();
        write!(f, "weight is {:?}; allowed: {}", self.0, allowed.join(", "))
    }
}

/// The same text as `Display`, so that `unwrap()` and `main` print it too.
impl fmt::Debug for UnknownWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for UnknownWeight {}

impl FromStr for Weight {
    type Err = UnknownWeight;

    fn from_str(text: &str) -> Result<Self, UnknownWeight> {
        Self::ALL.into_iter().find(|weight| weight.name() == text).ok_or_else(|| UnknownWeight(text.to_owned()))
    }
}

/// The quantity that a flamegraph of sampled wall time shows.
#[cfg(feature = "stacks")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WallWeight {
    /// Wall time in nanoseconds.
    Wall,
    /// The part of it off the CPU, in nanoseconds.
    OffCpu,
}

#[cfg(feature = "stacks")]
impl WallWeight {
    /// The name in a query: `wall_samples`, `offcpu_samples`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall_samples",
            Self::OffCpu => "offcpu_samples",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_list_what_is_allowed() {
        for weight in Weight::ALL {
            assert_eq!(weight.name().parse(), Ok(weight));
        }
        let error = "time".parse::<Weight>().unwrap_err().to_string();
        assert!(error.contains("\"time\"") && error.contains("wall, cpu, offcpu"), "{error}");
    }
}
