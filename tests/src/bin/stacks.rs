//! Scenarios of stack samples, one in each process: `stacks NAME`.

#[path = "stacks/atfork.rs"]
mod atfork;
#[path = "stacks/fallback.rs"]
mod fallback;
#[path = "stacks/forks.rs"]
mod forks;
#[path = "stacks/hazards.rs"]
mod hazards;
#[path = "stacks/memory.rs"]
mod memory;
#[path = "stacks/resident.rs"]
mod resident;
#[path = "stacks/robust.rs"]
mod robust;
#[path = "stacks/rootless.rs"]
mod rootless;
#[path = "stacks/seccomp.rs"]
mod seccomp;

use std::hint::black_box;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::snapshot::{Address, CpuProfile, HeapStacks, SampledStack};
use perf_sdk::{Builder, Handle, profiled};
use perf_sdk_tests::{eventually, exit_now, fork, function, process_cpu, thread_cpu, thread_id, until, wait_for};

#[global_allocator]
static ALLOCATOR: perf_sdk::Alloc = perf_sdk::Alloc::new();

static STOP: AtomicBool = AtomicBool::new(false);

fn main() {
    let scenarios: &[(&str, fn())] = &[
        ("coverage", coverage),
        ("attribution", attribution),
        ("stripped", stripped),
        ("nameless_futures", nameless_futures),
        ("scopes", scopes),
        ("taken_signal", taken_signal),
        ("taken_over", taken_over),
        ("pending_signals", pending_signals),
        ("no_pending_signals", no_pending_signals),
        ("descriptors", descriptors),
        ("bursts", bursts),
        ("seccomp_events", seccomp::seccomp_events),
        ("seccomp_timers", seccomp::seccomp_timers),
        ("seccomp_later", seccomp::seccomp_later),
        ("robust", robust::robust),
        ("forks", forks::forks),
        ("fork_handlers", atfork::fork_handlers),
        ("two_forks", atfork::two_forks),
        ("child_s_own_descriptors", atfork::child_s_own_descriptors),
        ("seccomp_kills", seccomp::seccomp_kills),
        ("seccomp_kills_pprof", seccomp::seccomp_kills_pprof),
        ("no_memory", hazards::no_memory),
        ("little_stack", hazards::little_stack),
        ("small_alternate", hazards::small_alternate),
        ("overflow", hazards::overflow),
        #[cfg(target_arch = "x86_64")]
        ("hole", hazards::hole),
        ("waits_for_signals", hazards::waits_for_signals),
        ("resident", resident::resident_memory),
        ("pprof_crate", fallback::pprof_crate),
        ("prof_taken", fallback::prof_taken),
        ("prof_taken_over", fallback::prof_taken_over),
        ("forked", forked),
        ("forked_account", memory::forked_account),
        ("little_memory", memory::little_memory),
        ("restarts", restarts),
        ("heap_stacks", heap_stacks),
        ("off", off),
        ("probe", probe),
        ("deep", deep),
        ("serve", serve),
        ("quiet", quiet),
        ("switches", switches),
        ("no_proc", rootless::no_proc),
        ("changed_root", rootless::changed_root),
    ];
    let name = std::env::args().nth(1).unwrap_or_default();
    let (_, scenario) = scenarios.iter().find(|(known, _)| *known == name).expect("a scenario");
    scenario();
}

fn builder() -> Builder {
    perf_sdk::builder().listen("off").report(false).budget("off")
}

fn start() -> Handle {
    builder().start().unwrap()
}

#[inline(never)]
fn work(mut sum: u64) -> u64 {
    for n in 0..2_000_u64 {
        sum = black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n));
    }
    sum
}

#[inline(never)]
fn spin(time: Duration) -> u64 {
    let (start, mut sum) = (Instant::now(), 1_u64);
    while start.elapsed() < time && !STOP.load(Relaxed) {
        sum = work(sum);
    }
    sum
}

#[profiled]
fn busy(time: Duration) -> u64 {
    spin(time)
}

/// Calls `busy` until the process has used this much CPU time, however loaded the machine is.
fn burn(cpu: Duration) {
    let start = process_cpu();
    while process_cpu() - start < cpu {
        busy(Duration::from_millis(5));
    }
}

