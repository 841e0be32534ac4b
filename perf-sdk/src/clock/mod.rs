//! Wall ticks and thread CPU time, the latter by system call.
#![allow(unsafe_code)]

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// How thread CPU time is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Syscall,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("syscall")
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "syscall" { Ok(Self::Syscall) } else { Err(format!("{text:?} is no CPU clock")) }
    }
}

/// The engine cannot be had here.
#[derive(Debug)]
pub(crate) struct Unavailable {
    pub(crate) engine: Engine,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not available", self.engine)
    }
}

pub(crate) fn init(_: Option<Engine>) -> Result<(), Unavailable> {
    wall();
    Ok(())
}

#[derive(Debug)]
pub(crate) struct Wall {
    clock: quanta::Clock,
    ns_per_tick: f64,
}

impl Wall {
    #[inline]
    pub(crate) fn ticks(&self) -> u64 {
        self.clock.raw()
    }

    #[inline]
    pub(crate) fn ns(&self, ticks: u64) -> u64 {
        self.clock.delta_as_nanos(0, ticks)
    }

    pub(crate) fn ticks_of_ns(&self, ns: u64) -> u64 {
        (ns as f64 / self.ns_per_tick) as u64
    }

    pub(crate) fn between(&self, start: u64, end: u64) -> u64 {
        end.saturating_sub(start)
    }

    #[inline]
    pub(crate) fn suspicious_ticks(&self) -> u64 {
        u64::MAX / 2
    }

    pub(crate) fn plausible(&self, start: u64, end: u64) -> u64 {
        end.saturating_sub(start)
    }
}

pub(crate) fn wall() -> &'static Wall {
    static WALL: OnceLock<Wall> = OnceLock::new();
    WALL.get_or_init(|| {
        let clock = quanta::Clock::new();
        let ns_per_tick = clock.delta_as_nanos(0, 1 << 40) as f64 / (1u64 << 40) as f64;
        Wall { clock, ns_per_tick }
    })
}

pub(crate) const DEFAULT_INTERVAL: u32 = 128;

#[derive(Debug)]
pub(crate) struct ThreadCpu;

impl ThreadCpu {
    pub(crate) fn attach() -> Self {
        Self
    }

    pub(crate) fn detached() -> Self {
        Self
    }

    #[inline]
    pub(crate) fn enter(&mut self, wall: &Wall) -> (u64, u64) {
        (wall.ticks(), 0)
    }

    #[inline]
    pub(crate) fn exit(&mut self, wall: &Wall) -> (u64, u64) {
        (wall.ticks(), 0)
    }

    pub(crate) fn detach(&mut self) {}

    pub(crate) fn sampled(&self) -> bool {
        true
    }

    pub(crate) fn cpu_now_ns() -> u64 {
        cpu_ns(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or(0)
    }
}

fn cpu_ns(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    let read = unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
    read.then(|| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

pub(crate) fn engine() -> Option<Engine> {
    Some(Engine::Syscall)
}

/// CPU time of another thread of this process.
pub(crate) fn thread_cpu_ns_of(thread: u32) -> Option<u64> {
    cpu_ns((!(thread as libc::clockid_t) << 3) | 6)
}

pub(crate) fn after_fork() {}

pub(crate) fn anomalies() -> impl Iterator<Item = (&'static str, u64)> {
    std::iter::empty()
}
