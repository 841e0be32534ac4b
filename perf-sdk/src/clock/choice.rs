//! Which CPU clock is in force in this process.

use std::fmt;

use super::anomaly::{self, Anomaly};
use super::engine::{Engine, Engines};
#[cfg(all(target_os = "linux", not(miri)))]
use super::linux;
use super::thread::ThreadCpu;
use super::wall::wall;
use super::{selftest, usable};
use crate::base::notice::say;
use crate::base::once::Once;
use crate::settings;

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
    if usable::engines().first() != Some(forced) {
        TESTED.renew();
        test(Some(forced));
    }
    if usable::engines().first() == Some(forced) { Ok(()) } else { Err(Unavailable { engine: forced }) }
}

/// The engine in force; `None` where threads have no CPU clock at all.
pub(crate) fn engine() -> Option<Engine> {
    usable::engines().first()
}

/// Usable engines in order of preference. The first call of a process that was not started with
/// settings finds them, the environment's wish included.
fn usable_or_test() -> Engines {
    if !TESTED.is_done() {
        test(wish());
    }
    usable::engines()
}

fn test(force: Option<Engine>) {
    TESTED.call(|| {
        let base = wall().base();
        let mut passed = selftest::usable(force);
        if passed.first().is_none() && force.is_some() {
            // Keeps recording with whatever there is; `init` reports it.
            passed = selftest::usable(None);
        }
        wall().refine(base);
        usable::set_passed(passed);
    });
}

/// `PERF_CPU_CLOCK`; a wrong value is said once and ignored here: with settings it is an error.
fn wish() -> Option<Engine> {
    match settings::cpu_clock_of_environment() {
        Ok(clock) => clock.map(Engine::from),
        Err(error) => {
            say(&format!("{error}; the default is used"));
            None
        }
    }
}

/// The clock of the calling thread, with the best engine that can be had for it.
///
/// **Cost.** Three to five system calls.
pub(crate) fn attach() -> ThreadCpu {
    let usable = usable_or_test();
    for engine in usable.iter() {
        if let Some(cpu) = ThreadCpu::with(engine, wall()) {
            #[cfg(all(target_os = "linux", not(miri)))]
            if engine == Engine::Rseq {
                linux::watch();
            }
            if usable.first() != Some(engine) {
                anomaly::count(Anomaly::CpuFallback);
            }
            return cpu;
        }
    }
    ThreadCpu::detached()
}

/// In a forked child what was found out still holds.
pub(super) fn after_fork() {
    TESTED.after_fork();
}
