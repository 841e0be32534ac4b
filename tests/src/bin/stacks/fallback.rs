//! The pprof crate as the sampler.

use std::ptr;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::snapshot::CpuProfile;

use super::resident::resident;
use super::{HANDLED, beside, beside_for, builder, burn, busy, cpu_ns, eventually, in_child, sampled, seconds, until};

const ON: &str = "on, pprof, but only while a profile is taken";
const HANDLED_BY_PROGRAM: &str = "the program handles the signal SIGPROF itself";

fn handler() -> libc::sighandler_t {
    // SAFETY: the place for the result is valid; the call changes nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGPROF, ptr::null(), &raw mut action), 0);
        action.sa_sigaction
    }
}

extern "C" fn handle(_: i32) {
    HANDLED.fetch_add(1, Relaxed);
}

fn handle_it() {
    let handler = (handle as extern "C" fn(i32) as *const ()).addr();
    // SAFETY: the handler only adds to an atomic.
    unsafe { libc::signal(libc::SIGPROF, handler) };
}

fn is_the_program_s() -> bool {
    let before = HANDLED.load(Relaxed);
    // SAFETY: the signal goes to this process, and is ignored or handled.
    unsafe { libc::raise(libc::SIGPROF) };
    HANDLED.load(Relaxed) == before + 1
}

/// Busy functions are in the profile, and its coverage is reported. Between two profiles nothing is
/// sampled.
pub(super) fn pprof_crate() {
    let handle = builder().stacks("pprof").start().unwrap();
    assert_eq!(handle.snapshot().profiler.stacks.to_string(), ON);
    assert!(handle.wall_profile(Duration::from_millis(1), 99, "*").is_none(), "it knows CPU time only");
    let (begun, before) = (Instant::now(), resident()[0]);
    handle.cpu_profile(Duration::from_millis(1), None).unwrap();
    println!("the first one took {:?} and {} KiB", begun.elapsed(), resident()[0].saturating_sub(before) >> 10);
    for (hz, threads) in [(99, 1), (99, 2), (1_000, 2)] {
        assert!([libc::SIG_DFL, libc::SIG_IGN].contains(&handler()), "no handler between two profiles");
        let before = handle.snapshot().stacks.unwrap();
        // On a loaded machine it takes longer.
        let mut time = seconds("SECONDS", 2) / 2;
        let take = || {
            time *= 2;
            beside_for(threads, time, || handle.cpu_profile(time, Some(hz)))
        };
        let profile = sampled(take, 100);
        println!(
            "{} at {hz} × {threads}: coverage {:.3}, {} samples, {} stacks, cut {}",
            profile.engine,
            profile.coverage(),
            profile.samples,
            profile.stacks.len(),
            profile.cut
        );
        assert_eq!((profile.engine.as_str(), profile.hz), ("pprof", hz));
        assert_eq!(
            profile.sampled_ns,
            profile.samples * (1_000_000_000 / u64::from(hz)),
            "each sample represents one period"
        );
        assert!(profile.coverage() > 0.0, "{} samples", profile.samples);
        let share = |ns: u64| ns as f64 / profile.sampled_ns as f64;
        let whole = cpu_ns(&profile, |path| {
            path.iter().any(|name| name.ends_with("stacks::spin")) && path.iter().any(|name| name.contains("busy"))
        });
        assert!(share(whole) > 0.9, "{}", share(whole));
        let is_of_the_handler = |name: &String| {
            ["perf_signal_handler", "backtrace::backtrace::", "pprof::"].iter().any(|own| name.contains(own))
        };
        assert_eq!(cpu_ns(&profile, |path| path.iter().any(is_of_the_handler)), 0);
        // Without optimisation, even an addition is a call.
        let near = cpu_ns(&profile, |path| path.iter().take(6).any(|name| name.ends_with("stacks::work")));
        assert!(share(near) > 0.8, "only the handler's own frames are left out: {}", share(near));
        assert!(profile.stacks.iter().all(|stack| stack.scope.is_empty()));
        let after = handle.snapshot().stacks.unwrap();
        assert!(after.engine == "pprof" && after.samples >= before.samples + profile.samples, "{after:?}");
    }
    let sampled = handle.snapshot().stacks.unwrap();
    burn(Duration::from_millis(100));
    assert_eq!(handle.snapshot().stacks.unwrap(), sampled, "on demand only");
    // Two profiles at the same time share samples; the second has those since its own beginning.
    let both = || {
        thread::scope(|scope| {
            let long = scope.spawn(|| handle.cpu_profile(Duration::from_millis(2_000), Some(250)).unwrap());
            thread::sleep(Duration::from_millis(500));
            let short = handle.cpu_profile(Duration::from_millis(500), Some(100)).unwrap();
            (long.join().unwrap(), short)
        })
    };
    let long = beside(1, || {
        eventually(|| {
            let (long, short) = both();
            println!("{} samples, {} of them in a part", long.samples, short.samples);
            let is_part = short.samples > 0 && long.samples > short.samples;
            if is_part { Ok(long) } else { Err(format!("{} of {}", short.samples, long.samples)) }
        })
    });
    assert_eq!(long.stacks.iter().map(|stack| stack.samples).sum::<u64>(), long.samples);
    in_child(|| {
        let own = builder().stacks("pprof").start().unwrap();
        own.snapshot().profiler.stacks.to_string() == "the pprof crate was in use before this process was forked"
    });
}

/// A handler of the program is never replaced, whether it was installed before or after the start.
pub(super) fn prof_taken() {
    handle_it();
    let ours = builder().stacks("pprof").start().unwrap();
    assert_eq!(ours.snapshot().profiler.stacks.to_string(), HANDLED_BY_PROGRAM);
    assert!(ours.cpu_profile(Duration::from_millis(50), None).is_none() && CpuProfile::take().is_none());
    assert!(is_the_program_s());
    drop(ours);
    // SAFETY: the handler is not needed any more.
    unsafe { libc::signal(libc::SIGPROF, libc::SIG_DFL) };
    let ours = builder().stacks("pprof").start().unwrap();
    assert_eq!(ours.snapshot().profiler.stacks.to_string(), ON);
    handle_it();
    assert!(ours.cpu_profile(Duration::from_millis(50), None).is_none());
    assert_eq!(ours.snapshot().profiler.stacks.to_string(), HANDLED_BY_PROGRAM);
    assert!(is_the_program_s());
}

/// If the program installs a handler during a profile, the profiler stops sending the signal after
/// its next check, and the handler stays.
pub(super) fn prof_taken_over() {
    let ours = builder().stacks("pprof").start().unwrap();
    let profile = beside(1, || {
        thread::scope(|scope| {
            let taken = scope.spawn(|| ours.cpu_profile(Duration::from_secs(4), None).unwrap());
            until("a profile to begin", || ![libc::SIG_DFL, libc::SIG_IGN].contains(&handler()));
            thread::sleep(Duration::from_millis(300));
            handle_it();
            until("it to be seen", || ours.snapshot().profiler.stacks.to_string() == HANDLED_BY_PROGRAM);
            thread::sleep(Duration::from_millis(300));
            let before = HANDLED.load(Relaxed);
            busy(Duration::from_millis(300));
            assert_eq!(HANDLED.load(Relaxed), before);
            assert!(is_the_program_s());
            taken.join().unwrap()
        })
    });
    assert!(profile.samples > 0 && profile.coverage() < 0.9, "{}", profile.coverage());
    assert_eq!(ours.snapshot().profiler.stacks.to_string(), HANDLED_BY_PROGRAM);
    assert!(is_the_program_s());
}
