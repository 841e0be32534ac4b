//! One thread that is signalled by its CPU time.

use std::mem;
use std::ptr;
use std::time::{Duration, Instant};

use super::super::engine::Engine;
use super::super::stack_table::Table;
use super::cpu_timer::Timer;
use super::handler;
use super::kernel_threads;
use super::loaded_images;
use super::perf_event::Event;
use super::slot::Slot;
use super::tenant::Tenant;
use crate::base::sandbox;
use crate::clock;

/// For this long an event keeps its period. A new event takes some 50 µs, and loses half a period.
const SAME_EVENT: Duration = Duration::from_secs(4);

/// The source of a thread's signals.
enum Source {
    Event(#[expect(dead_code, reason = "for what its drop does")] Event),
    Timer(Timer),
}

/// How threads are signalled.
#[derive(Clone, Copy)]
pub(super) struct Signals {
    pub(super) engine: Engine,
    /// The period in CPU time. 0: not at all.
    pub(super) period_ns: u64,
    /// Whether an event is made only for a thread that a timer has signalled. A timer signals the
    /// others.
    pub(super) is_known_only: bool,
}

/// One thread that is signalled by its CPU time, until this drops.
pub(super) struct Signalled {
    pub(super) tenant: Tenant,
    source: Option<Source>,
    /// Whether the kernel refused an event for it.
    is_without_event: bool,
    pub(super) began: Instant,
    /// The number of its name.
    pub(super) name: u32,
    /// Whether that is its final name.
    is_named: bool,
    pub(super) is_known_to_recorder: bool,
    /// Whether it gave a sample since the last call of [`is_quiet`](Self::is_quiet).
    pub(super) has_answered: bool,
    /// Whether it gave a sample since its period last changed, and when that was.
    is_in_step: bool,
    period_set: Instant,
    /// When it was last checked for blocking the signal, and its CPU time then.
    pub(super) looked_at: Option<Instant>,
    looked_at_ns: Option<u64>,
    /// Whether it blocked the signal then.
    pub(super) is_deaf: bool,
}

impl Signalled {
    /// A thread that is not signalled yet. `None` if the maximum number of threads is reached, or
    /// there is no memory.
    pub(super) fn new(thread: u32) -> Option<Self> {
        Some(Self {
            tenant: Tenant::new(thread)?,
            source: None,
            is_without_event: false,
            began: Instant::now(),
            name: 0,
            is_named: false,
            is_known_to_recorder: false,
            has_answered: false,
            is_in_step: false,
            period_set: Instant::now(),
            looked_at: None,
            looked_at_ns: None,
            is_deaf: false,
        })
    }

    pub(super) fn slot(&self) -> &'static Slot {
        self.tenant.slot
    }

    /// Notes a sample of CPU time.
    pub(super) fn note_sample(&mut self) {
        (self.has_answered, self.is_in_step) = (true, true);
    }

    /// Whether its samples may be in step with what it does, because the period was the same for a
    /// while.
    pub(super) fn may_be_in_step(&self) -> bool {
        let is_long = matches!(self.source, Some(Source::Timer(_))) || self.period_set.elapsed() > SAME_EVENT;
        self.is_in_step && is_long
    }

    /// Changes the period. `false` if it must be [signalled](Self::signal) anew for that.
    pub(super) fn change(&mut self, period_ns: u64) -> bool {
        let Some(Source::Timer(timer)) = &self.source else { return false };
        let slot = self.slot();
        // A signal that is just being handled is counted twice, which is rare.
        if timer.change(slot.covered_ns().wrapping_add(period_ns), period_ns).is_ok() {
            slot.set_period_ns(period_ns);
        }
        self.is_in_step = false;
        true
    }

    /// Whether it ran since the last check without giving a sample, so that it may block the
    /// signal.
    pub(super) fn is_quiet(&mut self) -> bool {
        if mem::take(&mut self.has_answered) {
            self.looked_at_ns = None;
            return false;
        }
        let now_ns = kernel_threads::thread_cpu_ns(self.slot().thread());
        now_ns.is_some() && now_ns != self.looked_at_ns
    }

