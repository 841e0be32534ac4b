//! The running profiler.

use std::io;
use std::net::SocketAddr;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
#[cfg(unix)]
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::background::{self, Background};
use crate::clock;
use crate::config::{Builder, Config};
#[cfg(target_os = "linux")]
use crate::ending::Asked;
use crate::error::Error;
use crate::export;
use crate::fork::Lock;
use crate::governor;
use crate::notice::say;
#[cfg(unix)]
use crate::os_thread::OsThread;
#[cfg(feature = "pool")]
use crate::pool::{Thresholds, Used};
#[cfg(feature = "push")]
use crate::push::{self, Pusher};
use crate::rate::Rate;
use crate::record::Rule;
#[cfg(feature = "serve")]
use crate::serve::Server;
use crate::snapshot::{self, Leaks, Snapshot};
use crate::watch;

/// Keeps the profiler's endpoint alive. When the last handle drops, the endpoint closes and the report is printed.
///
/// Recording does not depend on it: profiled calls are recorded before the start and after the end.
///
/// Where the process exits while there are handles, as with [`std::process::exit`] or a handle in a
/// static, the profiler ends then, for which the exit waits five seconds at most. At
/// [`std::process::abort`] and at signals it does not: [`Builder::report_signals`] listens to two.
///
/// It may drop anywhere: in a callback of the profiler's, in a panic hook, in a destructor of a
/// thread local, at exit. Threads of the profiler's that do not end, such as one in a callback that
/// waits for a lock, are waited for two seconds at most, all together, and left alone then.
#[derive(Clone, Debug)]
#[must_use = "the endpoint closes when the handle drops"]
pub struct Handle {
    #[cfg_attr(not(feature = "serve"), expect(dead_code, reason = "held for what its drop does"))]
    running: Arc<Running>,
}

#[derive(Debug)]
struct Running {
    config: Config,
    /// A forked child inherits the memory but not the endpoint.
    process: u32,
    started: Instant,
    /// The threads of the budget, of leaks, and of memory.
    threads: Mutex<Vec<Background>>,
    #[cfg(feature = "push")]
    pusher: Mutex<Option<Pusher>>,
    #[cfg(feature = "dhat")]
    exact: Mutex<Option<dhat::Profiler>>,
    #[cfg(feature = "serve")]
    server: Mutex<Option<Server>>,
    #[cfg(target_os = "linux")]
    asked: Mutex<Option<Asked>>,
    /// All of the above has ended, or is about to.
    is_over: AtomicBool,
}

/// A handle that lives so shortly, and sees nothing, was not meant to be dropped.
const AT_ONCE: Duration = Duration::from_secs(1);

/// In which process a profiler runs that has not ended; 0: in none.
static RUNS_IN: AtomicU32 = AtomicU32::new(0);

static RUNNING: Lock<Latest> = Lock::new(Latest { running: Weak::new(), starting: None });

/// The profiler that was started last.
#[derive(Debug, Default)]
struct Latest {
    running: Weak<Running>,
    /// A thread of this process is about to start the next one.
    starting: Option<u32>,
}

/// A start takes a while, for which no lock is held: a fork would wait for it. One at a time.
struct Start(());

impl Start {
    /// Waits for another thread's. The profiler that runs already, if any does.
    fn begin() -> Result<Self, Arc<Running>> {
        const PAUSE: Duration = Duration::from_millis(1);
        let process = process::id();
        loop {
            let mut latest = RUNNING.lock();
            if latest.starting != Some(process) {
                if let Some(running) = latest.running.upgrade().filter(|running| running.process == process) {
                    return Err(running);
                }
                latest.starting = Some(process);
                return Ok(Self(()));
            }
            drop(latest);
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        RUNNING.lock().starting = None;
    }
}

impl Handle {
    /// Where the endpoint listens now; `None` while the default address is taken, on a Unix socket, or when it is off.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        #[cfg(feature = "serve")]
        {
            let server = self.running.server.lock().unwrap_or_else(PoisonError::into_inner);
            server.as_ref().and_then(Server::address)
        }
        #[cfg(not(feature = "serve"))]
        None
    }

