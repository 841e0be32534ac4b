//! Scenarios of labels on samples and of wall time, one in each process: `labels NAME`.

use std::cell::Cell;
use std::hint::black_box;
use std::os::unix::thread::JoinHandleExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use perf_sdk::snapshot::{CpuProfile, SampledStack, WallProfile};
use perf_sdk::{FutureExt as _, Handle, TraceContext, profiled, with_labels};
use perf_sdk_tests::{eventually, thread_cpu, thread_id, until};
use tracing_subscriber::layer::SubscriberExt as _;

#[global_allocator]
static ALLOCATOR: perf_sdk::Alloc = perf_sdk::Alloc::new();

static STOP: AtomicBool = AtomicBool::new(false);

fn main() {
    let scenarios: &[(&str, fn())] = &[
        ("labels", labels),
        ("many_labels", many_labels),
        ("spans", spans),
        ("wall", wall),
        ("chosen", chosen),
        ("silent", silent),
        ("wall_taken_over", taken_over),
        ("beside", beside),
        ("many_threads", many_threads),
    ];
    let name = std::env::args().nth(1).unwrap_or_default();
    let (_, scenario) = scenarios.iter().find(|(known, _)| *known == name).expect("a scenario");
    scenario();
}

fn start() -> Handle {
    perf_sdk::builder().listen("off").report(false).budget("off").start().unwrap()
}

/// Uses this much CPU time, however loaded the machine is.
#[inline(never)]
fn spin(cpu: Duration) -> u64 {
    let (start, mut sum) = (thread_cpu(), 1_u64);
    while thread_cpu() - start < cpu && !STOP.load(Relaxed) {
        for n in 0..2_000_u64 {
            sum = black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n));
        }
    }
    sum
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// CPU time in milliseconds of samples that `is_meant`.
fn cpu_ms(profile: &CpuProfile, is_meant: impl Fn(&SampledStack) -> bool) -> f64 {
    profile.stacks.iter().filter(|stack| is_meant(stack)).map(|stack| stack.time_ns).sum::<u64>() as f64 / 1e6
}

/// An allowance for a loaded machine, in milliseconds. There, some samples are dropped for lack of
/// room, and the kernel delays the signal of a CPU timer: all the delayed time is attributed to one
/// place. This is the maximum of both since the first of two profiles.
fn unsettled_ms(before: &CpuProfile, after: &CpuProfile) -> f64 {
    let late = |profile: &CpuProfile| {
        let samples = profile.stacks.iter().map(|stack| stack.samples).sum::<u64>();
        cpu_ms(profile, |_| true) - samples as f64 * 1e3 / 99.0
    };
    let lost = perf_sdk::snapshot().stacks.map_or(0, |stacks| stacks.dropped) as f64 * 1e3 / 99.0;
    late(after) - late(before) + lost
}

fn has(stack: &SampledStack, name: &str, value: &str) -> bool {
    stack.labels.iter().any(|(n, v)| n == name && v == value)
}

#[profiled]
async fn task(tenant: &'static str) -> u64 {
    let mut sum = 0;
    for _ in 0..10 {
        sum ^= spin(ms(30));
        tokio::task::yield_now().await;
    }
    async { spin(ms(100)) }.labelled([("step", format!("of {tenant}"))]).await ^ sum
}

/// Waits until the sampler knows this thread. The first sample reports where the thread's stack is,
/// and the first profiled call or label where its scope and labels are. The sampler processes both
/// a moment later.
fn settle() {
    let own = thread_id().to_string();
    let known = || {
        let profile = CpuProfile::take().unwrap();
        profile.stacks.iter().filter(|stack| has(stack, "before", &own)).map(|stack| stack.samples).sum::<u64>()
    };
    until("samples with labels", || {
        let before = known();
        with_labels([("before", own.clone())], || spin(ms(50)));
        known() > before
    });
}

/// Runs and then sleeps a little, so that samples that are due arrive.
fn come_in() {
    spin(ms(30));
    thread::sleep(ms(300));
}

