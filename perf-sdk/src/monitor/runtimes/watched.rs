//! The runtimes that are watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::time::Instant;

use tokio::runtime::Handle;

use super::figures::worker_labels;
#[cfg(tokio_unstable)]
use super::unstable::Polls;
use crate::base::fork::Lock;
use crate::base::process_identity::Process;
use crate::memory;
use crate::monitor::named::unused;
use crate::reading::Labels;

/// Further runtimes are not shown.
const MOST: usize = 64;

#[derive(Debug)]
pub(super) struct Watched {
    name: String,
    pub(super) handle: Handle,
    is_gone: Arc<AtomicBool>,
    pub(super) labels: Labels,
    pub(super) worker_labels: Vec<Labels>,
    /// When it was read last, and the busy time then.
    before: Option<(Instant, f64)>,
    #[cfg(tokio_unstable)]
    pub(super) polls: Polls,
}

/// The runtimes of a process.
#[derive(Debug, Default)]
struct Runtimes {
    process: Option<Process>,
    watched: Vec<Watched>,
}

static RUNTIMES: Lock<Runtimes> = Lock::new(Runtimes { process: None, watched: Vec::new() });

impl Runtimes {
    fn current(&mut self) -> &mut Vec<Watched> {
        let process = Some(Process::current());
        if self.process != process {
            // A forked child has no threads of its parent's runtimes, and they may have held locks.
            let parents = std::mem::replace(self, Self { process, watched: Vec::new() });
            std::mem::forget(parents.watched);
        }
        self.watched.retain(|watched| !watched.is_gone.load(Acquire));
        &mut self.watched
    }
}

/// It drops when the runtime is shut down, because a task of the runtime has it.
struct Lives(Arc<AtomicBool>);

impl Drop for Lives {
    fn drop(&mut self) {
        self.0.store(true, Release);
        // So that a program without monitors does not keep the handle. It is not the last one: the
        // task that drops this has another. Where the lock is taken, the next reading does it.
        if let Some(mut runtimes) = RUNTIMES.try_lock() {
            memory::uncounted(|| runtimes.current());
        }
    }
}

pub(super) fn watch(name: &str, handle: &Handle) {
    memory::uncounted(|| {
        let is_gone = Arc::new(AtomicBool::new(false));
        // Also a future that is never polled drops what it has.
        let lives = Lives(Arc::clone(&is_gone));
        drop(handle.spawn(async move {
            let _lives = lives;
            std::future::pending::<()>().await;
        }));
        let mut runtimes = RUNTIMES.lock();
        let watched = runtimes.current();
        if watched.len() >= MOST || is_gone.load(Acquire) {
            return;
        }
        let name = unused(name, |name| watched.iter().any(|known| known.name == name));
        let workers = handle.metrics().num_workers();
        watched.push(Watched {
            handle: handle.clone(),
            is_gone,
            labels: Labels::of(&[("runtime", &name)]),
            worker_labels: worker_labels(&name, workers),
            before: None,
            #[cfg(tokio_unstable)]
            polls: Polls::of(&name, &handle.metrics()),
            name,
        });
    });
}

/// Calls `read` with each runtime that has not been shut down.
pub(super) fn for_each(read: impl FnMut(&mut Watched)) {
    RUNTIMES.lock().current().iter_mut().for_each(read);
}

impl Watched {
    /// The share of the time since the reading before for which its workers were busy.
    pub(super) fn busy_ratio(&mut self, busy_seconds: f64, workers: usize) -> Option<f64> {
        let now = Instant::now();
        let (at, was) = self.before.replace((now, busy_seconds))?;
        let could = now.duration_since(at).as_secs_f64() * workers as f64;
        (could > 0.0).then(|| (busy_seconds - was).max(0.0) / could)
    }
}
