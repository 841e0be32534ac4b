//! The CPU clock engine that this process uses.

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

/// The requested engine is not usable.
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

/// Tests the engines, or the requested one alone, and uses the first that passes.
///
/// **Cost.** About 5 ms, once; again if another engine is requested.
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

/// The engine in use. `None` where threads have no CPU clock.
pub(crate) fn engine() -> Option<Engine> {
    usable::engines().first()
}

/// The usable engines in order of preference. In a process that did not start the profiler with
/// settings, the first call tests them and applies the environment variable.
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
            // Recording continues with any engine that is usable. `init` reports the error.
            passed = selftest::usable(None);
        }
        wall().refine(base);
        usable::set_passed(passed);
    });
}

/// The value of `PERF_CPU_CLOCK`. A wrong value is logged once and ignored here; with settings it
/// is an error.
fn wish() -> Option<Engine> {
    match settings::cpu_clock_of_environment() {
        Ok(clock) => clock.map(Engine::from),
        Err(error) => {
            say(&format!("{error}; the default is used"));
            None
        }
    }
}

/// A CPU clock for the calling thread, with the best engine that is usable on this thread.
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

/// A forked child keeps the results of the self-test.
pub(super) fn after_fork() {
    TESTED.after_fork();
}