    /// Called in a forked child, where neither the thread nor the source of its signals exists.
    pub(super) fn leave(mut self) {
        self.tenant.leave();
        mem::forget(self);
    }

    /// Checks whether it blocks the signal, or waits for signals and would receive ours instead.
    pub(super) fn look(&mut self) {
        let thread = self.slot().thread();
        (self.looked_at, self.looked_at_ns) = (Some(Instant::now()), kernel_threads::thread_cpu_ns(thread));
        self.is_deaf = kernel_threads::blocks_signal(thread);
    }

    /// Whether its name is not known yet.
    pub(super) fn is_unknown(&self) -> bool {
        !self.is_named
    }

    /// Sets its current name as the final one.
    pub(super) fn set_name(&mut self, table: &mut Table) {
        self.name = table.thread(&kernel_threads::thread_name(self.slot().thread()));
        self.is_named = true;
    }

    /// Signals it from now on, the first time after `first_ns`. `false` if the system refuses.
    pub(super) fn signal(&mut self, how: Signals, first_ns: u64) -> bool {
        let (slot, thread) = (self.slot(), self.slot().thread());
        let Signals { period_ns, .. } = how;
        (self.is_in_step, self.period_set) = (false, Instant::now());
        let engine = self.engine(how);
        slot.set_period_ns(period_ns);
        let now_ns = kernel_threads::thread_cpu_ns(thread).unwrap_or(0);
        slot.set_covered_ns(now_ns.wrapping_add(first_ns).wrapping_sub(period_ns));
        if period_ns > 0
            && engine == Engine::Timer
            && let Some(Source::Timer(timer)) = &self.source
            && !sandbox::is_tighter()
            && timer.set(first_ns, period_ns).is_ok()
        {
            return true;
        }
        self.end();
        if period_ns == 0 {
            return true;
        }
        // The program may have installed a seccomp filter meanwhile.
        let may_open = engine == Engine::Perf && !sandbox::is_filtered();
        let event = if may_open { Event::open(thread, period_ns).ok() } else { None };
        if let Some((event, started)) = event {
            slot.set_page(event.page());
            self.source = Some(Source::Event(event));
            if started.enable().is_ok() {
                return true;
            }
            self.end();
        }
        self.is_without_event = engine == Engine::Perf;
        if sandbox::is_tighter() {
            return false;
        }
        self.source = Timer::start(thread, handler::value(slot), first_ns, period_ns).ok().map(Source::Timer);
        self.source.is_some()
    }

    /// The engine for this thread.
    fn engine(&self, how: Signals) -> Engine {
        if how.is_known_only && !self.slot().has_pointer() { Engine::Timer } else { how.engine }
    }

    /// Whether its timer has signalled it, and an event is to do so from now on.
    pub(super) fn awaits_event(&self, how: Signals) -> bool {
        let has_timer = matches!(self.source, Some(Source::Timer(_)));
        has_timer && how.is_known_only && self.engine(how) == Engine::Perf && !self.is_without_event
    }

    fn end(&mut self) {
        if !self.slot().set_page(ptr::null_mut()) {
            // A handler may still be reading the event's page.
            mem::forget(self.source.take());
        }
        self.source = None;
    }
}

impl Drop for Signalled {
    fn drop(&mut self) {
        self.end();
    }
}

const LONG_NS: u64 = 1_000_000_000_000;

/// Whether timers are refused only because the user has as many timers and pending signals as the
/// limit allows. Others may end later.
pub(super) fn is_short_of_timers() -> bool {
    Timer::start(clock::thread_id(), 0, LONG_NS, LONG_NS).is_err_and(|error| error == libc::EAGAIN)
}

/// Whether this engine works for this thread.
pub(super) fn is_usable(engine: Engine) -> bool {
    let thread = clock::thread_id();
    match engine {
        // The handler finds its slot by a thread-local, whose access allocates in a library that
        // was loaded dynamically.
        Engine::Perf => {
            loaded_images::is_in_program() && !sandbox::is_filtered() && Event::open(thread, LONG_NS).is_ok()
        }
        Engine::Timer => Timer::start(thread, 0, LONG_NS, LONG_NS).is_ok(),
        Engine::Pprof => false,
    }
}
