//! Kernels that refuse system calls, as in containers.

use std::thread;
use std::time::Duration;

use perf_sdk::snapshot::CpuProfile;

use perf_sdk_tests::http::get;

use super::{STOP, Stops, beside, beside_for, builder, busy, in_child, sampled, seconds, start, until};

/// From now on these calls fail with `EPERM`, on all threads of the process. Returns `false` if
/// filters are not available.
fn refuse(calls: &[libc::c_long]) -> bool {
    filter(calls, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32)
}

fn filter(calls: &[libc::c_long], answer: u32) -> bool {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // The number of the system call is the first word of a filter's input.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for call in calls {
        let is_it = statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call as u32);
        filter.push(libc::sock_filter { jf: 1, ..is_it });
        filter.push(statement(libc::BPF_RET | libc::BPF_K, answer));
    }
    filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program lives until the kernel has copied it.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_TSYNC);
        libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program)
    };
    if refused != 0 {
        println!("SKIPPED: no system call filters: {}", std::io::Error::last_os_error());
    }
    refused == 0
}

/// Without perf events, CPU timers are used at any rate.
pub(super) fn seccomp_events() {
    if !refuse(&[libc::SYS_perf_event_open]) {
        return;
    }
    let forced = builder().stacks("perf-clock").start().unwrap();
    assert_eq!(forced.snapshot().profiler.stacks.to_string(), "the kernel refuses CPU timers and perf events");
    drop(forced);
    let handle = start();
    assert_eq!(handle.snapshot().profiler.stacks.to_string(), "on, cpu-timer");
    for hz in [99, 1_000] {
        let time = seconds("SECONDS", 2);
        let profile = sampled(|| beside_for(2, time, || handle.cpu_profile(time, Some(hz))), 21);
        println!("{} at {hz}: coverage {:.3}, {} refused", profile.engine, profile.coverage(), profile.refused);
        assert_eq!((profile.engine.as_str(), profile.refused, profile.dropped), ("cpu-timer", 0, 0));
        // A sample may be late by a period and a tick of the kernel, on each thread.
        let late = 2.0 * (1.0 / f64::from(hz) + 0.004) / (profile.process_ns as f64 / 1e9);
        assert!((0.85 - late..1.1 + late).contains(&profile.coverage()), "{} ± {late}", profile.coverage());
        assert_eq!(handle.snapshot().stacks.unwrap().engine, "cpu-timer");
    }
}

/// Without both, our own sampler reports that, and the pprof crate is used instead.
pub(super) fn seccomp_timers() {
    if !refuse(&[libc::SYS_perf_event_open, libc::SYS_timer_create]) {
        return;
    }
    for engine in ["cpu-timer", "perf-clock"] {
        let forced = builder().stacks(engine).start().unwrap();
        busy(Duration::from_millis(50));
        let snapshot = forced.snapshot();
        assert_eq!(snapshot.profiler.stacks.to_string(), "the kernel refuses CPU timers and perf events");
        assert!(snapshot.stacks.is_none() && CpuProfile::take().is_none());
    }
    let handle = start();
    assert_eq!(handle.snapshot().profiler.stacks.to_string(), "on, pprof, but only while a profile is taken");
    let profile = beside(1, || sampled(|| handle.cpu_profile(Duration::from_secs(1), None), 6));
    assert_eq!(profile.engine, "pprof");
}

