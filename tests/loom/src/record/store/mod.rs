//! What threads record.

#[path = "../../../../../perf-sdk/src/record/store/counter.rs"]
mod counter;
#[path = "../../../../../perf-sdk/src/record/store/dropped.rs"]
mod dropped;
#[path = "../../../../../perf-sdk/src/record/store/measured.rs"]
mod measured;
#[path = "../../../../../perf-sdk/src/record/store/owner.rs"]
mod owner;
#[path = "../../../../../perf-sdk/src/record/store/ring.rs"]
mod ring;
#[path = "../../../../../perf-sdk/src/record/store/sequence.rs"]
mod sequence;
#[path = "../../../../../perf-sdk/src/record/store/shared.rs"]
mod shared;
#[path = "../../../../../perf-sdk/src/record/store/trail.rs"]
pub(in crate::record) mod trail;

pub(crate) mod owner_models;
pub(crate) mod ring_models;
pub(crate) mod shared_models;

mod arena {
    pub(crate) unsafe trait Zeroed {}
}

pub(in crate::record) mod node {
    use super::shard::SiteShard;

    /// The node of a site, with what was recorded of it.
    #[derive(Debug, Default)]
    pub(crate) struct Node {
        pub(crate) shard: SiteShard,
    }

    impl Node {
        pub(crate) fn shard(&'static self) -> Option<&'static SiteShard> {
            Some(&self.shard)
        }
    }
}

/// Where shared records and their pages come from.
mod reserve {
    use std::alloc::Layout;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::arena::Zeroed;
    use crate::base::run;

    /// How many there is room for.
    static LEFT: AtomicUsize = AtomicUsize::new(0);

    pub(super) fn begin(left: usize) {
        LEFT.store(left, Relaxed);
    }

    pub(in crate::record) fn zeroed<T: Zeroed>() -> Option<&'static T> {
        LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).ok()?;
        // SAFETY: a block of this layout, all zeros, which are a valid `T`.
        Some(unsafe { run::zeroed(Layout::new::<T>()).cast::<T>().as_ref() })
    }

    pub(in crate::record) fn after_fork() {}
}

mod rules {
    use crate::base::atomic::Ordering::Relaxed;
    use crate::scope::Site;

    pub(in crate::record) fn configure(site: &'static Site) {
        site.configured.fetch_add(1, Relaxed);
    }
}

mod shard {
    use super::counter::Counter;

    /// What a thread recorded of one site: calls, and the sum of their times.
    #[derive(Debug, Default)]
    pub(crate) struct SiteShard {
        pub(crate) calls: Counter,
        pub(crate) wall: Counter,
    }

    #[derive(Clone, Copy)]
    pub(crate) struct Missed {
        pub(crate) wall: bool,
        pub(crate) cpu: bool,
        pub(crate) bytes: bool,
    }
}