/// Samples have the labels of their scope or task, on whatever thread it runs, and no labels after
/// its end.
fn labels() {
    let _handle = start();
    settle();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let both = Arc::new(Barrier::new(2));
        let settled = [Arc::clone(&both), both].map(|both| {
            tokio::spawn(async move {
                both.wait();
                settle();
            })
        });
        for task in settled {
            task.await.unwrap();
        }
    });
    // The CPU time that this profile needs to look up names appears in the next one.
    let start = thread_cpu();
    let before = CpuProfile::take().unwrap();
    with_labels([("tenant", "a")], || {
        spin(ms(300));
        with_labels([("tenant", "b"), ("route", "/x")], || spin(ms(600)));
    });
    spin(ms(400));
    runtime.block_on(async {
        let first = tokio::spawn(task("c").labelled([("tenant", "c")]));
        let second = with_labels([("tenant", "d")], || perf_sdk::spawn(task("d")));
        first.await.unwrap();
        second.await.unwrap();
    });
    come_in();
    let without = (thread_cpu() - start - ms(900)).as_secs_f64() * 1e3;
    let profile = CpuProfile::take().unwrap();
    let of = |name: &str, value: &str| cpu_ms(&profile, |stack| has(stack, name, value));
    let unsettled = unsettled_ms(&before, &profile);
    let is_near = |sampled: f64, expected: f64| (sampled - expected).abs() < 60.0 + expected * 0.1 + unsettled;
    for (value, expected) in [("a", 300.0), ("b", 600.0), ("c", 400.0), ("d", 400.0)] {
        let sampled = of("tenant", value);
        println!("{value}: {sampled} of {expected} ms");
        assert!(is_near(sampled, expected), "{value}: {sampled} of {expected}");
    }
    let both = cpu_ms(&profile, |stack| has(stack, "tenant", "b") && has(stack, "route", "/x"));
    assert_eq!(both, of("tenant", "b"));
    let [none, none_before] = [&profile, &before].map(|profile| cpu_ms(profile, |stack| stack.labels.is_empty()));
    assert!(is_near(none - none_before, without), "{none} and {none_before} before, of {without}");
    let steps = |profile: &CpuProfile| {
        cpu_ms(profile, |stack| {
            let is_of_task = stack.scope.last().is_some_and(|scope| scope.name == "task");
            has(stack, "step", "of d") && has(stack, "tenant", "d") && is_of_task
        })
    };
    // On a loaded machine, the kernel may delay a timer for as long as this step of a tenth of a
    // second takes.
    eventually(|| {
        let before = steps(&CpuProfile::take().unwrap());
        let task = async { with_labels([("tenant", "d")], || perf_sdk::spawn(task("d"))).await.unwrap() };
        runtime.block_on(task);
        come_in();
        let took = steps(&CpuProfile::take().unwrap()) - before;
        if (40.0..=180.0).contains(&took) { Ok(()) } else { Err(format!("{took} of 100 ms")) }
    });
}

/// The number of label values of samples is bounded, however many values the program uses.
fn many_labels() {
    let handle = start();
    settle();
    for user in 0..5_000_u32 {
        with_labels([("user", user.to_string())], || black_box(spin(Duration::ZERO)));
    }
    let mut rounds = 0;
    let profile = eventually(|| {
        with_labels([("user", "the next one")], || spin(ms(200)));
        with_labels([("scope", "mine")], || spin(ms(100)));
        come_in();
        rounds += 1;
        let profile = CpuProfile::take().unwrap();
        let other = cpu_ms(&profile, |stack| has(stack, "user", "(other)"));
        if other > 100.0 { Ok(profile) } else { Err(format!("{other} ms")) }
    });
    assert_eq!(cpu_ms(&profile, |stack| has(stack, "scope", "mine")), 0.0);
    let dropped = handle.snapshot().profiler.dropped;
    assert_eq!(dropped["labels"], 5_000 - 256 + 2 * rounds);
}

thread_local! {
    static TRACE: Cell<u8> = const { Cell::new(0) };
}

static ASKED: AtomicU64 = AtomicU64::new(0);

fn context(n: u8) -> TraceContext {
    TraceContext { trace_id: [n; 16], span_id: [n; 8] }
}

