//! The running profiler, and its end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
#[cfg(unix)]
use std::sync::mpsc;
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use super::ending::Asked;
use super::targets::Judge;
#[cfg(feature = "push")]
use crate::action::Notifier;
use crate::action::Runner;
use crate::base::background::{self, Background};
use crate::base::fork::Lock;
use crate::base::notice::say;
#[cfg(unix)]
use crate::base::os_thread::OsThread;
use crate::base::process_identity::{AtomicProcess, Process};
use crate::base::sandbox;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::collect;
use crate::event;
use crate::export;
use crate::flag;
#[cfg(feature = "flight")]
use crate::flight::Opened;
use crate::history;
#[cfg(feature = "otlp")]
use crate::push::OtlpExporter;
#[cfg(feature = "push")]
use crate::push::Pusher;
#[cfg(feature = "serve")]
use crate::serve::Server;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::target::Judgement;

#[derive(Debug)]
pub(super) struct Running {
    pub(super) judge: Option<Arc<Judge>>,
    pub(super) settings: Settings,
    /// A forked child inherits the memory but not the endpoint.
    pub(super) process: Process,
    pub(super) started: Instant,
    /// What happens is handed out as long as it is there.
    pub(super) events: Mutex<Option<event::Opened>>,
    /// The scheduler, the worker, and the sampler.
    pub(super) threads: Mutex<Vec<Background>>,
    #[cfg(feature = "push")]
    pub(super) pusher: Mutex<Option<Pusher>>,
    #[cfg(feature = "otlp")]
    pub(super) otlp: Mutex<Option<OtlpExporter>>,
    #[cfg(feature = "push")]
    pub(super) notifier: Mutex<Option<Notifier>>,
    pub(super) runner: Mutex<Option<Runner>>,
    #[cfg(feature = "flight")]
    pub(super) flight: Mutex<Option<Opened>>,
    #[cfg(feature = "dhat")]
    pub(super) exact: Mutex<Option<dhat::Profiler>>,
    #[cfg(feature = "serve")]
    pub(super) server: Mutex<Option<Server>>,
    #[cfg(target_os = "linux")]
    pub(super) asked: Mutex<Option<Asked>>,
    /// Whether the end has begun.
    pub(super) is_over: AtomicBool,
}

/// If a handle drops within this time and nothing was recorded, the drop was probably a mistake.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The process in which a profiler runs that has not ended.
static RUNS_IN: AtomicProcess = AtomicProcess::none();

static RUNNING: Lock<Latest> = Lock::new(Latest { running: Weak::new(), starting: None });

/// The profiler that was started last.
#[derive(Debug, Default)]
struct Latest {
    running: Weak<Running>,
    /// The process of which a thread is starting the next one.
    starting: Option<Process>,
}

/// A start in progress; there is one at a time. It holds no lock, because a fork would wait for it.
pub(super) struct Start(());

