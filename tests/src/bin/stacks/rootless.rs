//! `/proc` does not exist, or disappears.

use std::thread;
use std::time::Duration;

use perf_sdk::snapshot::CpuProfile;
use perf_sdk_tests::{change_root, process_cpu, until, without_proc};

use super::{STOP, Stops, path, samples, spin, start};

/// The state is not a plain "on".
pub(crate) fn no_proc() {
    if !without_proc() {
        return;
    }
    let handle = start();
    let state = || handle.snapshot().profiler.stacks.to_string();
    assert!(state().contains("but new threads cannot be found, since /proc/self/task"), "{}", state());
    let before = process_cpu();
    spin(Duration::from_millis(100));
    thread::scope(|scope| {
        let _stops = Stops(&STOP, true);
        scope.spawn(|| spin(Duration::MAX));
        scope.spawn(|| spin(Duration::MAX));
        until("a state that says what is missing", || {
            thread::sleep(Duration::from_millis(100));
            state().contains("nothing was seen for")
        });
    });
    let ran = process_cpu() - before;
    assert!(ran >= Duration::from_secs(9), "after {ran:?} already");
    assert_eq!(CpuProfile::take().unwrap().samples, 0);
    println!("{}", state());
}

/// After the program has changed its root, samples still have names. The state says what is no
/// longer sampled.
pub(crate) fn changed_root() {
    let handle = start();
    thread::scope(|scope| {
        let _stops = Stops(&STOP, true);
        thread::Builder::new().name("earlier".into()).spawn_scoped(scope, || spin(Duration::MAX)).unwrap();
        until("samples", || {
            thread::sleep(Duration::from_millis(50));
            samples(&handle) >= 5
        });
        if !change_root(&std::env::temp_dir()) {
            return;
        }
        assert!(!std::path::Path::new("/proc/self").exists());
        let named = |profile: &CpuProfile| {
            let is_named = |names: &[String]| names.iter().any(|name| name.ends_with("::spin"));
            let of = profile.stacks.iter().filter(|stack| stack.thread == "earlier");
            of.filter(|stack| is_named(&path(profile, stack))).map(|stack| stack.samples).sum::<u64>()
        };
        let before = samples(&handle);
        until("samples with names, and a state that mentions new threads", || {
            thread::sleep(Duration::from_millis(50));
            let is_said = handle.snapshot().profiler.stacks.to_string().contains("but new threads cannot be found");
            is_said && CpuProfile::take().is_some_and(|profile| named(&profile) >= before + 5)
        });
        println!("{}", handle.snapshot().profiler.stacks);
    });
}