/// Samples within a tracing span have its ids.
fn spans() {
    fn hook() -> Option<TraceContext> {
        // The hook itself may be instrumented.
        tracing::info_span!("hook").in_scope(|| ());
        ASKED.fetch_add(1, Relaxed);
        let n = TRACE.get();
        (n > 0).then(|| context(n))
    }
    let _handle = start();
    perf_sdk::set_trace_hook(hook);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(perf_sdk::tracing_layer())).unwrap();
    // The very first call calibrates the cost of calls, which opens and closes spans.
    tracing::info_span!("first").in_scope(settle);
    // The CPU time that this profile needs to look up names appears in the next one.
    let start = thread_cpu();
    let before = CpuProfile::take().unwrap();
    let within = |n: u8, cpu: Duration, inner: &dyn Fn()| {
        TRACE.set(n);
        let span = tracing::info_span!("request");
        let before = ASKED.load(Relaxed);
        let entered = span.enter();
        span.in_scope(|| ());
        // Once for each span, and once for an exemplar of the span within the hook.
        assert!((1..=2).contains(&(ASKED.load(Relaxed) - before)));
        TRACE.set(0);
        inner();
        spin(cpu);
        drop(entered);
    };
    within(1, ms(400), &|| within(2, ms(300), &|| ()));
    tracing::info_span!("without").in_scope(|| spin(ms(200)));
    come_in();
    let without = (thread_cpu() - start - ms(700)).as_secs_f64() * 1e3;
    let profile = CpuProfile::take().unwrap();
    let of = |trace: Option<TraceContext>| {
        let [now, before] = [&profile, &before].map(|profile| cpu_ms(profile, |stack| stack.trace == trace));
        now - before
    };
    let sampled = [of(Some(context(1))), of(Some(context(2))), of(None)];
    let unsettled = unsettled_ms(&before, &profile);
    println!("{sampled:?}, {unsettled} unsettled");
    for (sampled, expected) in sampled.into_iter().zip([400.0, 300.0, without]) {
        assert!((sampled - expected).abs() < 100.0 + unsettled, "{sampled} of {expected}");
    }
}

static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

#[profiled]
fn waits() {
    let open = GATE.0.lock().unwrap();
    drop(GATE.1.wait_while(open, |open| !*open).unwrap());
}

/// Entries that a thread writes about itself: the time, in nanoseconds since the Unix epoch, and a
/// running sum of nanoseconds up to then.
type Log = Mutex<Vec<(u64, u64)>>;

fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

fn note(log: &Log, sum: Duration) {
    log.lock().unwrap().push((unix_ns(), sum.as_nanos() as u64));
}

/// The growth of the sum between two times, in seconds.
fn noted(log: &Log, from: u64, to: u64) -> f64 {
    let log = log.lock().unwrap();
    let at = |time: u64| log.iter().rev().find(|(when, _)| *when <= time).map_or(0, |(_, sum)| *sum);
    (at(to) - at(from)) as f64 / 1e9
}

/// CPU time of the threads `runner` and `both`, and the time that `bursts` was off the CPU although
/// it was runnable.
static RAN: Log = Mutex::new(Vec::new());
static BOTH: Log = Mutex::new(Vec::new());
static HELD_UP: Log = Mutex::new(Vec::new());

#[profiled]
fn both() {
    while !STOP.load(Relaxed) {
        spin(ms(5));
        note(&BOTH, thread_cpu());
        thread::sleep(ms(5));
    }
}

fn bursts() {
    let mut held_up = Duration::ZERO;
    while !STOP.load(Relaxed) {
        let (start, cpu) = (std::time::Instant::now(), thread_cpu());
        spin(ms(2));
        held_up += start.elapsed().saturating_sub(thread_cpu() - cpu);
        note(&HELD_UP, held_up);
        thread::sleep(ms(97));
    }
}

static INTERRUPTED: AtomicU64 = AtomicU64::new(0);

/// Sleeps without a retry after an interruption, until the process ends.
#[inline(never)]
fn sleeps_in_c() {
    loop {
        // SAFETY: no descriptors are passed.
        if unsafe { libc::poll(std::ptr::null_mut(), 0, 600_000) } < 0 {
            INTERRUPTED.fetch_add(1, Relaxed);
        }
    }
}

fn named<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn(run).unwrap()
}

/// Wall time, and what of it was off the CPU, in seconds.
fn wall_of(profile: &WallProfile, is_meant: impl Fn(&SampledStack) -> bool) -> (f64, f64) {
    let meant = profile.stacks.iter().filter(|stack| is_meant(stack));
    let (wall, off) = meant.fold((0, 0), |(wall, off), stack| (wall + stack.time_ns, off + stack.off_cpu_ns));
    (wall as f64 / 1e9, off as f64 / 1e9)
}

fn is_at(profile: &WallProfile, stack: &SampledStack, function: &str) -> bool {
    let lines = stack.addresses.iter().flat_map(|address| &profile.code.addresses[*address as usize].lines);
    lines.into_iter().any(|line| line.function.ends_with(function))
}

