//! The slowest calls, in whole programs.

use perf_sdk_tests::run;

const SLOWEST: &str = env!("CARGO_BIN_EXE_slowest");

/// `slowest full` does so for 50 windows at 9,000 requests a second.
#[test]
fn the_calls_that_are_kept_are_the_slowest_of_a_full_log() {
    let output = run(SLOWEST, "short", &[]);
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[cfg(target_os = "linux")]
fn a_forked_child_has_no_copy_of_its_parents_calls() {
    run(SLOWEST, "forks", &[]);
}
