//! The running profiler, as the program holds it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::change;
use super::running::Running;
#[cfg(feature = "serve")]
use crate::base::unpoisoned::Unpoisoned as _;
use crate::collect;
use crate::error::Error;
use crate::rate::Rate;
use crate::record::Rule;
#[cfg(feature = "serve")]
use crate::serve::Server;
use crate::snapshot::{Leaks, Snapshot};

/// Keeps the profiler's endpoint alive. When the last handle drops, the endpoint closes and the
/// report is printed.
///
/// Recording does not depend on it: profiled calls are recorded before the start and after the end.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::Error> {
/// let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).start()?;
/// assert!(perf.address().is_some());
///
/// let before = perf.snapshot();
/// perf_sdk::measure("work", || ());
/// let window = perf.snapshot().subtract(&before);
/// assert_eq!(window.functions[0].calls.ok, 1);
/// # Ok(())
/// # }
/// ```
///
/// Where the process exits while there are handles, as with [`std::process::exit`] or a handle in a
/// static, the profiler ends then, for which the exit waits five seconds at most. At
/// [`std::process::abort`] and at signals it does not:
/// [`Builder::report_signals`](crate::Builder::report_signals) listens to two.
///
/// It may drop anywhere: in a callback of the profiler's, in a panic hook, in a destructor of a
/// thread local, at exit. Threads of the profiler's that do not end, such as one in a callback that
/// waits for a lock, are waited for two seconds at most, all together, and left alone then.
#[derive(Clone, Debug)]
#[must_use = "the endpoint closes when the handle drops"]
pub struct Handle {
    #[cfg_attr(not(feature = "serve"), expect(dead_code, reason = "held for what its drop does"))]
    pub(super) running: Arc<Running>,
}

impl Handle {
    /// Where the endpoint listens now; `None` while the default address is taken, on a Unix socket,
    /// or when it is off.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        #[cfg(feature = "serve")]
        {
            let server = self.running.server.lock().unpoisoned();
            server.as_ref().and_then(Server::address)
        }
        #[cfg(not(feature = "serve"))]
        None
    }

    /// From now on one call in so many is measured of each function whose `module::function` fits
    /// `pattern`, in which `*` stands for any text; `None`: as its attribute says. All calls are
    /// counted all the same. Functions that have not run yet are meant too; of several rules that
    /// fit, the latest holds.
    ///
    /// How many annotated places changed their rate at once.
    pub fn set_sampling(&self, pattern: &str, rate: Option<Rate>) -> usize {
        crate::record::add_rules(&[Rule { pattern: pattern.to_owned(), rate }])
    }

    /// Switches recording off or on again for the whole process. While it is off, calls that begin
    /// are not even counted; those that are open end as they began. A future is left out if
    /// recording is off at its first poll.
    pub fn set_recording(&self, on: bool) {
        crate::record::set_recording(on);
    }

    /// Whether calls that begin now are recorded.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        !crate::record::is_off()
    }

    /// Changes a setting while the profiler runs, by its key in [`SETTINGS`](crate::SETTINGS) and a
    /// text as its environment variable would have it: those whose
    /// [`changes`](crate::Setting::changes) says so.
    ///
    /// `sample` adds rules to those that hold, of which the latest goes first.
    ///
    /// # Errors
    /// [`Error::Setting`] for a key that is none of these, and for a value that is not allowed.
    ///
    /// ```
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// let perf = perf_sdk::start()?;
    /// perf.set("sample", "search::*=1/64")?;
    /// perf.set("heap", "2MiB")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        change::change(&[(key.to_owned(), value.to_owned())]).map(drop)
    }

    /// From now on one allocation of the live heap in so many bytes is sampled, written as for
    /// `PERF_HEAP`: a size such as `2MiB`, or `off`. What was sampled before keeps its weight, and
    /// stays until it is freed.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size that is not allowed. Where the heap cannot be sampled there is
    /// no error: see [`ProfilerStats::heap`](crate::snapshot::ProfilerStats::heap).
    pub fn set_heap(&self, size: &str) -> Result<(), Error> {
        self.set("heap", size)
    }

    /// What the leak detector thinks; `None` before its first look, and where it is off.
    #[must_use]
    pub fn leaks(&self) -> Option<Leaks> {
        collect::leaks()
    }

    /// Which stacks take CPU time in the next `window`, at `hz` samples for each second of CPU
    /// time, 1 to 4,000, or 99. Sleeps meanwhile. `None` where stacks are not sampled, see
    /// [`ProfilerStats::stacks`](crate::snapshot::ProfilerStats::stacks).
    ///
    /// Several at a time see the same samples; while one of them wants more of them, all have more.
    #[cfg(feature = "stacks")]
    #[must_use]
    pub fn cpu_profile(&self, window: std::time::Duration, hz: Option<u32>) -> Option<crate::snapshot::CpuProfile> {
        collect::Window::of(window, hz)
    }

    /// Where threads whose names `threads` fits, with `*` for any text, are in the next `window`,
    /// whether they run or wait: looked at `hz` times a second, 1 to
    /// 100. Sleeps meanwhile, and its own thread is seen to. `None` where stacks are not sampled,
    ///      see [`ProfilerStats::stacks`](crate::snapshot::ProfilerStats::stacks).
    ///
    /// **Cost.** See [`WallProfile`](crate::snapshot::WallProfile): it interrupts system calls in
    /// which threads wait.
    #[cfg(feature = "stacks")]
    #[must_use]
    pub fn wall_profile(
        &self,
        window: std::time::Duration,
        hz: u32,
        threads: &str,
    ) -> Option<crate::snapshot::WallProfile> {
        collect::WallWindow::of(window, hz, threads)
    }

    /// Everything recorded up to now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        collect::take()
    }
}