/// All time of every thread is recorded, at its stack, whether the thread runs or waits. A waiting
/// thread is hardly ever interrupted.
fn wall() {
    let handle = start();
    let _sleeps = named("poller", sleeps_in_c);
    let threads = [
        named("waiter", || with_labels([("tenant", "w")], waits)),
        named("runner", || {
            while !STOP.load(Relaxed) {
                spin(ms(1));
                note(&RAN, thread_cpu());
            }
        }),
        named("both", both),
        named("bursts", bursts),
    ];
    // Warm-up: finds the stacks of the threads, and the names of functions.
    handle.wall_profile(ms(500), 99, "*").unwrap();
    INTERRUPTED.store(0, Relaxed);
    let profile = handle.wall_profile(Duration::from_secs(2), 99, "*").unwrap();
    let (from, to) = (profile.taken_at_unix_ns - profile.window_ns, profile.taken_at_unix_ns);
    let window = profile.window_ns as f64 / 1e9;
    let of = |name: &str| wall_of(&profile, |stack| stack.thread == name);
    println!(
        "{window} s, {} looks, {} threads; interrupted {}",
        profile.samples,
        profile.threads,
        INTERRUPTED.load(Relaxed)
    );
    for name in ["waiter", "runner", "both", "poller"] {
        let (wall, off) = of(name);
        println!("{name}: {wall:.3}, off {off:.3}");
        assert!((wall / window - 1.0).abs() < 0.1, "{name}: {wall} of {window}");
    }
    let share = |name: &str| of(name).1 / of(name).0;
    assert!(share("waiter") > 0.99 && share("poller") > 0.99, "{} {}", share("waiter"), share("poller"));
    let ran = of("runner").0 - of("runner").1;
    let on_cpu = noted(&RAN, from, to);
    assert!((ran - on_cpu).abs() < 0.1 * window, "{ran} of {on_cpu} s");
    let (ran, on_cpu) = (of("both").0 - of("both").1, noted(&BOTH, from, to));
    assert!((ran - on_cpu).abs() < 0.1 * window, "both: {ran} of {on_cpu} s");
    let waiting = |stack: &SampledStack| {
        let is_labelled = stack.labels == [("tenant".to_owned(), "w".to_owned())];
        is_labelled && is_at(&profile, stack, "waits") && stack.scope.last().is_some_and(|scope| scope.name == "waits")
    };
    assert!(wall_of(&profile, waiting).0 > window * 0.9, "{:?}", wall_of(&profile, waiting));
    assert!(wall_of(&profile, |stack| is_at(&profile, stack, "sleeps_in_c")).0 > window * 0.9);
    let in_sleep = wall_of(&profile, |stack| stack.thread == "both" && is_at(&profile, stack, "sleep"));
    // How long it runs, or waits for a processor, depends on the machine.
    assert!(in_sleep.0 > 0.1 && in_sleep.1 > in_sleep.0 * 0.5, "{in_sleep:?} of {:?}", of("both"));
    // At first, its stack was unknown, so it had to be interrupted.
    assert!(INTERRUPTED.load(Relaxed) <= 20, "{}", INTERRUPTED.load(Relaxed));
    // A sleeping thread is recorded where it sleeps, not where it was last found running.
    let asleep = wall_of(&profile, |stack| stack.thread == "bursts" && is_at(&profile, stack, "spin"));
    println!("bursts: off {:.3}, of which spinning {:.3}", of("bursts").1, asleep.1);
    let held_up = noted(&HELD_UP, from, to);
    assert!(asleep.1 < held_up + of("bursts").1 * 0.2, "{asleep:?} of {:?}, held up {held_up}", of("bursts"));
    let recorded =
        |name: &str| profile.recorded_off_cpu.iter().find(|of| of.scope.name == name).unwrap().own_ns as f64 / 1e9;
    println!("recorded: waits {:.3}, both {:.3}", recorded("waits"), recorded("both"));
    assert!((recorded("waits") / window - 1.0).abs() < 0.1 && recorded("both") > 0.5);
    STOP.store(true, Relaxed);
    *GATE.0.lock().unwrap() = true;
    GATE.1.notify_all();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Captures at the same time record only their own threads. After their end, no thread is
/// interrupted.
fn chosen() {
    let handle = start();
    let _threads = ["left", "right"].map(|name| named(name, sleeps_in_c));
    let names = |profile: &WallProfile| {
        let mut names: Vec<String> = profile.stacks.iter().map(|stack| stack.thread.clone()).collect();
        names.dedup();
        names
    };
    thread::sleep(ms(300));
    // Where others take the processors, a thread that is asked at the end answers too late.
    eventually(|| {
        thread::scope(|scope| {
            let left = scope.spawn(|| handle.wall_profile(ms(800), 50, "l*t").unwrap());
            thread::sleep(ms(200));
            let right = handle.wall_profile(ms(300), 20, "right").unwrap();
            assert_eq!(names(&right), ["right"]);
            let left = left.join().unwrap();
            assert_eq!(names(&left), ["left"]);
            let (seen, window) = (left.wall_ns as f64, left.window_ns as f64);
            let is_whole = (seen / window - 1.0).abs() < 0.1;
            if is_whole { Ok(()) } else { Err(format!("{seen} of {window}")) }
        })
    });
    // Waits for pending signals.
    thread::sleep(ms(300));
    let before = INTERRUPTED.load(Relaxed);
    thread::sleep(ms(300));
    assert_eq!(INTERRUPTED.load(Relaxed), before);
    assert!(handle.wall_profile(ms(100), 99, "nobody").unwrap().stacks.is_empty());
}

/// Whether the thread `silent` must block signals.
static BLOCKS: AtomicBool = AtomicBool::new(true);
/// When the thread last unblocked signals, in nanoseconds since the Unix epoch. 0 while it blocks
/// them.
static FREED: AtomicU64 = AtomicU64::new(0);

/// Blocks all signals on request, and checks that none arrives.
fn blocks_signals() {
    // A first call registers the thread with the recorder.
    perf_sdk::measure("first", || ());
    while !STOP.load(Relaxed) {
        // SAFETY: the sets of signals are valid.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
            FREED.store(0, Relaxed);
            // The sampler can find out that the thread blocks signals only while the thread runs.
            while !IS_FOUND.load(Relaxed) && !STOP.load(Relaxed) {
                let _ = spin(ms(1));
                thread::sleep(ms(20));
            }
            // Consumes pending signals.
            let soon = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            while libc::sigtimedwait(&raw const all, std::ptr::null_mut(), &raw const soon) != -1 {}
            WAITS.store(true, Relaxed);
            // One call waits for the signal. Repeated calls would make the thread run in between.
            let came = libc::sigwaitinfo(&raw const all, std::ptr::null_mut());
            assert_eq!(came, libc::SIGUSR1, "an unexpected signal arrived");
            WAITS.store(false, Relaxed);
            FREED.store(unix_ns(), Relaxed);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const all, std::ptr::null_mut());
        }
        while !BLOCKS.load(Relaxed) && !STOP.load(Relaxed) {
            thread::sleep(ms(20));
        }
    }
}

