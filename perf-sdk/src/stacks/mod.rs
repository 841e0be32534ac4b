//! Samples the stacks of threads that run: what takes CPU time, whether anybody annotated it or not.
//!
//! | file | job |
//! |---|---|
//! | `engine` | the ways to signal a thread by its CPU time |
//! | `slot`, `ring` | what a signal handler knows of its thread, and writes |
//! | `gate` | lets a slot pass from thread to thread |
//! | `walkers` | the unwinder in force, and what walks remember |
//! | `lent` | alternate signal stacks of threads that are not sampled any more |
//! | `unwind`, `image` | from registers to callers, by the tables of what is loaded |
//! | `described`, `debug_frame` | which code tables describe; those that are in a file only |
//! | `signalled` | one thread that is signalled |
//! | `host`, `absent` | what the sampler's neighbours see of it; what they see where there is none |
//! | `times` | how long handlers take |
//! | `sampler` | has threads signalled, reads their rings |
//! | `quiet` | whether a look would find anything |
//! | `unseen` | whether samples come while the program runs |
//! | `totals` | what it has found, at one moment |
//! | `table` | how often each stack was seen |
//! | `wall`, `wish` | wall time, while somebody wants it |
//! | `symbols` | addresses to functions |
//! | `elf`, `section`, `plain_file` | object files, read piece by piece |
//! | `metered` | debug information, read within limits |
//! | `on_demand`, `sigprof` | the pprof crate in the sampler's place, and the signal that it takes |
//! | `chosen` | who of the two samples |
//! | `running` | the sampler of this process |
//! | `linux/` | leaves: timers, perf events, the signal handler, what is loaded |

// Where threads can be sampled.
#![cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))),
    allow(dead_code)
)]

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod described;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod gate;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod lent;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod linux;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod quiet;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[path = "absent.rs"]
mod sampler;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod sampler;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod signalled;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod slot;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod threads;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod unseen;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod unwind;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod walkers;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod wall;

mod chosen;
mod debug_frame;
mod elf;
mod engine;
mod function_name;
#[cfg(all(any(test, perf_fuzz), target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
pub(crate) mod fuzz;
mod host;
mod image;
mod known;
mod metered;
#[cfg(feature = "pprof")]
mod on_demand;
mod plain_file;
mod ring;
mod running;
mod section;
mod seen;
#[cfg(feature = "pprof")]
mod sigprof;
mod symbols;
mod table;
mod times;
mod totals;
mod wish;

use std::any::Any;
use std::io;
use std::thread;
use std::time::Instant;

pub(crate) use engine::{Engine, Rules};
pub(crate) use host::Host;
pub(crate) use image::{Image, holding};
pub(crate) use seen::{Key, Seen, Stacks};
pub(crate) use symbols::resolve;
pub(crate) use totals::{Picture, Totals, WallPicture};
pub(crate) use wish::Wish;

use crate::background::Background;
use crate::scope::Site;
use chosen::Chosen;
use host::{LEAST_LOOK, Unavailable};
use running::{Running, leave_parent, running, set_running, with_sampler};
use sampler::Sampler;

/// Samples per second of CPU time, if nobody says otherwise.
pub(crate) const USUAL_HZ: u32 = 99;
/// The same, at most.
pub(crate) const MAX_HZ: u32 = 4_000;
/// Looks at wall time per second, at most.
pub(crate) const MAX_WALL_HZ: u32 = 100;

/// Samples until the thread that it gives ends. Where it cannot, [`state`] says why.
///
/// `enter` is called on that thread.
pub(crate) fn start(
    rules: Rules,
    host: Host,
    enter: impl FnOnce() -> Box<dyn Any> + Send + 'static,
) -> io::Result<Option<Background>> {
    match running() {
        // One that is about to end.
        Some(running) => running.end(),
        // Nobody sampled before, or the parent of this process.
        None => {
            Sampler::forget_parent();
            leave_parent();
        }
    }
    let running = set_running(Chosen::new(rules, host));
    if running.unavailable().is_some() {
        return Ok(None);
    }
    let background = Background::start("perf-sdk-stacks", move |pauses| {
        let _own = enter();
        let (mut looked, mut was_called) = (Instant::now(), true);
        while let Some(pause) = running.with(|chosen| chosen.turn(was_called)) {
            let since = looked.elapsed();
            looked = Instant::now();
            // Newcomers may call as often as they like.
            if !pauses.wait(LEAST_LOOK.saturating_sub(since)) || !pauses.wait_or_call(pause) {
                break;
            }
            was_called = looked.elapsed() < pause;
        }
        running.end();
    });
    let background = background.inspect_err(|_| running.end())?;
    crate::scope::listen(background.thread());
    Ok(Some(background))
}

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

/// While it lives, as many samples are taken as it wants.
#[derive(Debug)]
pub(crate) struct Wanted {
    hz: u32,
    /// Of the sampler.
    serial: u64,
}

/// Samples per second that are taken all the time; `None`: none are.
#[cfg(feature = "push")]
pub(crate) fn always_hz() -> Option<u32> {
    with_sampler(|sampler| sampler.always_hz()).filter(|hz| *hz > 0)
}

/// Samples per second of CPU time, at most [`MAX_HZ`], or as many as usual; `None`: stacks are not sampled, or cannot be now.
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

/// `None`: stacks are not sampled, or by the pprof crate, which knows CPU time only, or the signal is the program's.
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
        self.with(Chosen::tick_wall);
        thread::sleep(LEAST_LOOK);
    }

    pub(crate) fn wish(&self) -> &Wish {
        &self.wish
    }

    fn with<T>(&self, work: impl FnOnce(&mut Chosen) -> T) -> Option<T> {
        with_sampler(|sampler| (sampler.serial() == self.serial).then(|| work(sampler))).flatten()
    }
}

impl Drop for WallWanted {
    fn drop(&mut self) {
        self.with(|sampler| sampler.want_no_wall(&self.wish));
    }
}
