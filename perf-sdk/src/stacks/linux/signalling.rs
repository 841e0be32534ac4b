//! Which engine signals threads, and how often.

use super::super::engine::{Engine, Rules};
use super::super::unavailable::Unavailable;
use super::cpu_timer;
use super::signalled_thread::{Signals, is_short_of_timers, is_usable};

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
        Ok(Self { engines, engine, hz: rules.hz, wanted: Vec::new(), period_ns: 0, tick_ns: cpu_timer::tick_ns() })
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

    /// Whether the requests need another period than the current one.
    pub(super) fn is_due(&self) -> bool {
        self.wanted_period_ns() != self.period_ns
    }

    /// Sets the period that satisfies all requests, and its engine.
    pub(super) fn update(&mut self) {
        self.period_ns = self.wanted_period_ns();
        // More samples than the kernel has ticks need perf events, because timers do not deliver
        // more.
        let best = if self.period_ns >= self.tick_ns { self.engines.first() } else { self.engines.last() };
        self.engine = best.copied().unwrap_or(self.engine);
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

    pub(super) fn signals(&self) -> Signals {
        Signals { engine: self.engine, period_ns: self.period_ns }
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
