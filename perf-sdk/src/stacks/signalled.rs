//! One thread that is signalled by its CPU time.

use std::mem;
use std::ptr;
use std::time::Instant;

use super::engine::Engine;
use super::linux::{self, Event, Timer};
use super::slot::{self, Slot};
use crate::clock;

/// What signals a thread.
enum Source {
    Event(#[expect(dead_code, reason = "for what its drop does")] Event),
    Timer(Timer),
}

/// One thread that is signalled by its CPU time, until this drops.
pub(super) struct Signalled {
    pub(super) slot: &'static Slot,
    source: Option<Source>,
    pub(super) began: Instant,
    /// Number of its name.
    pub(super) name: u32,
    /// That is the one that it keeps.
    pub(super) is_named: bool,
    pub(super) is_known_to_recorder: bool,
}

impl Signalled {
    /// Not signalled yet. `None`: there are as many threads as can be.
    pub(super) fn new(thread: u32) -> Option<Self> {
        let slot = slot::take_slot(thread)?;
        Some(Self { slot, source: None, began: Instant::now(), name: 0, is_named: false, is_known_to_recorder: false })
    }

    /// Signalled from now on after each `period_ns`, at first after `first_ns`; a period of 0: not any more. `false`: the system refuses.
    pub(super) fn signal(&mut self, engine: Engine, first_ns: u64, period_ns: u64) -> bool {
        let (slot, thread) = (self.slot, self.slot.thread());
        slot.set_period_ns(period_ns);
        if period_ns > 0
            && engine == Engine::Timer
            && let Some(Source::Timer(timer)) = &self.source
            && timer.set(first_ns, period_ns).is_ok()
        {
            return true;
        }
        self.end();
        if period_ns == 0 {
            return true;
        }
        let event = if engine == Engine::Perf { Event::open(thread, period_ns).ok() } else { None };
        if let Some((event, started)) = event {
            slot.set_page(event.page());
            self.source = Some(Source::Event(event));
            if started.enable().is_ok() {
                return true;
            }
            self.end();
        }
        self.source = Timer::start(thread, linux::value(slot), first_ns, period_ns).ok().map(Source::Timer);
        self.source.is_some()
    }

    fn end(&mut self) {
        if !self.slot.set_page(ptr::null_mut()) {
            // A handler may still be at the event's page.
            mem::forget(self.source.take());
        }
        self.source = None;
    }
}

impl Drop for Signalled {
    fn drop(&mut self) {
        self.end();
        slot::give_slot_back(self.slot);
    }
}

/// Whether this thread could be signalled so.
pub(super) fn is_usable(engine: Engine) -> bool {
    const LONG_NS: u64 = 1_000_000_000_000;
    let thread = clock::thread_id();
    match engine {
        // Found by thread, which in a library that was loaded would take memory in the handler.
        Engine::Perf => linux::is_in_program() && !clock::perf_is_risky() && Event::open(thread, LONG_NS).is_ok(),
        Engine::Timer => Timer::start(thread, 0, LONG_NS, LONG_NS).is_ok(),
        Engine::Pprof => false,
    }
}