/// Runs `capture` while `threads` are busy.
fn beside<T>(threads: usize, capture: impl FnOnce() -> T) -> T {
    STOP.store(false, Relaxed);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| busy(Duration::MAX));
        }
        let _stops = Stops(&STOP, true);
        until_known(|| thread::sleep(Duration::from_millis(100)));
        capture()
    })
}

/// As [`beside`], but the threads are busy for `time` only: names are looked up without them.
fn beside_for<T>(threads: usize, time: Duration, capture: impl FnOnce() -> T) -> T {
    beside(threads, || {
        thread::scope(|scope| {
            scope.spawn(|| stop_after(time));
            capture()
        })
    })
}

/// Stops busy threads when a profile that begins about now has ended, and looks names up.
fn stop_after(time: Duration) {
    thread::sleep(time + Duration::from_millis(200));
    STOP.store(true, Relaxed);
}

/// Waits until the stacks of busy threads are known, and calls `meanwhile` in between. The first
/// samples of a thread report where its stack is.
fn until_known(meanwhile: impl Fn()) {
    meanwhile();
    let stacks = || perf_sdk::snapshot().stacks;
    let Some(mut before) = stacks().filter(|stacks| stacks.engine != "pprof") else { return };
    until("stacks of threads to be known", || {
        meanwhile();
        let Some(now) = stacks() else { return true };
        let (samples, leaves) = (now.samples - before.samples, now.leaf_only - before.leaf_only);
        if samples < 10 {
            return false;
        }
        before = now;
        leaves <= samples / 10
    });
}

/// Sets the flag when it drops, so that threads that wait for it end, even if a scenario fails.
struct Stops<'a>(&'a AtomicBool, bool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, Relaxed);
    }
}

fn samples(handle: &Handle) -> u64 {
    handle.snapshot().stacks.map_or(0, |stacks| stacks.samples)
}

/// Runs `what` in a forked child, and checks that it returns true there.
fn in_child(what: impl FnOnce() -> bool) {
    let child = fork();
    if child == 0 {
        exit_now(if what() { 0 } else { 1 });
    }
    assert_eq!(wait_for(child), 0);
}

/// Names at an address, innermost first.
fn names(profile: &CpuProfile, address: u32) -> Vec<String> {
    let address: &Address = &profile.code.addresses[address as usize];
    let names: Vec<String> = address.lines.iter().map(|line| line.function.clone()).collect();
    if names.is_empty() { vec![profile.code.place(address)] } else { names }
}

fn path(profile: &CpuProfile, stack: &SampledStack) -> Vec<String> {
    stack.addresses.iter().flat_map(|address| names(profile, *address)).collect()
}

/// The CPU time of stacks that match `is_meant`.
fn cpu_ns(profile: &CpuProfile, is_meant: impl Fn(&[String]) -> bool) -> u64 {
    profile.stacks.iter().filter(|stack| is_meant(&path(profile, stack))).map(|stack| stack.time_ns).sum()
}

fn seconds(name: &str, otherwise: u64) -> Duration {
    let asked = std::env::var(name).ok().and_then(|text| text.parse().ok());
    Duration::from_secs(asked.unwrap_or(otherwise))
}

