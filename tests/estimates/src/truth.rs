//! The ground truth: measured by the program itself, without the profiler.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::Handle;

/// The true figures of one function over the run, in seconds. Unknown figures are not compared.
#[derive(Clone, Debug, Default)]
pub struct Real {
    pub wall: Option<f64>,
    pub cpu: Option<f64>,
    /// Of each call, sorted.
    pub durations: Vec<f64>,
}

pub type Truth = BTreeMap<&'static str, Real>;

/// How long programs work, in milliseconds.
static TIME_MS: AtomicU64 = AtomicU64::new(3_000);

/// How long programs work.
pub fn time() -> Duration {
    Duration::from_millis(TIME_MS.load(Relaxed))
}

/// Programs work for this time and do nothing else, to measure the cost of recording.
pub fn only_work_for(time: Duration) {
    TIME_MS.store(time.as_millis() as u64, Relaxed);
    IS_ONLY_WORK.store(true, Relaxed);
}

static IS_ONLY_WORK: AtomicBool = AtomicBool::new(false);

/// Whether the program must not calibrate anything, nor switch recording.
pub fn is_only_work() -> bool {
    IS_ONLY_WORK.load(Relaxed)
}

static WORK: AtomicU64 = AtomicU64::new(0);

/// Adds to the amount of work done, in units of the program.
pub fn worked(units: u64) {
    WORK.fetch_add(units, Relaxed);
}

/// The amount of work done so far.
pub fn work() -> u64 {
    WORK.load(Relaxed)
}

/// Wall time of calls that the program times itself. They are long, so timing them hardly changes
/// them.
pub struct Stopwatch {
    name: &'static str,
    ns: Mutex<Vec<u32>>,
}

static USED: Mutex<Vec<&'static Stopwatch>> = Mutex::new(Vec::new());

impl Stopwatch {
    pub const fn new(name: &'static str) -> Self {
        Self { name, ns: Mutex::new(Vec::new()) }
    }

    /// Includes it in [`timed`] from now on.
    pub fn register(&'static self) {
        *self.ns.lock().unwrap() = Vec::with_capacity(1 << 22);
        USED.lock().unwrap().push(self);
    }

    /// For the calls of one thread. They are added to the stopwatch when the result drops.
    pub fn of_thread(&'static self) -> Laps {
        Laps { watch: self, ns: Vec::with_capacity(1 << 21) }
    }
}

/// The calls of one thread.
pub struct Laps {
    watch: &'static Stopwatch,
    ns: Vec<u32>,
}

impl Laps {
    pub fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = work();
        self.ns.push(start.elapsed().as_nanos().min(u128::from(u32::MAX)) as u32);
        result
    }
}

impl Drop for Laps {
    fn drop(&mut self) {
        self.watch.ns.lock().unwrap().append(&mut self.ns);
    }
}

/// The figures of all registered stopwatches.
pub fn timed() -> Truth {
    let real = |watch: &&Stopwatch| {
        let mut durations: Vec<f64> = watch.ns.lock().unwrap().iter().map(|ns| f64::from(*ns) / 1e9).collect();
        durations.sort_by(f64::total_cmp);
        Real { wall: Some(durations.iter().sum()), cpu: None, durations }
    };
    USED.lock().unwrap().iter().map(|watch| (watch.name, real(watch))).collect()
}

/// Work of this many steps, all of the same duration.
#[inline(never)]
pub fn spin(steps: u32) -> u64 {
    let mut sum = 0_u64;
    for step in 0..steps {
        sum = black_box(sum.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(u64::from(step)));
    }
    sum
}

/// CPU seconds of this thread.
pub fn thread_cpu() -> f64 {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU seconds of this process.
pub fn process_cpu() -> f64 {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock(which: libc::clockid_t) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(which, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// CPU seconds of one call of `work` in a loop, with recording off. It is measured before and after
/// the run, because the speed of the machine varies.
pub fn bare(handle: &Handle, mut work: impl FnMut()) -> f64 {
    const SECONDS: f64 = 0.005;
    if is_only_work() {
        return 0.0;
    }
    handle.set_recording(false);
    let start = thread_cpu();
    let mut calls = 0;
    while calls == 0 || thread_cpu() - start < SECONDS {
        work();
        calls += 1;
    }
    let mut once = || {
        let start = thread_cpu();
        (0..calls).for_each(|_| work());
        (thread_cpu() - start) / f64::from(calls)
    };
    let mut times: Vec<f64> = (0..9).map(|_| once()).collect();
    handle.set_recording(true);
    times.sort_by(f64::total_cmp);
    times[4]
}

/// Like [`bare`], but beside this many busy threads: hardware threads that share a core slow each
/// other down.
pub fn bare_beside(handle: &Handle, others: usize, work: impl FnMut()) -> f64 {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    black_box(spin(1_000));
                }
            });
        }
        let seconds = bare(handle, work);
        is_over.store(true, Relaxed);
        seconds
    })
}

/// The same for `spin(steps)`.
pub fn seconds_of(handle: &Handle, others: usize, steps: u32) -> f64 {
    const TIMES: u32 = 100;
    bare_beside(handle, others, || (0..TIMES).for_each(|_| _ = black_box(spin(black_box(steps))))) / f64::from(TIMES)
}
