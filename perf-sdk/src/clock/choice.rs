//! Which CPU clock is in force in this process.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::anomaly::{self, Anomaly};
use super::engine::{Engine, Engines};
use super::{selftest, syscall, wall};
use crate::notice::say;
use crate::once::Once;

/// Engines that passed their self-test.
static PASSED: AtomicU8 = AtomicU8::new(0);
/// Engines that were given up since.
static GIVEN_UP: AtomicU8 = AtomicU8::new(0);
static TESTED: Once = Once::new();

/// The engine that was asked for cannot be had.
#[derive(Debug)]
pub(crate) struct Unavailable {
    pub(crate) engine: Engine,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usable: Vec<&str> = selftest::usable(None).iter().map(Engine::name).collect();
        write!(f, "{}: {} does not pass its self-test on this machine", usable.join(", "), self.engine)
    }
}

impl std::error::Error for Unavailable {}

/// Tests the engines, or the forced one alone, and takes the first that passes.
///
/// **Cost.** About 5 ms, once; with another engine forced, again.
pub(crate) fn init(force: Option<Engine>) -> Result<(), Unavailable> {
    let Some(forced) = force else {
        test(None);
        return Ok(());
    };
    if usable().first() != Some(forced) {
        TESTED.renew();
        test(Some(forced));
    }
    if usable().first() == Some(forced) { Ok(()) } else { Err(Unavailable { engine: forced }) }
}

/// The engine in force; `None` where threads have no CPU clock at all.
pub(crate) fn engine() -> Option<Engine> {
    usable().first()
}

/// Usable engines in order of preference. The first call of a process that was not started with settings finds them, the
/// environment's wish included.
pub(super) fn usable_or_test() -> Engines {
    if !TESTED.is_done() {
        test(wish());
    }
    usable()
}

fn usable() -> Engines {
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

fn test(force: Option<Engine>) {
    TESTED.call(|| {
        let base = wall().base();
        let mut usable = selftest::usable(force);
        if usable.first().is_none() && force.is_some() {
            // Keeps recording with whatever there is; `init` reports it.
            usable = selftest::usable(None);
        }
        wall().refine(base);
        PASSED.store(usable.bits(), Relaxed);
    });
}

/// `PERF_CPU_CLOCK`; a wrong value is said once and ignored here: with settings it is an error.
fn wish() -> Option<Engine> {
    let value = std::env::var("PERF_CPU_CLOCK").ok().filter(|value| !value.is_empty())?;
    match value.parse() {
        Ok(engine) => Some(engine),
        Err(error) => {
            say(&format!("PERF_CPU_CLOCK: {error}; the default is used"));
            None
        }
    }
}

/// In a forked child what was found out still holds.
pub(super) fn after_fork() {
    TESTED.after_fork();
}

/// Whether threads have a CPU clock on this system.
pub(super) fn has_thread_clock() -> bool {
    syscall::thread_cpu_ns().is_some()
}