/// Number of context switches of this process's threads.
fn switches_so_far() -> u64 {
    // SAFETY: `getrusage` writes the structure, whose fields are all integers.
    let usage: libc::rusage = unsafe {
        let mut usage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    (usage.ru_nvcsw + usage.ru_nivcsw) as u64
}

/// Samples represent the CPU time that was used, at any rate and for any number of threads. Prints
/// one line for each case.
fn coverage() {
    let handle = start();
    let rates = [(99, 2), (1_000, 1), (1_000, 2), (250, 8), (1_000, 8)];
    for (hz, threads) in rates {
        // In half a second of CPU time, the profiler's own CPU time is a small part.
        let mut time = seconds("SECONDS", 1);
        let mut take = || {
            eventually(|| {
                let (profile, switches) = beside_for(threads, time, || {
                    let before = switches_so_far();
                    let profile = handle.cpu_profile(time, Some(hz)).unwrap();
                    (profile, switches_so_far() - before)
                });
                time *= 2;
                let used = Duration::from_nanos(profile.process_ns);
                let is_enough = used >= Duration::from_millis(500);
                if is_enough { Ok((profile, switches)) } else { Err(format!("{used:?} of CPU time")) }
            })
        };
        let wanted = |profile: &CpuProfile| profile.process_ns as f64 / 1e9 * f64::from(hz);
        let has_all = |profile: &CpuProfile| {
            let taken = profile.samples as f64 + 2.0 * threads as f64;
            profile.engine != "perf-clock" || taken > wanted(profile) * 0.95
        };
        // A sample may be late by a period and a tick of the kernel, on each thread. In addition,
        // the profiler's own threads are not sampled.
        let late =
            |profile: &CpuProfile| threads as f64 * (1.0 / f64::from(hz) + 0.004) / (profile.process_ns as f64 / 1e9);
        // In a virtual machine, perf's clock counts 14 µs at each context switch that the scheduler
        // does not count.
        let of_switches = |profile: &CpuProfile, switches: u64| match profile.engine.as_str() {
            "perf-clock" => switches as f64 * 25_000.0 / profile.process_ns as f64,
            _ => 0.0,
        };
        let stands_for_all = |profile: &CpuProfile, switches: u64| {
            let (late, more) = (late(profile), of_switches(profile, switches));
            (0.95 - late..1.03 + late + more).contains(&profile.coverage())
        };
        let (mut profile, mut switches) = take();
        // When a hypervisor takes the processor away, several samples are merged into one.
        for _ in 0..3 {
            if !has_all(&profile) {
                println!("{} samples of {:.0}: repeated", profile.samples, wanted(&profile));
                (profile, switches) = take();
            }
        }
        // Where others take it, the kernel lets CPU timers wait, also beyond the end of the
        // profile. Each attempt takes twice as long, so that this is a smaller part of it.
        for _ in 0..4 {
            if profile.engine == "cpu-timer" && !stands_for_all(&profile, switches) {
                println!("coverage {}: repeated", profile.coverage());
                (profile, switches) = take();
            }
        }
        assert!(has_all(&profile), "{} of {:.0}", profile.samples, wanted(&profile));
        assert!(stands_for_all(&profile, switches), "{} after {switches} switches", profile.coverage());
        let wanted = wanted(&profile);
        println!(
            "{} at {hz} × {threads}: coverage {:.4}, {switches} switches, {} samples of {wanted:.0}, cut {}, leaf only {}, dropped {}, handler {} ns in the median, {:?}",
            profile.engine,
            profile.coverage(),
            profile.samples,
            profile.cut,
            profile.leaf_only,
            profile.dropped,
            profile.handler_median_ns,
            profile.phases,
        );
        assert_eq!((profile.dropped, profile.hz), (0, hz));
        let whole = cpu_ns(&profile, |path| {
            path.iter().any(|name| name.ends_with("stacks::spin"))
                && path.iter().any(|name| name.contains("thread_start"))
        });
        assert!(whole as f64 > profile.sampled_ns as f64 * 0.9, "{whole} of {}", profile.sampled_ns);
    }
}

#[inline(always)]
fn quarter(sum: u64, steps: u64) -> u64 {
    let mut sum = sum;
    for n in 0..steps {
        sum = black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n));
    }
    sum
}

#[inline(always)]
fn three_quarters(sum: u64, steps: u64) -> u64 {
    let mut sum = sum;
    for n in 0..3 * steps {
        sum = black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n));
    }
    sum
}

#[inline(never)]
fn both(mut sum: u64, steps: u64) -> u64 {
    sum = quarter(sum, steps);
    three_quarters(sum, steps)
}

#[inline(never)]
fn split() -> u64 {
    let (mut sum, mut random) = (1, 0x9e37_79b9_7f4a_7c15_u64);
    while !STOP.load(Relaxed) {
        // Rounds of equal length would run in step with the samples.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        sum = both(sum, 500 + random % 1_000);
    }
    sum
}

