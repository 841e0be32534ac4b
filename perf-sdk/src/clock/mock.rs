//! Clocks that are moved by a test: deterministic time for one thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::thread::ThreadCpu;
use super::wall::Wall;

thread_local! {
    static ONLY_SIMULATED: Cell<bool> = const { Cell::new(false) };
}

/// From now on, the kernel's switches of this thread are not noticed: its time is simulated.
pub(crate) fn ignore_real_switches() {
    ONLY_SIMULATED.set(true);
}

/// Whether this thread ignores the kernel's switches.
#[cfg(all(target_os = "linux", not(miri)))]
pub(super) fn ignores_real_switches() -> bool {
    ONLY_SIMULATED.get()
}

/// The simulated time that a mocked [`Wall`] and [`ThreadCpu`] read. A tick is a nanosecond.
#[derive(Debug)]
pub(crate) struct Time {
    ticks: quanta::Clock,
    moves: std::sync::Arc<quanta::Mock>,
    os_ns: AtomicU64,
    cpu_ns: AtomicU64,
    /// The word of the thread's witness. It changes when the thread leaves the CPU.
    pub(super) witness: AtomicU64,
    switches: AtomicU64,
    /// If not 0, the witness does not change when the thread leaves the CPU, like a broken one.
    blind: AtomicU64,
    /// The duration of one reading of the CPU clock.
    reading_ns: AtomicU64,
    /// Time off the CPU, once, right after the next reading.
    sleep_after_reading: AtomicU64,
}

impl Time {
    pub(crate) fn new(start: u64) -> Self {
        let (ticks, moves) = quanta::Clock::mock();
        moves.increment(start);
        Self {
            ticks,
            moves,
            os_ns: AtomicU64::new(start),
            cpu_ns: AtomicU64::new(0),
            witness: AtomicU64::new(2),
            switches: AtomicU64::new(0),
            blind: AtomicU64::new(0),
            reading_ns: AtomicU64::new(0),
            sleep_after_reading: AtomicU64::new(0),
        }
    }

    /// Simulated time of its own, leaked, with its wall clock and the CPU clock of its only thread.
    pub(crate) fn world() -> (&'static Self, &'static Wall, ThreadCpu) {
        let time: &'static Self = Box::leak(Box::new(Self::new(1_000_000)));
        let wall: &'static Wall = Box::leak(Box::new(Wall::mocked(time)));
        wall.observe(wall.ticks());
        (time, wall, ThreadCpu::mocked(time, wall))
    }

    /// The thread runs.
    pub(crate) fn run(&self, ns: u64) {
        self.pass(ns);
        self.cpu_ns.fetch_add(ns, Relaxed);
    }

    /// The thread is off the CPU.
    pub(crate) fn sleep(&self, ns: u64) {
        self.pass(ns);
        self.switches.fetch_add(1, Relaxed);
        if self.blind.load(Relaxed) == 0 {
            self.witness.fetch_add(2, Relaxed);
        }
    }

    /// A hypervisor or an interrupt takes the CPU: no context switch, no CPU time.
    pub(crate) fn steal(&self, ns: u64) {
        self.pass(ns);
    }

    /// Time passes that is neither CPU time nor sleep of the thread.
    pub(crate) fn pass(&self, ns: u64) {
        self.moves.increment(ns);
        self.os_ns.fetch_add(ns, Relaxed);
    }

    /// The counter jumps, and the operating system's clock does not.
    pub(crate) fn jump(&self, ticks: i64) {
        match u64::try_from(ticks) {
            Ok(forwards) => self.moves.increment(forwards),
            Err(_) => self.moves.decrement(ticks.unsigned_abs()),
        }
    }

    /// From now on, the witness does not change at sleeps.
    pub(crate) fn blind(&self) {
        self.blind.store(1, Relaxed);
    }

    /// Sets the duration of each reading of the CPU clock.
    pub(crate) fn set_reading_ns(&self, ns: u64) {
        self.reading_ns.store(ns, Relaxed);
    }

    /// Makes the thread be switched out right after the next reading of the CPU clock.
    pub(crate) fn sleep_after_reading(&self, ns: u64) {
        self.sleep_after_reading.store(ns, Relaxed);
    }

    pub(super) fn ticks(&self) -> u64 {
        self.ticks.raw()
    }

    pub(super) fn os_ns(&self) -> u64 {
        self.os_ns.load(Relaxed)
    }

    pub(super) fn cpu_ns(&self) -> u64 {
        self.run(self.reading_ns.load(Relaxed));
        let read = self.cpu_ns.load(Relaxed);
        match self.sleep_after_reading.swap(0, Relaxed) {
            0 => {}
            ns => self.sleep(ns),
        }
        read
    }

    pub(super) fn switches(&self) -> u64 {
        self.switches.load(Relaxed)
    }
}
