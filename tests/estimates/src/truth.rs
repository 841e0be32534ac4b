//! What really happened, by means of the program's own.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Seconds of one function over the run; what is not known is not compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Real {
    pub wall: Option<f64>,
    pub cpu: Option<f64>,
}

pub type Truth = BTreeMap<&'static str, Real>;

/// Wall time of calls that the program times itself: long ones, which that hardly changes.
pub struct Stopwatch {
    name: &'static str,
    ns: AtomicU64,
}

static USED: Mutex<Vec<&'static Stopwatch>> = Mutex::new(Vec::new());

impl Stopwatch {
    pub const fn new(name: &'static str) -> Self {
        Self { name, ns: AtomicU64::new(0) }
    }

    /// To be called before the first call is timed.
    pub fn register(&'static self) {
        USED.lock().unwrap().push(self);
    }

    pub fn time<R>(&self, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = work();
        self.ns.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
        result
    }
}

/// What stopwatches showed.
pub fn timed() -> Truth {
    let real = |watch: &&Stopwatch| Real { wall: Some(watch.ns.load(Relaxed) as f64 / 1e9), cpu: None };
    USED.lock().unwrap().iter().map(|watch| (watch.name, real(watch))).collect()
}

/// Work of so many steps, of which each takes as long as any other.
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

/// CPU seconds of one call of `spin(steps)`, as calls come in a loop: measured around the run, since
/// the machine is not equally fast all the time.
pub fn seconds_of(steps: u32) -> f64 {
    const CALLS: u32 = 20_000;
    let once = || {
        let start = thread_cpu();
        (0..CALLS).for_each(|_| _ = black_box(spin(black_box(steps))));
        (thread_cpu() - start) / f64::from(CALLS)
    };
    let mut times: Vec<f64> = (0..9).map(|_| once()).collect();
    times.sort_by(f64::total_cmp);
    times[4]
}
