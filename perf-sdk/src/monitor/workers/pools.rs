//! The pools that are watched, and their threads.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Instant;

use crate::base::fork::Lock;
use crate::base::process_identity::Process;
use crate::base::sandbox;
use crate::clock;
use crate::memory;
use crate::monitor::named::unused;
use crate::reading::Labels;

/// Further pools are not shown.
const MOST: usize = 64;

/// What the tasks of a pool count.
#[derive(Debug)]
pub(super) struct Pool {
    id: u64,
    pub(super) workers: usize,
    queued: AtomicU64,
    active: AtomicU64,
    active_peak: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
}

/// Counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) queued: u64,
    pub(super) active: u64,
    pub(super) active_peak: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
}

impl Pool {
    fn new(workers: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT.fetch_add(1, Relaxed),
            workers,
            queued: AtomicU64::new(0),
            active: AtomicU64::new(0),
            active_peak: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn queued(&self) {
        self.queued.fetch_add(1, Relaxed);
    }

    #[inline]
    pub(super) fn unqueued(&self) {
        self.queued.fetch_sub(1, Relaxed);
    }

    #[inline]
    pub(super) fn begin(&self) {
        join(self.id);
        let active = self.active.fetch_add(1, Relaxed) + 1;
        // Most tasks are not the most at a time.
        if active > self.active_peak.load(Relaxed) {
            self.active_peak.fetch_max(active, Relaxed);
        }
    }

    #[inline]
    pub(super) fn end(&self, has_failed: bool) {
        self.active.fetch_sub(1, Relaxed);
        let ended = if has_failed { &self.failed } else { &self.completed };
        ended.fetch_add(1, Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            queued: self.queued.load(Relaxed),
            active: self.active.load(Relaxed),
            active_peak: self.active_peak.load(Relaxed),
            completed: self.completed.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }
}

/// The pools of a process.
#[derive(Debug, Default)]
struct Pools {
    /// A forked child has none of its parent's: it has none of their threads.
    process: Option<Process>,
    watched: Vec<Watched>,
}

static POOLS: Lock<Pools> = Lock::new(Pools { process: None, watched: Vec::new() });

impl Pools {
    /// Removes those of another process, and those whose last handle was dropped.
    fn current(&mut self) -> &mut Vec<Watched> {
        let process = Some(Process::current());
        if self.process != process {
            *self = Self { process, watched: Vec::new() };
        }
        self.watched.retain(|watched| watched.pool.strong_count() > 0);
        &mut self.watched
    }
}

/// A pool, its threads, and what was read last.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) pool: Weak<Pool>,
    id: u64,
    name: String,
    pub(super) labels: Labels,
    threads: Vec<Thread>,
    /// CPU time of threads that have ended.
    ended_cpu_ns: u64,
    pub(super) before: Option<Before>,
}

/// The reading before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) at: Instant,
    pub(super) cpu_ns: u64,
    pub(super) counts: Counts,
}

/// A thread that ran a task of the pool.
#[derive(Debug)]
struct Thread {
    id: u32,
    /// Its CPU time when its first task began, and when it was read last.
    joined_ns: u64,
    read_ns: u64,
}

impl Thread {
    fn cpu_ns(&self) -> u64 {
        self.read_ns.saturating_sub(self.joined_ns)
    }
}

impl Watched {
    /// CPU time of all threads.
    pub(super) fn cpu_ns(&mut self) -> u64 {
        let Self { threads, ended_cpu_ns, .. } = self;
        threads.retain_mut(|thread| match clock::thread_cpu_ns_of(thread.id) {
            Some(now_ns) if now_ns >= thread.read_ns => {
                thread.read_ns = now_ns;
                true
            }
            // It ended without saying so, and another one may have its number.
            _ => {
                *ended_cpu_ns += thread.cpu_ns();
                false
            }
        });
        *ended_cpu_ns + threads.iter().map(Thread::cpu_ns).sum::<u64>()
    }

    /// The calling thread ends.
    fn leave(&mut self, id: u32, now_ns: Option<u64>) {
        if let Some(at) = self.threads.iter().position(|thread| thread.id == id) {
            let mut thread = self.threads.swap_remove(at);
            thread.read_ns = now_ns.unwrap_or(0).max(thread.read_ns);
            self.ended_cpu_ns += thread.cpu_ns();
        }
    }
}

pub(super) fn watch(name: &str, workers: usize) -> Arc<Pool> {
    memory::uncounted(|| {
        let pool = Arc::new(Pool::new(workers));
        let mut pools = POOLS.lock();
        let watched = pools.current();
        if watched.len() < MOST {
            let name = unused(name, |name| watched.iter().any(|known| known.name == name));
            watched.push(Watched {
                pool: Arc::downgrade(&pool),
                id: pool.id,
                labels: Labels::of(&[("workers", &name)]),
                name,
                threads: Vec::new(),
                ended_cpu_ns: 0,
                before: None,
            });
        }
        pool
    })
}

/// Calls `read` with each pool.
pub(super) fn for_each(read: impl FnMut(&mut Watched)) {
    POOLS.lock().current().iter_mut().for_each(read);
}

thread_local! {
    static JOINED: Joined = const { Joined { latest: Cell::new(0), pools: RefCell::new(Vec::new()) } };
}

/// The pools of which a thread has run tasks.
struct Joined {
    /// The one of its latest task.
    latest: Cell<u64>,
    pools: RefCell<Vec<u64>>,
}

/// The calling thread runs a task of the pool.
#[inline]
fn join(pool: u64) {
    // A thread that ends runs its last tasks without being noted.
    let _ = JOINED.try_with(|joined| {
        if joined.latest.replace(pool) != pool {
            joined.note(pool);
        }
    });
}

impl Joined {
    #[cold]
    fn note(&self, pool: u64) {
        let Ok(mut known) = self.pools.try_borrow_mut() else { return };
        if known.contains(&pool) || sandbox::is_tighter() {
            return;
        }
        let id = clock::thread_id();
        let Some(now_ns) = clock::thread_cpu_ns_of(id) else { return };
        memory::uncounted(|| {
            let mut pools = POOLS.lock();
            let watched = pools.current();
            known.retain(|known| watched.iter().any(|watched| watched.id == *known));
            if let Some(watched) = watched.iter_mut().find(|watched| watched.id == pool) {
                known.push(pool);
                watched.threads.push(Thread { id, joined_ns: now_ns, read_ns: now_ns });
            }
        });
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        if self.pools.get_mut().is_empty() || sandbox::is_tighter() {
            return;
        }
        let id = clock::thread_id();
        let now_ns = clock::thread_cpu_ns_of(id);
        memory::uncounted(|| {
            POOLS.lock().current().iter_mut().for_each(|watched| watched.leave(id, now_ns));
            self.pools.take();
        });
    }
}