/// A program restricts itself to the system calls that it needs after its start: any other call
/// kills the whole process. Threads that exist already are still sampled.
pub(super) fn seccomp_kills() {
    const FORBIDDEN: [libc::c_long; 19] = [
        libc::SYS_perf_event_open,
        libc::SYS_timer_create,
        libc::SYS_timer_settime,
        libc::SYS_timer_delete,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_tgkill,
        libc::SYS_openat,
        libc::SYS_open,
        libc::SYS_readlink,
        libc::SYS_getdents64,
        libc::SYS_getrusage,
        libc::SYS_prlimit64,
        libc::SYS_rt_sigaction,
        libc::SYS_unlink,
        libc::SYS_unlinkat,
        libc::SYS_stat,
        libc::SYS_fstat,
        libc::SYS_statx,
        libc::SYS_newfstatat,
    ];
    for few in [true, false] {
        in_child(|| {
            let handle = perf_sdk::builder().listen("127.0.0.1:0").report(false).leak_window("20ms").start().unwrap();
            let address = handle.address().unwrap();
            let worker = thread::Builder::new().name("worker".to_owned()).spawn(|| busy(Duration::MAX));
            until("samples", || handle.snapshot().stacks.is_some_and(|stacks| stacks.samples > 20));
            let forbidden = if few { &FORBIDDEN[..1] } else { &FORBIDDEN[..] };
            if !filter(forbidden, libc::SECCOMP_RET_KILL_PROCESS) {
                return true;
            }
            let before = handle.snapshot().stacks.map_or(0, |stacks| stacks.samples);
            let later = thread::spawn(|| busy(Duration::MAX));
            // Longer than the interval between two checks of the sampler.
            thread::sleep(Duration::from_secs(1));
            for page in [
                "/debug/pprof/profile?seconds=0.3&hz=1000",
                "/metrics",
                "/pages",
                "/api/v1/overview?status=on",
                "/debug/fgprof?seconds=0.2",
                "/debug/pprof/heap",
                "/debug/pprof/goroutine",
                "/debug/pprof/cmdline",
                "/snapshot",
                "/leaks",
                "/flamegraph?weight=cpu_samples&seconds=0.3",
            ] {
                let status = get(address, page).status;
                println!("{page}: {status}");
            }
            let snapshot = handle.snapshot();
            println!("{}", snapshot.profiler.stacks);
            assert!(snapshot.profiler.stacks.to_string().contains("seccomp"), "{}", snapshot.profiler.stacks);
            until("more samples", || handle.snapshot().stacks.is_some_and(|stacks| stacks.samples > before + 20));
            STOP.store(true, std::sync::atomic::Ordering::Relaxed);
            worker.unwrap().join().unwrap();
            later.join().unwrap();
            // The filter also applies to a child, which must avoid these calls too.
            in_child(|| true);
            drop(handle);
            true
        });
    }
}

/// A program with such a filter does not allow the calls of the pprof crate, so they are avoided,
/// before and within a profile.
pub(super) fn seccomp_kills_pprof() {
    const FORBIDDEN: [libc::c_long; 2] = [libc::SYS_setitimer, libc::SYS_rt_sigaction];
    for is_within in [false, true] {
        in_child(|| {
            let handle = builder().stacks("pprof").start().unwrap();
            let profile = || handle.cpu_profile(Duration::from_millis(500), None);
            let is_ours = thread::scope(|scope| {
                let within = is_within.then(|| scope.spawn(profile));
                if is_within {
                    until("samples", || {
                        busy(Duration::from_millis(50));
                        CpuProfile::take().is_some_and(|profile| profile.samples > 0)
                    });
                }
                let is_ours = filter(&FORBIDDEN, libc::SECCOMP_RET_KILL_PROCESS);
                drop(within.map(|profile| profile.join().unwrap()));
                is_ours
            });
            if is_ours {
                assert!(profile().is_none());
                assert!(handle.snapshot().profiler.stacks.to_string().contains("seccomp"));
            }
            drop(handle);
            true
        });
    }
}

/// Threads that start after both calls were forbidden are not sampled, and the coverage shows that.
/// Earlier threads are still sampled.
pub(super) fn seccomp_later() {
    const LATER: u64 = 20;
    let handle = start();
    thread::scope(|scope| {
        scope.spawn(|| busy(Duration::MAX));
        let _stops = Stops(&STOP, true);
        until("samples", || handle.snapshot().stacks.is_some_and(|stacks| stacks.samples > 2));
        if !refuse(&[libc::SYS_perf_event_open, libc::SYS_timer_create]) {
            return;
        }
        let profile = beside(LATER as usize, || {
            until("the filter to be seen", || handle.snapshot().profiler.stacks.to_string().contains("seccomp"));
            sampled(|| handle.cpu_profile(Duration::from_secs(2), None), 1)
        });
        println!("coverage {:.3}, {} refused, {} samples", profile.coverage(), profile.refused, profile.samples);
        assert!(profile.samples > 0 && profile.coverage() < 0.5, "{}", profile.coverage());
    });
}
