//! One process for each scenario: threads, forks, signals, destructors, clocks.

use std::process::Command;

use perf_sdk_tests::{has, run};

const SCENARIO: &str = env!("CARGO_BIN_EXE_scenario");
const HEAP: &str = env!("CARGO_BIN_EXE_heap");
const POOL: &str = env!("CARGO_BIN_EXE_pool");
const PLAIN: &str = env!("CARGO_BIN_EXE_plain");
const COUNTED: &str = env!("CARGO_BIN_EXE_counted");
const MIMALLOC: &str = env!("CARGO_BIN_EXE_mimalloc");
const ACCOUNT: &str = env!("CARGO_BIN_EXE_account");
const DHAT: &str = env!("CARGO_BIN_EXE_exact");

macro_rules! scenarios {
    ($program:ident: $($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            run($program, stringify!($name), &[]);
        })+
    };
}

scenarios! {
    HEAP: assertions, allocator, live_heap, estimates, heap_budget, leaks, callback_that_hangs, counts_that_grow, who_holds_is_counted,
}

scenarios! {
    POOL:
    arena_accounts,
    arena_limits,
    arena_reset,
    arena_scope,
    arena_threads,
    arena_oracle,
    pool_accounts,
    pool_checkouts,
    pressure,
}

scenarios! {
    SCENARIO:
    exact_counts,
    exact_counts_sampled,
    skipped_calls,
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
    futures_within_themselves,
    tasks_belong_to_their_spawner,
    future_outcomes,
    skipped_polls,
    sleeping_is_off_cpu,
    allocations,
    panic_while_unwinding,
    recorded_elsewhere,
    exemplars,
    tracing_layer,
    guards_out_of_order,
}

#[test]
fn arenas_of_a_jemalloc_that_retains_nothing() {
    for scenario in ["arena_limits", "arena_reset"] {
        run(POOL, scenario, &[("_RJEM_MALLOC_CONF", "retain:false")]);
    }
}

#[test]
fn not_sampled() {
    run(HEAP, "not_sampled", &[("_RJEM_MALLOC_CONF", "prof:false")]);
}

#[test]
fn an_allocator_that_fails() {
    run(env!("CARGO_BIN_EXE_failing"), "", &[]);
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
fn other_allocators_that_are_counted_have_a_live_heap() {
    for program in [COUNTED, MIMALLOC] {
        for scenario in ["live_heap", "estimates", "threads"] {
            run(program, scenario, &[]);
        }
    }
}

#[test]
fn tallies_equal_dhats_blocks_and_bytes() {
    // Not in the same process, because the allocator would count dhat's own allocations.
    let counted = run(COUNTED, "", &[]);
    let exact = run(DHAT, "", &[]);
    assert_eq!(String::from_utf8_lossy(&counted.stdout), String::from_utf8_lossy(&exact.stdout));
}

/// The number of instructions of this many calls, and the number of calls that were measured at
/// rate 1, measured at a lower rate, and skipped.
fn instructions(kind: &str, calls: u32) -> (f64, [f64; 3]) {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .args(["--toggle-collect=perf_sdk_tests_workload", ACCOUNT, kind, &calls.to_string()])
        .output()
        .expect("valgrind, as checked before");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let counts: Vec<f64> = printed.split_whitespace().filter_map(|count| count.parse().ok()).collect();
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match (collected, counts.try_into()) {
        (Some(collected), Ok(counts)) if output.status.success() => (collected, counts),
        _ => panic!("{kind}: {}\n{printed}\n{said}", output.status),
    }
}

/// The budget computes the cost as the sum over all kinds of calls: the cost of one isolated call
/// times the number of calls. Here, callgrind counts the real cost of a mix of all kinds.
#[test]
fn the_real_cost_of_calls_agrees_with_the_account() {
    const CALLS: u32 = 3_000;
    if !has("valgrind", &["--version"], "install Debian's valgrind") {
        return;
    }
    let each = f64::from(CALLS);
    let bare = instructions("bare", CALLS).0 / each;
    let passed = instructions("passed", CALLS).0 / each - bare;
    let measured = instructions("measured", CALLS).0 / each - bare;
    let (all, [_, drawn, others]) = instructions("sampled", CALLS);
    let sampled = (all - each * bare - others * passed) / drawn;
    let (mixed, [measured_calls, sampled_calls, passed_calls]) = instructions("mixed", CALLS);
    let calls = measured_calls + sampled_calls + passed_calls;
    let account = measured_calls * measured + sampled_calls * sampled + passed_calls * passed;
    let ratio = (mixed - calls * bare) / account;
    println!("passed {passed:.0}, measured {measured:.0}, sampled {sampled:.0}; mixed {ratio:.3} of the account");
    assert!(passed > 0.0 && measured > passed, "passed {passed}, measured {measured}");
    assert!((0.8..1.2).contains(&ratio), "{ratio}: passed {passed}, measured {measured}, sampled {sampled}");
}
