//! Which engine signals threads, and how often.
//!
//! Timers signal at the kernel's tick. Programs that work in step with the tick are not sampled
//! fairly by them: those that wake at fixed times, and those that share the processors with others,
//! because the kernel gives these to somebody else at a tick. perf's clock is fair, but makes each
//! context switch dearer. So it is used where switches are rare enough.

use std::num::NonZero;
use std::thread;

use super::super::engine::{Engine, Rules};
use super::super::unavailable::Unavailable;
use super::bursts::Bursts;
use super::cpu_timer;
use super::signalled_thread::{Signals, is_short_of_timers, is_usable};

/// For each processor, the number of threads that perf's clock may signal continuously. Each takes
/// 8 KiB of the memory that a user may lock for events, which is 516 KiB a processor by default
/// (`perf_event_mlock_kb`).
const THREADS: u64 = 16;

pub(super) struct Signalling {
    /// The engines that work on this machine.
    engines: Vec<Engine>,
    /// The current engine.
    engine: Engine,
    /// Samples per second that are taken continuously.
    hz: u32,
    /// Samples per second requested by captures in progress.
    wanted: Vec<u32>,
    /// The current period, in CPU time. 0: threads are not signalled.
    period_ns: u64,
    tick_ns: u64,
    bursts: Bursts,
    /// The number of threads that perf's clock may signal continuously.
    most_threads: u64,
    /// Whether there are no more than that.
    are_few: bool,
}

impl Signalling {
    /// With the first usable engine. Threads are not signalled before the first
    /// [`update`](Self::update).
    pub(super) fn new(rules: Rules) -> Result<Self, Unavailable> {
        let wanted = |engine: &Engine| rules.engine.is_none_or(|wanted| wanted == *engine);
        let mut engines: Vec<Engine> =
            Engine::ALL.into_iter().filter(wanted).filter(|engine| is_usable(*engine)).collect();
        if engines.is_empty() && wanted(&Engine::Timer) && is_short_of_timers() {
            // No engine is usable at the moment. All threads are refused until that changes.
            engines.push(Engine::Timer);
        }
        let engine = *engines.first().ok_or(Unavailable::Refused)?;
        Ok(Self {
            engines,
            engine,
            hz: rules.hz,
            wanted: Vec::new(),
            period_ns: 0,
            tick_ns: cpu_timer::tick_ns(),
            bursts: Bursts::default(),
            most_threads: THREADS * thread::available_parallelism().map_or(1, NonZero::get) as u64,
            are_few: true,
        })
    }

    /// Adds the samples per second of a capture.
    pub(super) fn want(&mut self, hz: u32) {
        self.wanted.push(hz);
    }

    /// Removes those of a capture that ended.
    pub(super) fn want_no_more(&mut self, hz: u32) {
        if let Some(at) = self.wanted.iter().position(|wanted| *wanted == hz) {
            self.wanted.swap_remove(at);
        }
    }

    /// The period that satisfies all requests.
    fn wanted_period_ns(&self) -> u64 {
        let hz = self.wanted.iter().copied().chain([self.hz]).max().unwrap_or(0);
        1_000_000_000_u64.checked_div(u64::from(hz)).unwrap_or(0)
    }

    /// Whether the requests need another period than the current one, or the program another
    /// engine.
    pub(super) fn is_due(&self) -> bool {
        let period_ns = self.wanted_period_ns();
        period_ns != self.period_ns || self.best(period_ns) != self.engine
    }

    /// Sets the period that satisfies all requests, and its engine.
    pub(super) fn update(&mut self) {
        self.period_ns = self.wanted_period_ns();
        self.engine = self.best(self.period_ns);
    }

    /// Notes how the program runs, with this number of threads.
    pub(super) fn look_at_program(&mut self, threads: u64) {
        if self.engines.len() > 1 {
            self.bursts.look();
            self.are_few = threads <= self.most_threads;
        }
    }

    /// More samples than the kernel has ticks need perf events, because timers do not deliver more.
    fn best(&self, period_ns: u64) -> Engine {
        let is_more = period_ns < self.tick_ns;
        let is_fit = self.are_few && self.bursts.are_long();
        let best = if is_more || is_fit { self.engines.last() } else { self.engines.first() };
        best.copied().unwrap_or(self.engine)
    }

    /// Sets the period to 0.
    pub(super) fn stop(&mut self) {
        self.period_ns = 0;
    }

    /// Uses no perf events from now on.
    pub(super) fn use_timers_only(&mut self) {
        self.engines.retain(|engine| *engine != Engine::Perf);
        self.engine = Engine::Timer;
    }

    /// Whether more samples are requested than are taken continuously.
    pub(super) fn is_raised(&self) -> bool {
        !self.wanted.is_empty()
    }

    pub(super) fn signals(&self) -> Signals {
        // A thread that was signalled by its timer before is known to the handler of its event
        // without a system call. Those that were not wait until then, unless more is requested.
        let is_known_only = self.engines.len() > 1 && !self.is_raised();
        Signals { engine: self.engine, period_ns: self.period_ns, is_known_only }
    }

    pub(super) fn engine(&self) -> Engine {
        self.engine
    }

    pub(super) fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// Samples per second at the current period.
    pub(super) fn hz(&self) -> u32 {
        1_000_000_000_u64.checked_div(self.period_ns).unwrap_or(0) as u32
    }

    /// Samples per second that are taken continuously.
    #[cfg(feature = "push")]
    pub(super) fn always_hz(&self) -> u32 {
        self.hz
    }

    /// The length of the kernel's tick.
    pub(super) fn tick_ns(&self) -> u64 {
        self.tick_ns
    }
}