/// Whether the sampler has found that the thread blocks signals.
static IS_FOUND: AtomicBool = AtomicBool::new(false);
/// Whether the thread waits for signals.
static WAITS: AtomicBool = AtomicBool::new(false);

/// A thread that blocks signals and waits for them itself gets none of ours, and is reported as
/// missing.
fn silent() {
    let handle = start();
    let thread = named("silent", blocks_signals);
    let until_waits = || {
        until("the thread to be found", || handle.snapshot().stacks.is_some_and(|stacks| stacks.refused >= 1));
        IS_FOUND.store(true, Relaxed);
        until("the thread to wait", || WAITS.load(Relaxed));
    };
    until_waits();
    let profile = handle.wall_profile(ms(800), 99, "silent").unwrap();
    assert!(handle.snapshot().stacks.unwrap().refused >= 1);
    assert_eq!((profile.samples, profile.threads), (0, 1));
    assert!(profile.unanswered_ns as f64 > profile.window_ns as f64 * 0.9, "{profile:?}");
    // The time while the thread blocked signals is not attributed to where it is afterwards.
    eventually(|| {
        if FREED.load(Relaxed) != 0 {
            IS_FOUND.store(false, Relaxed);
            BLOCKS.store(true, Relaxed);
            until("the thread to block signals", || FREED.load(Relaxed) == 0);
        }
        until_waits();
        let both = thread::scope(|scope| {
            let both = scope.spawn(|| handle.wall_profile(ms(1_500), 99, "silent").unwrap());
            thread::sleep(ms(500));
            BLOCKS.store(false, Relaxed);
            // SAFETY: the thread has not been joined yet.
            unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR1) };
            until("the thread to unblock signals", || FREED.load(Relaxed) != 0);
            both.join().unwrap()
        });
        let (ended, freed) = (both.taken_at_unix_ns, FREED.load(Relaxed));
        let began = ended - both.window_ns;
        if freed < began + 200_000_000 || ended < freed + 200_000_000 {
            return Err("it unblocked signals too early or too late".to_owned());
        }
        let could = Duration::from_nanos(ended - freed);
        let seen = Duration::from_nanos(both.wall_ns);
        println!("seen for {seen:?}, could be asked for {could:?}");
        assert!(seen < could + ms(300), "{seen:?} of {could:?}");
        // The sampler may find out late that the thread accepts signals again.
        if seen + ms(400) > could { Ok(()) } else { Err(format!("{seen:?} of {could:?}")) }
    });
    STOP.store(true, Relaxed);
    thread.join().unwrap();
}

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handle_urgent(_: i32) {
    HANDLED.fetch_add(1, Relaxed);
}