/// A profile of at least this much CPU time.
fn split_profile(least: Duration) -> CpuProfile {
    let handle = start();
    let mut time = least * 5 / 4;
    eventually(|| {
        STOP.store(false, Relaxed);
        let profile = thread::scope(|scope| {
            let _stops = Stops(&STOP, true);
            scope.spawn(|| black_box(split()));
            until_known(|| thread::sleep(Duration::from_millis(100)));
            scope.spawn(|| stop_after(time));
            handle.cpu_profile(time, Some(4_000)).unwrap()
        });
        // On a loaded machine it takes longer.
        time *= 2;
        let used = Duration::from_nanos(profile.process_ns);
        if used > least { Ok(profile) } else { Err(format!("{used:?} of CPU time")) }
    })
}

/// Two inlined callees get their correct shares, and the innermost function is never missing.
fn attribution() {
    let profile = split_profile(Duration::from_secs(1));
    let of =
        |name: &str| cpu_ns(&profile, |path| path.iter().any(|part| part.rsplit("::").next() == Some(name))) as f64;
    let (small, large) = (of("quarter"), of("three_quarters"));
    println!("{} samples: {:.1} %", profile.samples, 100.0 * small / (small + large));
    if profile.engine == "perf-clock" {
        assert!(profile.samples >= 2_000, "{}", profile.samples);
    }
    let share = small / (small + large);
    // Timers are checked only at the ticks of the kernel, so there are few samples. The tolerance
    // is four standard errors.
    let few = 4.0 * (0.25 * 0.75 / profile.samples as f64).sqrt();
    let allowed = if profile.samples >= 2_000 { 0.03 } else { few };
    assert!((share - 0.25).abs() <= allowed, "{share}");
    let outside = profile.sampled_ns as f64 - small - large;
    assert!(outside < profile.sampled_ns as f64 * 0.1, "{outside} of {}", profile.sampled_ns);
}

/// Prints which share of the CPU time is found by the names of the functions, and which by a place
/// in a module.
fn stripped() {
    let profile = split_profile(Duration::from_millis(400));
    let known = cpu_ns(&profile, |path| path.iter().any(|part| part.ends_with("three_quarters")));
    let placed = cpu_ns(&profile, |path| path.iter().any(|part| part.starts_with("stripped") && part.contains("+0x")));
    let share = |ns: u64| ns as f64 / profile.sampled_ns as f64;
    println!("{:.2} {:.2} {}", share(known), share(placed), profile.stacks.len());
}

#[profiled]
async fn outer_future() -> u64 {
    inner_future().await + 1
}

#[profiled]
async fn inner_future() -> u64 {
    spin_cpu(Duration::from_millis(400))
}

/// Prints which share of the CPU time is in named futures (the outer above the inner), and which is
/// in the wrapper that measures futures.
fn nameless_futures() {
    let handle = start();
    let profile = thread::scope(|scope| {
        let _stops = Stops(&STOP, true);
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            while !STOP.load(Relaxed) {
                black_box(runtime.block_on(outer_future()));
            }
        });
        until_known(|| thread::sleep(Duration::from_millis(100)));
        let mut time = Duration::from_secs(1);
        eventually(|| {
            let profile = handle.cpu_profile(time, Some(1_000)).unwrap();
            time *= 2;
            let used = Duration::from_nanos(profile.process_ns);
            if used > Duration::from_millis(500) { Ok(profile) } else { Err(format!("{used:?} of CPU time")) }
        })
    });
    // From the innermost frame outwards.
    let named = cpu_ns(&profile, |path| {
        let at = |name: &str| path.iter().position(|part| part == name);
        let (inner, outer) = (at("stacks::inner_future"), at("stacks::outer_future"));
        inner.zip(outer).is_some_and(|(inner, outer)| inner < outer)
    });
    let nameless = cpu_ns(&profile, |path| path.iter().any(|part| part.contains("Profiled<")));
    let share = |ns: u64| ns as f64 / profile.sampled_ns as f64;
    println!("{:.2} {:.2}", share(named), share(nameless));
}

/// Uses this much CPU time, however loaded the machine is.
#[inline(never)]
fn spin_cpu(cpu: Duration) -> u64 {
    let (start, mut sum) = (thread_cpu(), 1_u64);
    while thread_cpu() - start < cpu {
        sum = work(sum);
    }
    sum
}

