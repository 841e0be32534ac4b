//! One process a scenario: threads, forks, signals, destructors, clocks.

use perf_sdk_tests::run;

const SCENARIO: &str = env!("CARGO_BIN_EXE_scenario");
const PLAIN: &str = env!("CARGO_BIN_EXE_plain");
const COUNTED: &str = env!("CARGO_BIN_EXE_counted");
const DHAT: &str = env!("CARGO_BIN_EXE_exact");

macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            run(SCENARIO, stringify!($name), &[]);
        })+
    };
}

scenarios! {
    exact_counts,
    exact_counts_sampled,
    passed_over,
    budget,
    counters_only_grow,
    memory_limit,
    threads_come_and_go,
    names_without_end,
    recursion,
    deep_recursion,
    fork,
    thread_local_destructor,
    signal_handler,
    never_returns,
    free_on_another_thread,
    threads_pass_records_on,
    future_over_threads,
    future_polled_elsewhere,
    future_outcomes,
    sleeping_is_off_cpu,
    allocations,
    panic_while_unwinding,
    recorded_elsewhere,
    exemplars,
    tracing_layer,
    guards_out_of_order,
}

#[test]
fn switched_off() {
    run(SCENARIO, "switched_off", &[("PERF_ENABLED", "0")]);
}

#[test]
fn global_destructor() {
    let output = run(SCENARIO, "global_destructor", &[]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "global destructor ran\n");
}

#[test]
fn cpu_agrees_with_the_kernel_under_every_clock() {
    for clock in ["perf-time", "perf-seq", "rseq", "syscall"] {
        let output = run(SCENARIO, "cpu_agrees_with_the_kernel", &[("PERF_CPU_CLOCK", clock)]);
        let used = String::from_utf8_lossy(&output.stdout).into_owned();
        if !used.starts_with(clock) {
            eprintln!("skipped {clock}: this machine does not allow it, used {used}");
        }
    }
}

#[test]
fn scenarios_that_move_between_threads_hold_under_the_sampled_clock() {
    for scenario in ["exact_counts", "fork", "future_over_threads", "thread_local_destructor", "sleeping_is_off_cpu"] {
        run(SCENARIO, scenario, &[("PERF_CPU_CLOCK", "syscall")]);
    }
}

#[test]
fn without_a_counting_allocator_there_are_no_allocation_figures() {
    run(PLAIN, "", &[]);
}

#[test]
fn tallies_equal_dhats_blocks_and_bytes() {
    // Not one inside the other: dhat's own bookkeeping would count.
    let counted = run(COUNTED, "", &[]);
    let exact = run(DHAT, "", &[]);
    assert_eq!(String::from_utf8_lossy(&counted.stdout), String::from_utf8_lossy(&exact.stdout));
}
