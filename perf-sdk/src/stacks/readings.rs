//! The state and the results of this process's sampler.

use super::backend::Backend;
use super::engine::Engine;
#[cfg(feature = "heap")]
use super::image::Image;
use super::picture::Picture;
use super::process_sampler::{ProcessSampler, process_sampler, with_sampler};
#[cfg(feature = "flight")]
use super::recent::RecentPicture;
use super::stack_counts::Seen;
use super::totals::Totals;
use crate::scope::Site;
use crate::snapshot::SamplingState;

/// Whether stacks are sampled and how, or why they cannot be.
pub(crate) fn state() -> SamplingState {
    with_sampler(|sampler| sampler.state()).unwrap_or_else(|| {
        let unavailable = process_sampler().and_then(ProcessSampler::unavailable);
        unavailable.map_or(SamplingState::Off, |why| SamplingState::Unavailable(why.reason().to_owned()))
    })
}

/// All samples so far.
pub(crate) fn picture() -> Option<Picture> {
    with_sampler(Backend::picture)
}

/// The samples since a time in wall ticks, one by one, as far as they are kept. `None` if they are
/// not.
#[cfg(feature = "flight")]
pub(crate) fn recent(start: u64) -> Option<RecentPicture> {
    with_sampler(|sampler| sampler.recent(start)).flatten()
}

/// The loaded images. `None` if stacks are not sampled.
#[cfg(feature = "heap")]
pub(crate) fn images() -> Option<Vec<Image>> {
    with_sampler(|sampler| sampler.images())
}

/// Sums since sampling began, without stacks.
pub(crate) struct Sums {
    pub(crate) engine: Engine,
    pub(crate) totals: Totals,
    /// By innermost scope.
    pub(crate) scopes: Vec<(&'static Site, Seen)>,
}

/// `None` if stacks are not sampled.
pub(crate) fn sums() -> Option<Sums> {
    with_sampler(|sampler| Sums { engine: sampler.engine(), totals: sampler.totals(), scopes: sampler.by_scope() })
}

/// The rate of continuous sampling, in samples per second. `None` if there is none.
#[cfg(feature = "push")]
pub(crate) fn always_hz() -> Option<u32> {
    with_sampler(|sampler| sampler.always_hz()).filter(|hz| *hz > 0)
}