#[profiled]
async fn asynchronous() -> u64 {
    let first = spin_cpu(Duration::from_millis(300));
    tokio::task::yield_now().await;
    first.wrapping_add(spin_cpu(Duration::from_millis(300)))
}

/// Samples have the profiled function in which they were taken, also across awaits. Their CPU time
/// agrees with the exact CPU time of that function.
fn scopes() {
    let handle = start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let work = || {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(asynchronous())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        burn(Duration::from_millis(800));
    };
    // The sampler first has to find the threads, which takes longer on a loaded machine.
    let (mut sampled_before, mut exact_before) = ([0.0; 2], [0.0; 2]);
    eventually(|| {
        work();
        // Waits for samples that are due.
        thread::sleep(Duration::from_millis(400));
        let profile = CpuProfile::take().unwrap();
        let of = |name: &str| -> u64 {
            let is_in = |stack: &&SampledStack| stack.scope.last().is_some_and(|scope| scope.name == name);
            profile.stacks.iter().filter(is_in).map(|stack| stack.time_ns).sum()
        };
        let snapshot = handle.snapshot();
        for (at, name) in ["asynchronous", "busy"].into_iter().enumerate() {
            let (sampled, exact) = (of(name) as f64, function(&snapshot, name).exclusive.cpu_ns as f64);
            let ratio = (sampled - sampled_before[at]) / (exact - exact_before[at]);
            (sampled_before[at], exact_before[at]) = (sampled, exact);
            println!("{name}: {ratio}, {sampled} of {exact} in all");
            if !(0.75..1.25).contains(&ratio) {
                return Err(format!("{name}: {ratio}, {sampled} sampled, {exact} exact in all"));
            }
            let beside = function(&snapshot, name);
            assert!(beside.stack_samples > 20 && beside.sampled_cpu_ns as f64 >= sampled, "{beside:?}");
        }
        let threads: Vec<&str> = profile.stacks.iter().map(|stack| stack.thread.as_str()).collect();
        assert!(threads.contains(&"tokio-rt-worker") && threads.contains(&"stacks"), "{threads:?}");
        let sampling = snapshot.stacks.unwrap();
        assert_eq!(sampling.refused, 0, "{sampling:?}");
        let coverage = sampling.coverage().unwrap();
        if coverage > 0.85 { Ok(()) } else { Err(format!("{sampling:?}")) }
    });
}

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handle_urgent(_: i32) {
    HANDLED.fetch_add(1, Relaxed);
}

fn take_signal() {
    let handler = (handle_urgent as extern "C" fn(i32) as *const ()).addr();
    // SAFETY: the handler only adds to an atomic.
    unsafe { libc::signal(libc::SIGURG, handler) };
}

/// A program that handles the signal keeps its handler.
fn taken_signal() {
    take_signal();
    let handle = start();
    busy(Duration::from_millis(300));
    assert_eq!(handle.snapshot().profiler.stacks.to_string(), "the program handles the signal SIGURG itself");
    assert!(CpuProfile::take().is_none() && handle.snapshot().stacks.is_none());
    assert_eq!(HANDLED.load(Relaxed), 0);
    // SAFETY: the signal goes to this process, which handles it.
    unsafe { libc::raise(libc::SIGURG) };
    assert_eq!(HANDLED.load(Relaxed), 1);
}

/// If a program installs a handler later, the profiler stops sending this signal after its next
/// check.
fn taken_over() {
    let handle = start();
    until("samples", || {
        busy(Duration::from_millis(60));
        CpuProfile::take().unwrap().samples > 0
    });
    take_signal();
    let is_told = || handle.snapshot().profiler.stacks.to_string() == "the program took over the signal SIGURG";
    until("the sampler to see it", is_told);
    thread::sleep(Duration::from_millis(100));
    let handled = HANDLED.load(Relaxed);
    busy(Duration::from_millis(300));
    assert_eq!(HANDLED.load(Relaxed), handled, "no timer of ours calls the program's handler");
}

fn limit(resource: libc::__rlimit_resource_t, most: u64) {
    limit_for_now(resource, most, most);
}