    /// From now on one call in so many is measured of each function whose `module::function` fits `pattern`, in which `*`
    /// stands for any text; `None`: as its attribute says. All calls are counted all the same. Functions that have not run
    /// yet are meant too; of several rules that fit, the latest holds.
    ///
    /// How many annotated places changed their rate at once.
    pub fn set_sampling(&self, pattern: &str, rate: Option<Rate>) -> usize {
        crate::record::add_rules(&[Rule { pattern: pattern.to_owned(), rate }])
    }

    /// Switches recording off or on again for the whole process. While it is off, calls that begin are not even counted; those
    /// that are open end as they began. A future is left out if recording is off at its first poll.
    pub fn set_recording(&self, on: bool) {
        crate::record::set_recording(on);
    }

    /// Whether calls that begin now are recorded.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        !crate::record::is_off()
    }

    /// From now on one allocation of the live heap in so many bytes is sampled, written as for `PERF_HEAP`: a size such as `2MiB`, or `off`. What was
    /// sampled before keeps its weight, and stays until it is freed.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size that is not allowed. Where the heap cannot be sampled there is no error: see
    /// [`Profiler::heap`](crate::snapshot::Profiler::heap).
    pub fn set_heap(&self, size: &str) -> Result<(), Error> {
        crate::memory::sample_heap(crate::config::heap_bytes(size)?);
        Ok(())
    }

    /// What the leak detector thinks; `None` before its first look, and where it is off.
    #[must_use]
    pub fn leaks(&self) -> Option<Leaks> {
        snapshot::leaks()
    }

    /// Which stacks take CPU time in the next `window`, at `hz` samples for each second of CPU time, 1 to 4,000, or 99. Sleeps
    /// meanwhile. `None` where stacks are not sampled, see [`Profiler::stacks`](crate::snapshot::Profiler::stacks).
    ///
    /// Several at a time see the same samples; while one of them wants more of them, all have more.
    #[cfg(feature = "stacks")]
    #[must_use]
    pub fn cpu_profile(&self, window: std::time::Duration, hz: Option<u32>) -> Option<snapshot::CpuProfile> {
        snapshot::Window::of(window, hz)
    }

    /// Where threads whose names `threads` fits, with `*` for any text, are in the next `window`, whether they run or wait: looked at `hz` times a second, 1 to
    /// 100. Sleeps meanwhile, and its own thread is seen to. `None` where stacks are not sampled, see
    /// [`Profiler::stacks`](crate::snapshot::Profiler::stacks).
    ///
    /// **Cost.** See [`WallProfile`](snapshot::WallProfile): it interrupts system calls in which threads wait.
    #[cfg(feature = "stacks")]
    #[must_use]
    pub fn wall_profile(&self, window: std::time::Duration, hz: u32, threads: &str) -> Option<snapshot::WallProfile> {
        snapshot::WallWindow::of(window, hz, threads)
    }

    /// Everything recorded up to now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        snapshot::take()
    }
}

