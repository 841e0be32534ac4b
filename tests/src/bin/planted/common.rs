//! What all programs do besides what is planted.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use perf_sdk::{Builder, Handle, profiled};

/// One problem.
pub(crate) struct Plant {
    /// The rule that should find it.
    pub rule: &'static str,
    /// Works until the run ends.
    pub works: fn(&Run),
}

/// One run of a program.
#[derive(Clone)]
pub(crate) struct Run {
    /// Whether the problem is mended.
    pub is_corrected: bool,
    is_over: Arc<AtomicBool>,
}

/// Between two requests: a service that is not busy.
const PAUSE: Duration = Duration::from_millis(4);

impl Run {
    pub(crate) fn new(is_corrected: bool) -> Self {
        Self { is_corrected, is_over: Arc::default() }
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Relaxed);
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.is_over.load(Relaxed)
    }

    /// Starts the profiler, and says where it listens. The result lives until the end.
    pub(crate) fn start(&self, set: impl FnOnce(Builder) -> Builder) -> Handle {
        let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).alerts_shipped(false);
        let perf = set(builder).start().unwrap_or_else(|error| panic!("{error}"));
        println!("{}", perf.address().expect("an address"));
        perf
    }

    /// As [`start`](Self::start), with usual settings, and ready at once.
    pub(crate) fn start_ready(&self) -> Handle {
        let perf = self.start(|builder| builder);
        perf_sdk::ready();
        perf
    }

    /// Does `request` again and again, with a pause in between.
    pub(crate) fn requests(&self, mut request: impl FnMut(u64)) {
        let mut number = 0;
        while self.goes_on() {
            request(number);
            number += 1;
            thread::sleep(PAUSE);
        }
    }

    /// As [`requests`](Self::requests), on several threads.
    pub(crate) fn requests_on(&self, threads: u64, request: impl Fn(u64) + Sync) {
        let request = &request;
        thread::scope(|scope| {
            for thread in 0..threads {
                let named = thread::Builder::new().name(format!("worker {thread}"));
                let worker =
                    named.spawn_scoped(scope, move || self.requests(|number| request(number * threads + thread)));
                worker.expect("a thread");
            }
        });
    }
}

/// What a request asks for.
pub(crate) const TEXT: &str = "the quick brown fox jumps over the lazy dog while the sun is high above the hills ";

/// The usual work of a request: some tenths of a millisecond, in three functions that take as much.
#[profiled]
pub(crate) fn usual_work(number: u64) -> u64 {
    render(rank(parse(number)))
}

#[profiled]
fn parse(number: u64) -> u64 {
    steps(number)
}

#[profiled]
fn rank(number: u64) -> u64 {
    steps(number)
}

#[profiled]
fn render(number: u64) -> u64 {
    steps(number)
}

/// Hashes a text some times.
pub(crate) fn steps(seed: u64) -> u64 {
    const TIMES: usize = 40;
    let bytes = (0..TIMES).flat_map(|_| TEXT.bytes());
    black_box(bytes.fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
}