/// `hard` is the maximum to which the limit can be raised again.
fn limit_for_now(resource: libc::__rlimit_resource_t, most: u64, hard: u64) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: hard };
    // SAFETY: the limit is valid.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
}

/// The first profile with at least this number of samples. On a loaded machine, a thread may hardly
/// run during a profile.
fn sampled(mut take: impl FnMut() -> Option<CpuProfile>, samples: u64) -> CpuProfile {
    eventually(|| {
        let profile = take().expect("stacks are sampled");
        if profile.samples >= samples { Ok(profile) } else { Err(format!("{} samples", profile.samples)) }
    })
}

/// More threads than timers: as many as possible are sampled, and the number of the others is
/// reported.
fn pending_signals() {
    limit(libc::RLIMIT_SIGPENDING, 64);
    let handle = builder().stacks("cpu-timer").start().unwrap();
    let profile = thread::scope(|scope| {
        let _stops = Stops(&STOP, true);
        for _ in 0..100 {
            // They use half a processor in total, because other tests run at the same time.
            scope.spawn(|| {
                while !STOP.load(Relaxed) {
                    busy(Duration::from_millis(1));
                    thread::sleep(Duration::from_millis(200));
                }
            });
        }
        until("threads to be counted", || handle.snapshot().stacks.is_some_and(|stacks| stacks.refused >= 36));
        sampled(|| handle.cpu_profile(Duration::from_secs(2), None), 1)
    });
    assert!(profile.refused >= 36 && profile.samples > 0, "{} refused, {} samples", profile.refused, profile.samples);
    assert!(profile.threads + profile.refused > 100 && profile.coverage() < 0.9, "{}", profile.coverage());
}

/// At first, other processes of this user hold all timers that the limit allows. Then these
/// processes end.
fn no_pending_signals() {
    const ENOUGH: u64 = 10_000;
    limit_for_now(libc::RLIMIT_SIGPENDING, 0, ENOUGH);
    let handle = builder().stacks("cpu-timer").start().unwrap();
    until("threads to be counted", || handle.snapshot().stacks.is_some_and(|stacks| stacks.refused > 0));
    limit_for_now(libc::RLIMIT_SIGPENDING, ENOUGH, ENOUGH);
    until("samples", || {
        burn(Duration::from_millis(100));
        handle.snapshot().stacks.is_some_and(|stacks| stacks.samples > 0)
    });
}

/// perf's clock samples threads that run for long between two switches, and timers those that do
/// not. Either sees all of the CPU time.
fn bursts() {
    let forced = builder().stacks("perf-clock").start().unwrap();
    if !forced.snapshot().profiler.stacks.to_string().contains("on") {
        return println!("SKIPPED: perf events are not allowed");
    }
    drop(forced);
    let handle = start();
    let stacks = || handle.snapshot().stacks.unwrap();
    assert_eq!(stacks().engine, "cpu-timer");
    let for_long = || {
        until("perf's clock", || {
            burn(Duration::from_millis(100));
            stacks().engine == "perf-clock"
        });
        let before = stacks();
        burn(Duration::from_secs(1));
        until("samples", || {
            burn(Duration::from_millis(100));
            let after = stacks();
            let [sampled, ran] = [after.sampled_ns - before.sampled_ns, after.process_ns - before.process_ns];
            (0.9..1.1).contains(&(sampled as f64 / ran as f64)) && after.engine == "perf-clock"
        });
    };
    for_long();
    let (send, receive) = std::sync::mpsc::sync_channel::<()>(0);
    let (answer, answered) = std::sync::mpsc::sync_channel::<()>(0);
    let other = thread::spawn(move || receive.iter().try_for_each(|()| answer.send(())));
    until("timers", || {
        let start = process_cpu();
        while process_cpu() - start < Duration::from_millis(50) {
            send.send(()).unwrap();
            answered.recv().unwrap();
        }
        stacks().engine == "cpu-timer"
    });
    drop(send);
    other.join().unwrap().unwrap();
    for_long();
}

