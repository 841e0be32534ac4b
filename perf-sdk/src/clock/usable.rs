//! Which engines can be used.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::anomaly::{self, Anomaly};
use super::engine::{Engine, Engines};
use super::syscall;

/// Engines that passed their self-test.
static PASSED: AtomicU8 = AtomicU8::new(0);
/// Engines that were given up since.
static GIVEN_UP: AtomicU8 = AtomicU8::new(0);

/// What the self-test found.
pub(super) fn set_passed(engines: Engines) {
    PASSED.store(engines.bits(), Relaxed);
}

/// Those in force, in order of preference.
pub(super) fn engines() -> Engines {
    Engines::from_bits(PASSED.load(Relaxed) & !GIVEN_UP.load(Relaxed))
}

/// Whether nobody is to use it any more.
pub(super) fn is_given_up(engine: Engine) -> bool {
    Engines::from_bits(GIVEN_UP.load(Relaxed)).contains(engine)
}

/// It does not see what it should: nobody uses it any more in this process.
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
