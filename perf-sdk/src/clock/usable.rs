//! The engines that are usable in this process.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::anomaly::{self, Anomaly};
use super::engine::{Engine, Engines};
use super::syscall;

/// Engines that passed their self-test.
static PASSED: AtomicU8 = AtomicU8::new(0);
/// Engines that were abandoned since.
static GIVEN_UP: AtomicU8 = AtomicU8::new(0);

/// Stores the result of the self-test.
pub(super) fn set_passed(engines: Engines) {
    PASSED.store(engines.bits(), Relaxed);
}

/// The usable engines, in order of preference.
pub(super) fn engines() -> Engines {
    Engines::from_bits(PASSED.load(Relaxed) & !GIVEN_UP.load(Relaxed))
}

/// Whether the engine was abandoned.
pub(super) fn is_given_up(engine: Engine) -> bool {
    Engines::from_bits(GIVEN_UP.load(Relaxed)).contains(engine)
}

/// Abandons an engine that missed context switches, for the whole process.
pub(super) fn demote(engine: Engine) {
    let before = Engines::from_bits(GIVEN_UP.fetch_or(Engines::of(engine).bits(), Relaxed));
    #[cfg(all(target_os = "linux", not(miri)))]
    if engine == Engine::Rseq {
        super::linux::unwatch();
    }
    if !before.contains(engine) {
        anomaly::count(Anomaly::CpuDemoted);
    }
}

/// Whether threads have a CPU clock on this system.
pub(super) fn has_thread_clock() -> bool {
    syscall::thread_cpu_ns().is_some()
}
