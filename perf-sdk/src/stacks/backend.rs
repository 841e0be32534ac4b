//! The sampling backend: this crate's sampler, or the pprof crate.

use std::time::Duration;

use super::engine::{Engine, Rules};
#[cfg(feature = "heap")]
use super::image::Image;
use super::linux::Sampler;
use super::picture::{Picture, WallPicture};
#[cfg(feature = "pprof")]
use super::pprof_backend::PprofSampler;
#[cfg(feature = "flight")]
use super::recent::RecentPicture;
use super::recorder_hooks::Host;
use super::stack_counts::Seen;
use super::totals::Totals;
use super::unavailable::Unavailable;
use super::wall_request::Wish;
use crate::scope::Site;
use crate::snapshot::SamplingState;

/// The backend that samples.
#[allow(clippy::large_enum_variant, reason = "there is only one instance")]
pub(super) enum Backend {
    Own(Sampler),
    #[cfg(feature = "pprof")]
    Pprof(PprofSampler),
}

/// Evaluates `$work` for either backend.
macro_rules! whoever {
    ($backend:expr, $sampler:ident => $work:expr) => {
        match $backend {
            Self::Own($sampler) => $work,
            #[cfg(feature = "pprof")]
            Self::Pprof($sampler) => $work,
        }
    };
}

impl Backend {
    /// This crate's sampler, unless the pprof crate is configured, or the sampler does not work
    /// here.
    pub(super) fn new(rules: Rules, host: Host) -> Result<Self, Unavailable> {
        #[cfg(feature = "pprof")]
        if rules.engine == Some(Engine::Pprof) {
            return PprofSampler::new(rules).map(Self::Pprof);
        }
        let own = Sampler::new(rules, host).map(Self::Own);
        #[cfg(feature = "pprof")]
        if rules.engine.is_none() && matches!(own, Err(Unavailable::Refused | Unavailable::Elsewhere)) {
            return PprofSampler::new(rules).map(Self::Pprof);
        }
        own
    }

    /// Called in a forked child, for the parent's backend.
    pub(super) fn leave(self) {
        match self {
            Self::Own(sampler) => sampler.leave(),
            // Its drop would stop the parent's sampling.
            #[cfg(feature = "pprof")]
            Self::Pprof(sampler) => std::mem::forget(sampler),
        }
    }

    /// What it does, or why it does not sample for the time being.
    pub(super) fn state(&self) -> SamplingState {
        match self {
            Self::Own(sampler) if sampler.is_taken() => {
                SamplingState::Unavailable("the program took over the signal SIGURG".to_owned())
            }
            Self::Own(sampler) => SamplingState::on_with(sampler.engine().name(), Self::unseen(sampler)),
            #[cfg(feature = "pprof")]
            Self::Pprof(sampler) => sampler.state(),
        }
    }

    /// What the samples lack, if anything.
    fn unseen(sampler: &Sampler) -> Option<String> {
        if sampler.is_sandboxed() {
            let text = "only of threads that were there before the program put itself under a seccomp filter";
            return Some(text.to_owned());
        }
        sampler.remark().or_else(|| match sampler.without_room() {
            0 => None,
            count => {
                Some(format!("for callers of code in {count} libraries, for whose tables PERF_MEMORY has no room"))
            }
        })
    }

    pub(super) fn turn(&mut self, was_called: bool) -> Duration {
        match self {
            Self::Own(sampler) => sampler.turn(was_called),
            #[cfg(feature = "pprof")]
            Self::Pprof(sampler) => sampler.look(),
        }
    }

    /// `false` if it cannot.
    pub(super) fn want(&mut self, hz: u32) -> bool {
        match self {
            Self::Own(sampler) => {
                sampler.want(hz);
                true
            }
            #[cfg(feature = "pprof")]
            Self::Pprof(sampler) => sampler.want(hz),
        }
    }

    #[cfg(feature = "push")]
    pub(super) fn always_hz(&self) -> u32 {
        whoever!(self, sampler => sampler.always_hz())
    }

    pub(super) fn want_no_more(&mut self, hz: u32) {
        whoever!(self, sampler => sampler.want_no_more(hz));
    }

    /// `false` if it cannot. The pprof crate supports CPU time only.
    pub(super) fn want_wall(&mut self, wish: Wish) -> bool {
        self.own().is_some_and(|sampler| sampler.want_wall(wish))
    }

    pub(super) fn want_no_wall(&mut self, wish: &Wish) {
        if let Some(sampler) = self.own() {
            sampler.want_no_wall(wish);
        }
    }

    pub(super) fn tick_wall(&mut self) {
        if let Some(sampler) = self.own() {
            sampler.tick_wall();
        }
    }

    pub(super) fn wall_picture(&mut self, wish: &Wish) -> Option<WallPicture> {
        self.own()?.wall_picture(wish)
    }

    #[allow(clippy::unnecessary_wraps, reason = "with the feature pprof there is another variant")]
    fn own(&mut self) -> Option<&mut Sampler> {
        match self {
            Self::Own(sampler) => Some(sampler),
            #[cfg(feature = "pprof")]
            Self::Pprof(_) => None,
        }
    }

    pub(super) fn serial(&self) -> u64 {
        whoever!(self, sampler => sampler.serial())
    }

    pub(super) fn picture(&mut self) -> Picture {
        whoever!(self, sampler => sampler.picture())
    }

    /// `None` if samples are not kept one by one.
    #[cfg(feature = "flight")]
    pub(super) fn recent(&mut self, start: u64) -> Option<RecentPicture> {
        Some(self.own()?.recent(start))
    }

    pub(super) fn totals(&self) -> Totals {
        whoever!(self, sampler => sampler.totals())
    }

    #[cfg(feature = "heap")]
    pub(super) fn images(&self) -> Vec<Image> {
        whoever!(self, sampler => sampler.images())
    }

    pub(super) fn by_scope(&self) -> Vec<(&'static Site, Seen)> {
        match self {
            Self::Own(sampler) => sampler.by_scope(),
            // The crate does not know the loaded images.
            #[cfg(feature = "pprof")]
            Self::Pprof(_) => Vec::new(),
        }
    }

    pub(super) fn engine(&self) -> Engine {
        match self {
            Self::Own(sampler) => sampler.engine(),
            #[cfg(feature = "pprof")]
            Self::Pprof(_) => Engine::Pprof,
        }
    }
}
