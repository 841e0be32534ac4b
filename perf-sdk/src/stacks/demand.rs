//! Requests for samples: for more CPU samples than are taken continuously, or for wall-time
//! samples.

use std::thread;

use super::backend::Backend;
use super::picture::WallPicture;
use super::process_sampler::with_sampler;
use super::rates::{LEAST_LOOK, MAX_HZ, USUAL_HZ};
use super::wall_request::Wish;

/// A request for a sampling rate, in effect until it drops.
#[derive(Debug)]
pub(crate) struct Wanted {
    hz: u32,
    /// The serial number of the sampler.
    serial: u64,
}

/// Requests a number of samples per second of CPU time, at most [`MAX_HZ`], or the default rate.
/// `None` if stacks are not sampled, or cannot be now.
pub(crate) fn want(hz: Option<u32>) -> Option<Wanted> {
    let hz = hz.unwrap_or(USUAL_HZ).clamp(1, MAX_HZ);
    with_sampler(|sampler| sampler.want(hz).then(|| Wanted { hz, serial: sampler.serial() })).flatten()
}

impl Drop for Wanted {
    fn drop(&mut self) {
        with_sampler(|sampler| {
            if sampler.serial() == self.serial {
                sampler.want_no_more(self.hz);
            }
        });
    }
}

/// A request for wall-time samples, in effect until it drops.
#[derive(Debug)]
pub(crate) struct WallWanted {
    wish: Wish,
    /// The serial number of the sampler.
    serial: u64,
}

/// `None` if stacks are not sampled, if they are sampled by the pprof crate, which supports CPU
/// time only, or if the program has taken over the signal.
pub(crate) fn want_wall(wish: Wish) -> Option<WallWanted> {
    let wanted = with_sampler(|sampler| {
        let serial = sampler.serial();
        // NOTE: it is made only on success, because its drop takes the lock that is held here.
        sampler.want_wall(wish.clone()).then(|| WallWanted { wish, serial })
    });
    let wanted = wanted.flatten();
    if wanted.is_some() {
        // Wakes the sampler's thread, which may be in a long wait.
        crate::scope::announce();
    }
    wanted
}

impl WallWanted {
    /// The samples up to now. `None` if stacks are no longer sampled.
    pub(crate) fn picture(&self) -> Option<WallPicture> {
        self.with(|sampler| sampler.wall_picture(&self.wish)).flatten()
    }

    /// Makes all threads report their stacks, and waits briefly until they have.
    pub(crate) fn ask(&self) {
        self.with(Backend::tick_wall);
        thread::sleep(LEAST_LOOK);
    }

    pub(crate) fn wish(&self) -> &Wish {
        &self.wish
    }

    fn with<T>(&self, work: impl FnOnce(&mut Backend) -> T) -> Option<T> {
        with_sampler(|sampler| (sampler.serial() == self.serial).then(|| work(sampler))).flatten()
    }
}

impl Drop for WallWanted {
    fn drop(&mut self) {
        self.with(|sampler| sampler.want_no_wall(&self.wish));
    }
}
