//! Who wants samples: more of CPU time than are always taken, or some of wall time.

use std::thread;

use super::backend::Backend;
use super::picture::WallPicture;
use super::process_sampler::with_sampler;
use super::rates::{LEAST_LOOK, MAX_HZ, USUAL_HZ};
use super::wall_request::Wish;

/// While it lives, as many samples are taken as it wants.
#[derive(Debug)]
pub(crate) struct Wanted {
    hz: u32,
    /// Of the sampler.
    serial: u64,
}

/// Samples per second of CPU time, at most [`MAX_HZ`], or as many as usual; `None`: stacks are not
/// sampled, or cannot be now.
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

/// While it lives, wall time is sampled.
#[derive(Debug)]
pub(crate) struct WallWanted {
    wish: Wish,
    /// Of the sampler.
    serial: u64,
}

/// `None`: stacks are not sampled, or by the pprof crate, which knows CPU time only, or the signal
/// is the program's.
pub(crate) fn want_wall(wish: Wish) -> Option<WallWanted> {
    let wanted = with_sampler(|sampler| {
        let serial = sampler.serial();
        // NOTE: made only if it is wanted: its drop takes the lock that is held here.
        sampler.want_wall(wish.clone()).then(|| WallWanted { wish, serial })
    });
    let wanted = wanted.flatten();
    if wanted.is_some() {
        // The sampler's thread may wait for long.
        crate::scope::announce();
    }
    wanted
}

impl WallWanted {
    /// Up to now; `None`: stacks are sampled no more.
    pub(crate) fn picture(&self) -> Option<WallPicture> {
        self.with(|sampler| sampler.wall_picture(&self.wish)).flatten()
    }

    /// Has all threads say where they are, and waits for a moment until they have.
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