/// The perf events sampler keeps no descriptor open.
fn descriptors() {
    limit(libc::RLIMIT_NOFILE, 256);
    let handle = start();
    let profile = thread::scope(|scope| {
        for _ in 0..300 {
            scope.spawn(|| {
                busy(Duration::from_millis(1));
                while !STOP.load(Relaxed) {
                    thread::sleep(Duration::from_millis(50));
                }
            });
        }
        beside(2, || {
            until("threads to be sampled", || handle.snapshot().stacks.is_some_and(|stacks| stacks.threads >= 300));
            sampled(|| handle.cpu_profile(Duration::from_secs(1), Some(1_000)), 1)
        })
    });
    println!("{}: {} threads, {} refused", profile.engine, profile.threads, profile.refused);
    assert!(profile.threads >= 300 && profile.refused == 0 && profile.samples > 0, "{}", profile.threads);
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 64, "{open} descriptors");
}

/// A forked child gets no signals of the parent's sampler, and can have its own sampler. The
/// parent's sampler goes on.
fn forked() {
    let handle = start();
    burn(Duration::from_millis(300));
    in_child(|| {
        let own = start();
        until("samples in the child", || {
            burn(Duration::from_millis(100));
            CpuProfile::take().is_some_and(|profile| profile.samples > 10 && profile.threads >= 1)
        });
        drop(own);
        true
    });
    let before = CpuProfile::take().unwrap().samples;
    until("samples in the parent", || {
        burn(Duration::from_millis(100));
        CpuProfile::take().unwrap().samples > before + 10
    });
    drop(handle);
}

/// The profiler can be started and stopped repeatedly.
fn restarts() {
    for round in 0..20 {
        let handle = start();
        until(&format!("samples in round {round}"), || {
            busy(Duration::from_millis(60));
            CpuProfile::take().unwrap().samples > 2
        });
        drop(handle);
        assert!(CpuProfile::take().is_none());
        busy(Duration::from_millis(20));
    }
}

#[inline(never)]
fn keep_small() -> Vec<Vec<u8>> {
    // `black_box` is not a tail call here: that would replace this function's frame on the stack.
    black_box((0..500).map(|_| vec![1; 8 << 10]).collect())
}

#[inline(never)]
fn keep_large() -> Vec<Vec<u8>> {
    black_box((0..100).map(|_| vec![1; 64 << 10]).collect())
}

#[profiled]
fn keep() -> [Vec<Vec<u8>>; 2] {
    [keep_small(), keep_large()]
}

/// The live heap of one profiled function, divided among the functions that it calls.
fn heap_stacks() {
    // Without a budget, which would reduce the number of samples on a loaded machine.
    let handle = builder().heap("4KiB").budget("off").start().unwrap();
    // Waits until this thread's stack is known.
    until_known(|| burn(Duration::from_millis(100)));
    let kept = keep();
    let stacks = HeapStacks::take().unwrap();
    let held = |function: &str| -> u64 {
        let is_within = |addresses: &[u32]| {
            let lines = addresses.iter().flat_map(|address| &stacks.code.addresses[*address as usize].lines);
            lines.into_iter().any(|line| line.function.ends_with(function))
        };
        let within = stacks.stacks.iter().filter(|stack| is_within(&stack.addresses));
        let within = within.filter(|stack| stack.scope.last().is_some_and(|scope| scope.name == "keep"));
        within.map(|stack| stack.live.bytes).sum()
    };
    let expected = [("keep_small", 500 * (8_u64 << 10)), ("keep_large", 100 * (64_u64 << 10))];
    for (name, bytes) in expected {
        let seen = held(name);
        println!("{name}: {seen} of {bytes}");
        assert!((seen as f64 / bytes as f64 - 1.0).abs() < 0.3, "{name}: {seen} of {bytes}");
    }
    let innermost = stacks.stacks.iter().filter_map(|stack| stack.addresses.first());
    for address in innermost {
        let lines = &stacks.code.addresses[*address as usize].lines;
        assert!(!lines.last().is_some_and(|line| line.function.contains("perf_sdk::memory")), "{lines:?}");
    }
    let everything = handle.snapshot().heap.unwrap();
    drop(kept);
    let after = HeapStacks::take().unwrap();
    let still: u64 =
        after.stacks.iter().filter(|s| s.scope.last().is_some_and(|s| s.name == "keep")).map(|s| s.live.bytes).sum();
    assert!(still < 1 << 20, "{still} of {everything:?}");
}