impl Start {
    /// Waits for a start by another thread.
    ///
    /// # Errors
    /// The profiler that runs already.
    pub(super) fn begin() -> Result<Self, Arc<Running>> {
        const PAUSE: Duration = Duration::from_millis(1);
        loop {
            let mut latest = RUNNING.lock();
            let process = Process::current();
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

/// Makes it the profiler of this process, which ends at the exit.
pub(super) fn register(running: &Arc<Running>) {
    RUNNING.lock().running = Arc::downgrade(running);
    RUNS_IN.store(Some(Process::current()), Relaxed);
    #[cfg(unix)]
    super::ending::at_exit(end_at_exit);
}

/// The profiler of this process.
pub(super) fn latest() -> Option<Arc<Running>> {
    let running = RUNNING.lock().running.upgrade();
    running.filter(|running| running.process.is_current())
}

/// Ends the profiler of this process, even if there are handles.
#[cfg(unix)]
pub(super) fn end_latest() {
    if let Some(running) = latest() {
        running.end();
    }
}

/// Called when the process exits, possibly while a lock is held. So the end runs on a thread of its
/// own, which is waited for at most five seconds.
#[cfg(unix)]
fn end_at_exit() {
    const AT_MOST: Duration = Duration::from_secs(5);
    if !RUNS_IN.load(Relaxed).is_some_and(Process::is_current) {
        return;
    }
    if sandbox::is_tighter() {
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

impl Running {
    /// Stops all threads, delivers the last window, and prints the report. Only the first call has
    /// an effect.
    fn end(&self) {
        if self.is_over.swap(true, Relaxed) {
            return;
        }
        RUNS_IN.store(None, Relaxed);
        #[cfg(target_os = "linux")]
        drop(self.asked.lock().unpoisoned().take());
        let lived = self.started.elapsed();
        // One deadline for all threads.
        #[cfg_attr(not(feature = "flight"), expect(unused_mut))]
        let mut end = Instant::now() + background::PATIENCE;
        // Before the sampler ends, so that the last window is delivered as well.
        #[cfg(feature = "push")]
        drop(self.pusher.lock().unpoisoned().take());
        #[cfg(feature = "otlp")]
        drop(self.otlp.lock().unpoisoned().take());
        // While all of its sources are there.
        #[cfg(feature = "flight")]
        if let Some(flight) = self.flight.lock().unpoisoned().take() {
            let began = Instant::now();
            flight.end_within(background::PATIENCE);
            end += began.elapsed();
        }
        // While there is a history. The report contains it.
        if let Some(judge) = &self.judge {
            self.end_targets(&judge.judge());
        }
        // Before the budget ends, because the report contains it.
        let file = self.settings.snapshot_file.as_deref();
        let report = (self.settings.report || file.is_some()).then(collect::take);
        if lived < AT_ONCE && report.as_ref().is_some_and(|report| report.functions.is_empty()) {
            say(&format!(
                "the handle was dropped {lived:.1?} after the start, and with it the profiler ended, before anything was recorded; \
                 keep it, as in `let _perf = perf_sdk::start()?;`: `let _ = …` drops it at once"
            ));
        }
        let threads = std::mem::take(&mut *self.threads.lock().unpoisoned());
        threads.iter().for_each(Background::stop);
        #[cfg(feature = "serve")]
        let mut server = self.server.lock().unpoisoned().take();
        #[cfg(feature = "serve")]
        server.iter_mut().for_each(Server::stop);
        threads.into_iter().for_each(|thread| thread.end_by(end));
        // After the last judgement.
        drop(self.runner.lock().unpoisoned().take());
        #[cfg(feature = "push")]
        drop(self.notifier.lock().unpoisoned().take());
        history::close();
        flag::show(false);
        drop(self.events.lock().unpoisoned().take());
        #[cfg(feature = "serve")]
        if let Some(server) = server {
            server.end_by(end);
        }
        #[cfg(feature = "dhat")]
        if let Some(exact) = self.exact.lock().unpoisoned().take() {
            // It panics if stderr is closed.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(exact)));
        }
        if let (Some(path), Some(snapshot)) = (file, &report) {
            write_snapshot(snapshot, path);
        }
        if let Some(report) = report.filter(|_| self.settings.report) {
            // If stderr is closed, the error cannot be reported.
            let _ = export::table::write(&report, &mut io::stderr().lock());
        }
    }
}

/// Where `{pid}` is this process. An error is said: at the end of a program nobody can return it.
fn write_snapshot(snapshot: &Snapshot, path: &Path) {
    let path = match path.to_str() {
        Some(path) => PathBuf::from(path.replace("{pid}", &std::process::id().to_string())),
        None => path.to_owned(),
    };
    if sandbox::is_tighter() {
        return say("the snapshot is not written: since the start, system calls were restricted (PERF_SNAPSHOT_FILE)");
    }
    if let Err(error) = snapshot.write_to(path) {
        say(&format!("the snapshot is not written (PERF_SNAPSHOT_FILE): {error}"));
    }
}

impl Running {
    /// Sets the status of the process if a target is missed, and if that was asked for.
    fn end_targets(&self, judgement: &Judgement) {
        let status = self.settings.targets_exit.filter(|_| judgement.is_missed());
        #[cfg(unix)]
        super::ending::set_status(status);
        if let Some(status) = status {
            let missed: Vec<&str> = judgement.missed().map(|target| target.name.as_str()).collect();
            say(&format!(
                "targets are missed, so the program ends with status {status} (PERF_TARGETS_EXIT): {}",
                missed.join(", ")
            ));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.process.is_current() {
            // In a forked child, the parent's threads do not exist, and the report is the parent's.
            let threads = std::mem::take(&mut *self.threads.lock().unpoisoned());
            threads.into_iter().for_each(Background::forget);
            #[cfg(feature = "push")]
            if let Some(pusher) = self.pusher.lock().unpoisoned().take() {
                pusher.forget();
            }
            #[cfg(feature = "otlp")]
            if let Some(otlp) = self.otlp.lock().unpoisoned().take() {
                otlp.forget();
            }
            #[cfg(feature = "push")]
            if let Some(notifier) = self.notifier.lock().unpoisoned().take() {
                notifier.forget();
            }
            if let Some(runner) = self.runner.lock().unpoisoned().take() {
                runner.forget();
            }
            #[cfg(feature = "dhat")]
            std::mem::forget(self.exact.lock().unpoisoned().take());
            #[cfg(feature = "serve")]
            std::mem::forget(self.server.lock().unpoisoned().take());
            #[cfg(target_os = "linux")]
            std::mem::forget(self.asked.lock().unpoisoned().take());
            return;
        }
        self.end();
    }
}
