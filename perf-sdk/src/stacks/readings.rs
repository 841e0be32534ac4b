//! What the sampler of this process says of itself, and what it has found.

use super::chosen::Chosen;
use super::engine::Engine;
#[cfg(feature = "heap")]
use super::image::Image;
use super::recorder_hooks::Unavailable;
use super::running::{Running, running, with_sampler};
use super::seen::Seen;
use super::totals::{Picture, Totals};
use crate::scope::Site;

/// Whether stacks are sampled: `on` and how, `off`, or why they cannot be.
pub(crate) fn state() -> String {
    let on = with_sampler(|sampler| sampler.state());
    let why_not = || match running().and_then(Running::unavailable) {
        Some(Unavailable::Taken) => "the program handles the signal SIGURG itself",
        Some(Unavailable::Memory) => "there is no memory for it",
        Some(Unavailable::Refused) => "the kernel refuses CPU timers and perf events",
        #[cfg(feature = "pprof")]
        Some(Unavailable::ProfTaken) => "the program handles the signal SIGPROF itself",
        #[cfg(feature = "pprof")]
        Some(Unavailable::Forked) => "the pprof crate was in use before this process was forked",
        Some(Unavailable::Elsewhere) => "not on this system",
        None => "off",
    };
    on.unwrap_or_else(|| why_not().to_owned())
}

/// Everything sampled so far.
pub(crate) fn picture() -> Option<Picture> {
    with_sampler(Chosen::picture)
}

/// What is loaded; `None` where stacks are not sampled.
#[cfg(feature = "heap")]
pub(crate) fn images() -> Option<Vec<Image>> {
    with_sampler(|sampler| sampler.images())
}

/// Sums since sampling began, without stacks.
pub(crate) struct Sums {
    pub(crate) engine: Engine,
    pub(crate) totals: Totals,
    /// Of each innermost scope.
    pub(crate) scopes: Vec<(&'static Site, Seen)>,
}

/// `None` where stacks are not sampled.
pub(crate) fn sums() -> Option<Sums> {
    with_sampler(|sampler| Sums { engine: sampler.engine(), totals: sampler.totals(), scopes: sampler.by_scope() })
}

/// Samples per second that are taken all the time; `None`: none are.
#[cfg(feature = "push")]
pub(crate) fn always_hz() -> Option<u32> {
    with_sampler(|sampler| sampler.always_hz()).filter(|hz| *hz > 0)
}