/// The running profiler with an equal configuration, or a new one.
pub(crate) fn start(config: Config, builder: Builder) -> Result<Handle, Error> {
    let _start = match Start::begin() {
        Ok(start) => start,
        Err(running) => {
            return match running.config.difference(&config) {
                None => Ok(Handle { running }),
                Some((key, in_force, asked)) => Err(Error::Running { key, in_force, asked }),
            };
        }
    };
    crate::sandbox::note_start();
    if let Err(unavailable) = clock::init(config.cpu_clock) {
        return Err(Error::Setting {
            place: "PERF_CPU_CLOCK".to_owned(),
            value: unavailable.engine.to_string(),
            allowed: unavailable.to_string(),
        });
    }
    #[cfg(feature = "push")]
    if let Some(files) = config.push.as_ref().and_then(|plan| plan.files.as_ref()) {
        push::probe(&files.folder).map_err(|source| Error::Profiles { folder: files.folder.clone(), source })?;
    }
    crate::record::began();
    crate::footprint::set_limit_bytes(config.memory_bytes);
    crate::memory::sample_heap(config.heap_bytes);
    if let Some(rules) = &config.leaks {
        crate::memory::set_old_ns(u64::from(rules.old()[0]) * rules.window_ns);
    }
    crate::record::set_recording(config.enabled);
    crate::record::add_rules(&config.sample);
    #[cfg(feature = "serve")]
    let server = Server::start(&config, &builder)?;
    let mut without = Without::default();
    let mut threads = Vec::new();
    if let Some(allowance) = config.budget {
        let asked = config.named(&["budget", "budget_floor", "hot"]);
        threads.extend(without.unless_asked(
            "the budget, so that all calls are measured",
            asked,
            governor::keep(allowance, config.hot),
        )?);
    }
    #[cfg(feature = "pool")]
    threads.extend(without.unless_asked(
        "relief when memory is short",
        config.named(&["pressure"]),
        watch_memory(&config),
    )?);
    #[cfg(feature = "stacks")]
    if let Some(rules) = config.stacks {
        let asked = config.named(&["stacks", "stacks_hz"]);
        threads.extend(without.unless_asked("samples of stacks", asked, sample_stacks(rules))?.flatten());
    }
    if let Some(rules) = config.leaks {
        const KEYS: [&str; 4] = ["leak_window", "leak_horizon", "leak_floor", "leak_caches"];
        let asked = config.named(&KEYS).or(builder.on_leak.as_ref().map(|_| "on_leak"));
        threads.extend(without.unless_asked("leaks", asked, watch::start(rules, builder.on_leak))?);
    }
    // After the sampler, whose samples it delivers. Nobody pushes or writes without having asked
    // for it.
    #[cfg(feature = "push")]
    let pusher = match config.push.clone() {
        Some(plan) => without.unless_asked("profiles", config.named(&["push", "profiles"]), Pusher::start(plan))?,
        None => None,
    };
    #[cfg(target_os = "linux")]
    let asked = if config.report_signals {
        without.unless_asked("signals", config.named(&["report_signals"]), Asked::listen(end_latest))?
    } else {
        None
    };
    without.say();
    #[cfg(feature = "push")]
    if let Some(warning) = config.push.as_ref().and_then(|plan| plan.push.as_ref()?.warning()) {
        say(&warning);
    }
    let running = Arc::new(Running {
        threads: Mutex::new(threads),
        #[cfg(feature = "push")]
        pusher: Mutex::new(pusher),
        #[cfg(feature = "dhat")]
        exact: Mutex::new(crate::memory::exact()),
        config,
        process: process::id(),
        started: Instant::now(),
        #[cfg(feature = "serve")]
        server: Mutex::new(server),
        #[cfg(target_os = "linux")]
        asked: Mutex::new(asked),
        is_over: AtomicBool::new(false),
    });
    RUNNING.lock().running = Arc::downgrade(&running);
    RUNS_IN.store(process::id(), Relaxed);
    #[cfg(unix)]
    crate::ending::at_exit(end_at_exit);
    Ok(Handle { running })
}

/// Ends the profiler of this process, whoever has handles of it.
#[cfg(unix)]
fn end_latest() {
    let running = RUNNING.lock().running.upgrade();
    if let Some(running) = running.filter(|running| running.process == process::id()) {
        running.end();
    }
}

/// The process exits, maybe in the middle of what holds a lock: on a thread, which is waited for so
/// long at most.
#[cfg(unix)]
fn end_at_exit() {
    const AT_MOST: Duration = Duration::from_secs(5);
    if RUNS_IN.load(Relaxed) != process::id() {
        return;
    }
    if crate::sandbox::is_tighter() {
        return end_latest();
    }
    let (ended, ends) = mpsc::sync_channel(1);
    let thread = OsThread::spawn("perf-sdk-exit", move || {
        end_latest();
        let _ = ended.send(());
    });
    if thread.is_ok() {
        let _ = ends.recv_timeout(AT_MOST);
    }
}

/// What the system gave no thread for.
#[derive(Debug, Default)]
struct Without {
    what: Vec<&'static str>,
    why: Option<io::Error>,
}

impl Without {
    /// What was started; `None` if it is done without; an error if it was asked for by the name
    /// `asked`.
    fn unless_asked<T>(
        &mut self,
        what: &'static str,
        asked: Option<&'static str>,
        started: io::Result<T>,
    ) -> Result<Option<T>, Error> {
        let source = match started {
            Ok(started) => return Ok(Some(started)),
            Err(source) => source,
        };
        crate::record::refused_thread();
        match asked {
            Some(key) => Err(Error::Thread { key, source }),
            None => {
                self.what.push(what);
                self.why = Some(source);
                Ok(None)
            }
        }
    }

    /// One line, if anything is missing.
    fn say(&self) {
        if let Some(why) = &self.why {
            say(&format!("without {}: the system gave no thread: {why}", self.what.join(", ")));
        }
    }
}