/// With `stacks` off there are no profiles.
fn off() {
    let handle = builder().stacks("off").start().unwrap();
    busy(Duration::from_millis(200));
    assert!(handle.cpu_profile(Duration::from_millis(10), None).is_none() && CpuProfile::take().is_none());
    assert_eq!(handle.snapshot().profiler.stacks.to_string(), "off");
}

/// Serves the endpoint beside a busy thread, until standard input ends.
fn serve() {
    let handle = perf_sdk::builder().listen("127.0.0.1:0").report(false).start().unwrap();
    println!("{}", handle.address().unwrap());
    beside(1, || std::io::stdin().read_to_end(&mut Vec::new()).unwrap());
}

#[inline(never)]
fn descend(depth: u32, time: Duration) -> u64 {
    if depth == 0 { black_box(spin(time)) } else { black_box(descend(depth - 1, time)) }
}

/// Prints the cost of the start, and the median cost of a signal handler with 70 frames on the
/// stack.
fn deep() {
    let began = Instant::now();
    let handle = start();
    println!("started in {:?}", began.elapsed());
    for hz in [99, 1_000] {
        let profile = thread::scope(|scope| {
            scope.spawn(|| descend(64, Duration::from_secs(4)));
            thread::sleep(Duration::from_millis(300));
            handle.cpu_profile(Duration::from_secs(3), Some(hz)).unwrap()
        });
        let frames = profile.stacks.iter().max_by_key(|stack| stack.samples).map_or(0, |stack| stack.addresses.len());
        let each_ns = profile.handler_ns as f64 / profile.samples as f64;
        println!(
            "{} at {hz}: {frames} frames, {} ns in the median, {each_ns:.0} ns on average with the way there and back",
            profile.engine, profile.handler_median_ns
        );
        assert!(frames >= 70 && profile.cut == 0, "{frames} frames");
    }
}

/// Prints whether stacks are sampled here.
fn probe() {
    println!("{}", start().snapshot().profiler.stacks);
}

/// Prints its thread's id before and after it computes. The lines mark the time between the begin
/// and the end of a call.
#[profiled]
fn marked() {
    let thread = thread_id();
    println!("{thread}");
    spin(Duration::MAX);
    println!("{thread}");
}

/// Whether a tracer is attached to this thread of the process.
fn is_traced(thread: i32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("TracerPid:")).is_some_and(|tracer| tracer.trim() != "0")
}

/// A thread that only computes. It prints its id, and begins when a tracer is attached to it.
fn quiet() {
    // SAFETY: it only allows other processes to trace this one, where they have to be its parents.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::c_ulong::MAX) };
    let handle = start();
    thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            // The first call waits for the first calls of other threads, and allocates.
            busy(Duration::ZERO);
            tell.send(thread_id()).unwrap();
            if goes_on.recv().is_ok() {
                marked();
            }
        });
        let _stops = Stops(&STOP, true);
        let thread: i32 = told.recv().unwrap();
        println!("{thread}");
        until("a tracer", || is_traced(thread));
        go_on.send(()).unwrap();
        until("samples", || handle.snapshot().stacks.is_some_and(|stacks| stacks.samples >= 40));
        sampled(|| handle.cpu_profile(Duration::from_millis(700), None), 1);
    });
}

/// Prints the cost of a switch to another thread and back.
fn switches() {
    const ROUNDS: u32 = 20_000;
    let _handle = start();
    let (send, receive) = std::sync::mpsc::channel::<()>();
    let (answer, answered) = std::sync::mpsc::channel::<()>();
    let other = thread::spawn(move || {
        busy(Duration::ZERO);
        receive.iter().try_for_each(|()| answer.send(()))
    });
    busy(Duration::ZERO);
    thread::sleep(Duration::from_millis(600));
    let start = process_cpu();
    for _ in 0..ROUNDS {
        send.send(()).unwrap();
        answered.recv().unwrap();
    }
    println!("{:.2} µs", (process_cpu() - start).as_nanos() as f64 / 1e3 / f64::from(ROUNDS));
    drop(send);
    other.join().unwrap().unwrap();
}
