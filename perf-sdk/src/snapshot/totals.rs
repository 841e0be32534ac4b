//! Sums of one function or one call-tree node.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// Sums. They are signed, because an exclusive figure is a difference of two estimates: clamp them
/// for display.
///
/// The allocation fields are meaningful only if
/// [`Snapshot::has_allocations`](super::Snapshot::has_allocations).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Totals {
    /// Wall-clock time, excluding a future's idle time.
    pub wall_ns: i64,
    /// CPU time of the calling threads.
    pub cpu_ns: i64,
    /// Bytes requested from the allocator. A realloc counts its new size.
    pub allocated_bytes: i64,
    /// Allocations, excluding reallocations.
    pub allocations: i64,
    /// Bytes freed during the calls, whichever function allocated them. A realloc counts its old
    /// size.
    pub freed_bytes: i64,
    /// Frees, excluding reallocations.
    pub frees: i64,
    /// Reallocations.
    pub reallocations: i64,
}

impl Totals {
    /// Wall time off the CPU: blocked, sleeping or preempted.
    #[must_use]
    pub fn off_cpu_ns(&self) -> i64 {
        self.wall_ns - self.cpu_ns
    }

    /// With negative figures replaced by 0.
    pub(super) fn clamped(self) -> Self {
        self.zip(self, |n, _| n.max(0))
    }

    fn zip(self, other: Self, f: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            wall_ns: f(self.wall_ns, other.wall_ns),
            cpu_ns: f(self.cpu_ns, other.cpu_ns),
            allocated_bytes: f(self.allocated_bytes, other.allocated_bytes),
            allocations: f(self.allocations, other.allocations),
            freed_bytes: f(self.freed_bytes, other.freed_bytes),
            frees: f(self.frees, other.frees),
            reallocations: f(self.reallocations, other.reallocations),
        }
    }
}

impl std::ops::Add for Totals {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.zip(other, i64::wrapping_add)
    }
}

impl std::ops::Sub for Totals {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.zip(other, i64::wrapping_sub)
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::SubAssign for Totals {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