/// The thread that samples stacks.
#[cfg(feature = "stacks")]
fn sample_stacks(rules: crate::stacks::Rules) -> io::Result<Option<Background>> {
    use crate::record;
    let host = crate::stacks::Host {
        scopes: || {
            record::records().filter_map(|record| Some((record.owner()?, record.scopes_for_handler()))).collect()
        },
        own: record::own_threads,
        spent: record::add_signals_ns,
    };
    crate::stacks::start(rules, host, || Box::new(record::OwnThread::enter()))
}

/// The thread that looks whether memory is short.
#[cfg(feature = "pool")]
fn watch_memory(config: &Config) -> io::Result<Background> {
    let own_limit = config.memory_limit_bytes;
    let thresholds = config.pressure.map(|(high, critical)| Thresholds { high, critical });
    let mut reader = crate::monitor::MemoryReader::new();
    let enter = || -> Box<dyn std::any::Any> { Box::new(crate::record::OwnThread::enter()) };
    crate::pool::watch_pressure(thresholds, Box::new(move || memory_used(&mut reader, own_limit)), enter)
}

/// Of what is nearest to its limit, the program's own among them.
#[cfg(feature = "pool")]
fn memory_used(reader: &mut crate::monitor::MemoryReader, own_limit: Option<u64>) -> Option<Used> {
    let own = own_limit.and_then(|limit| Some((crate::monitor::process()?.resident_bytes, limit)));
    let all = own.into_iter().chain(reader.read());
    let share = |(used, limit): &(u64, u64)| *used as f64 / *limit as f64;
    let (used_bytes, limit_bytes) = all.max_by(|a, b| share(a).total_cmp(&share(b)))?;
    Some(Used { used_bytes, limit_bytes })
}

impl Running {
    /// Once: stops what runs, delivers the last window, and prints the report.
    fn end(&self) {
        if self.is_over.swap(true, Relaxed) {
            return;
        }
        RUNS_IN.store(0, Relaxed);
        #[cfg(target_os = "linux")]
        drop(self.asked.lock().unwrap_or_else(PoisonError::into_inner).take());
        let lived = self.started.elapsed();
        // One for all of them.
        let end = Instant::now() + background::PATIENCE;
        // While the sampler is there: the last window is delivered as well.
        #[cfg(feature = "push")]
        drop(self.pusher.lock().unwrap_or_else(PoisonError::into_inner).take());
        // While the budget is kept, of which the report tells.
        let report = self.config.report.then(snapshot::take);
        if lived < AT_ONCE && report.as_ref().is_some_and(|report| report.functions.is_empty()) {
            say(&format!(
                "the handle was dropped {lived:.1?} after the start, and with it the profiler ended, before anything was recorded; \
                 keep it, as in `let _perf = perf_sdk::start()?;`: `let _ = …` drops it at once"
            ));
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        threads.iter().for_each(Background::stop);
        #[cfg(feature = "serve")]
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        #[cfg(feature = "serve")]
        server.iter_mut().for_each(Server::stop);
        threads.into_iter().for_each(|thread| thread.end_by(end));
        #[cfg(feature = "serve")]
        if let Some(server) = server {
            server.end_by(end);
        }
        #[cfg(feature = "dhat")]
        if let Some(exact) = self.exact.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It panics where stderr is closed.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(exact)));
        }
        if let Some(report) = report {
            // Nowhere to say that stderr is closed.
            let _ = export::table::write(&report, &mut io::stderr().lock());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.process != process::id() {
            // In a forked child: the parent's threads are not there to be joined, and the report is
            // the parent's.
            let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
            threads.into_iter().for_each(Background::forget);
            #[cfg(feature = "push")]
            if let Some(pusher) = self.pusher.lock().unwrap_or_else(PoisonError::into_inner).take() {
                pusher.forget();
            }
            #[cfg(feature = "dhat")]
            std::mem::forget(self.exact.lock().unwrap_or_else(PoisonError::into_inner).take());
            #[cfg(feature = "serve")]
            std::mem::forget(self.server.lock().unwrap_or_else(PoisonError::into_inner).take());
            #[cfg(target_os = "linux")]
            std::mem::forget(self.asked.lock().unwrap_or_else(PoisonError::into_inner).take());
            return;
        }
        self.end();
    }
}
