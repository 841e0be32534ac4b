//! What a flamegraph's widths mean.

use std::fmt;
use std::str::FromStr;

use crate::snapshot::CallNode;

/// What a flamegraph's widths mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Weight {
    /// Wall time, nanoseconds; a future's idle time left out.
    #[default]
    Wall,
    /// Thread CPU time, nanoseconds.
    Cpu,
    /// Wall time not on a CPU, nanoseconds.
    OffCpu,
    /// Bytes allocated.
    Bytes,
    /// Allocations and reallocations.
    Allocations,
    /// Finished calls.
    Calls,
    /// Bytes that are allocated now, by the scope that allocated them; of a window too.
    Live,
    /// Allocations that are not freed, likewise.
    LiveObjects,
    /// Of the live bytes, those that are old: allocated longer ago than a twelfth of the leak
    /// horizon.
    RetainedOld,
    /// Live bytes more than when the window began, of paths where they grew; of everything
    /// recorded, all of them.
    LiveGrowth,
}

impl Weight {
    /// All of them.
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

    /// As in a query: `wall`, `cpu`, `offcpu`, `bytes`, `allocations`, `calls`, `live`,
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

    /// Whether it needs an allocator that counts.
    #[must_use]
    pub fn needs_allocations(self) -> bool {
        matches!(self, Self::Bytes | Self::Allocations)
    }

    /// Whether it needs a heap that is sampled.
    #[must_use]
    pub fn needs_heap(self) -> bool {
        matches!(self, Self::Live | Self::LiveObjects | Self::RetainedOld | Self::LiveGrowth)
    }

    /// What a node has of it without its callees. Differences of estimates may be negative; here
    /// they are clamped.
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

/// The text is no weight.
#[derive(Clone, PartialEq, Eq)]
pub struct UnknownWeight(String);

impl fmt::Display for UnknownWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed: Vec<&str> = Weight::ALL.iter().map(|weight| weight.name()).collect();
        write!(f, "weight is {:?}; allowed: {}", self.0, allowed.join(", "))
    }
}

/// The sentence that helps, also where `unwrap()` or `main` prints it.
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

/// Of wall time that was sampled.
#[cfg(feature = "stacks")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WallWeight {
    /// All of it, nanoseconds.
    Wall,
    /// What of it was off the CPU, nanoseconds.
    OffCpu,
}

#[cfg(feature = "stacks")]
impl WallWeight {
    /// As in a query: `wall_samples`, `offcpu_samples`.
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