/// When a program installs its own handler during a capture, the profiler stops sending this
/// signal.
fn taken_over() {
    let handle = start();
    let _sleeps = named("sleeper", sleeps_in_c);
    handle.wall_profile(ms(100), 99, "*").unwrap();
    let profile = thread::scope(|scope| {
        let profile = scope.spawn(|| handle.wall_profile(Duration::from_secs(5), 99, "*"));
        thread::sleep(ms(300));
        let handler = (handle_urgent as extern "C" fn(i32) as *const ()).addr();
        // SAFETY: the handler only adds to an atomic.
        unsafe { libc::signal(libc::SIGURG, handler) };
        until("the sampler to see it", || {
            handle.snapshot().profiler.stacks.to_string() == "the program took over the signal SIGURG"
        });
        // Waits for pending signals.
        thread::sleep(ms(300));
        let handled = HANDLED.load(Relaxed);
        spin(ms(200));
        thread::sleep(ms(200));
        assert_eq!(HANDLED.load(Relaxed), handled);
        profile.join().unwrap()
    });
    assert!(profile.is_none() && handle.wall_profile(ms(10), 99, "*").is_none());
}

/// CPU time is sampled as usual during a wall profile.
fn beside() {
    let handle = start();
    let threads = [0, 1].map(|_| {
        named("busy", || {
            spin(Duration::MAX);
        })
    });
    until("samples", || handle.snapshot().stacks.is_some_and(|stacks| stacks.samples > 20));
    // On a loaded machine, the kernel sometimes delays CPU timers.
    eventually(|| {
        let (cpu, busy) = thread::scope(|scope| {
            let cpu = scope.spawn(|| handle.cpu_profile(ms(1_500), Some(250)).unwrap());
            let wall = handle.wall_profile(ms(1_500), 99, "*").unwrap();
            let busy = wall_of(&wall, |stack| stack.thread == "busy").0;
            (cpu.join().unwrap(), busy / (2.0 * wall.window_ns as f64 / 1e9))
        });
        println!("coverage {:.3}, {} samples", cpu.coverage(), cpu.samples);
        // A sample may be late by a period and a tick of the kernel, on each thread.
        let late = 2.0 * (1.0 / 250.0 + 0.004) / (cpu.process_ns as f64 / 1e9);
        if (0.9 - late..1.1 + late).contains(&cpu.coverage()) && (busy - 1.0).abs() < 0.1 {
            Ok(())
        } else {
            Err(format!("{} ± {late}, busy for {busy}", cpu.coverage()))
        }
    });
    STOP.store(true, Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Prints the cost of a wall profile of many sleeping threads.
fn many_threads() {
    let handle = start();
    let threads: Vec<_> = (0..200).map(|_| named("idle", waits)).collect();
    until("threads to be known", || handle.snapshot().stacks.is_some_and(|stacks| stacks.threads > 200));
    let before = perf_sdk_tests::process_cpu();
    let profile = handle.wall_profile(Duration::from_secs(2), 99, "*").unwrap();
    let spent = perf_sdk_tests::process_cpu() - before;
    let wall = wall_of(&profile, |stack| stack.thread == "idle").0 / (200.0 * profile.window_ns as f64 / 1e9);
    println!(
        "{} threads, {} looks, {:.3} of their time, {:?} of CPU time",
        profile.threads, profile.samples, wall, spent
    );
    assert!((0.9..1.1).contains(&wall), "{wall}");
    *GATE.0.lock().unwrap() = true;
    GATE.1.notify_all();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
