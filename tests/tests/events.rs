//! What happens is handed out as it happens, and alerts are acted upon.

use perf_sdk_tests::run;

const EVENTS: &str = env!("CARGO_BIN_EXE_events");

#[test]
fn what_happens_is_read_as_it_happens() {
    run(EVENTS, "reads", &[]);
}

#[test]
fn what_happens_is_served() {
    run(EVENTS, "serves", &[]);
}

#[test]
fn alerts_are_acted_upon_and_it_is_judged_whether_that_helped() {
    run(EVENTS, "acts", &[]);
}

#[test]
fn what_can_be_done_about_findings_is_done_and_undone() {
    run(EVENTS, "optimizes", &[]);
}

#[test]
fn a_command_of_the_environment_is_run_for_each_alert() {
    let environment = [
        ("PERF_ALERTS", "process_threads > 0"),
        ("PERF_ALERT_COMMAND", "printenv PERF_ALERT_NAME PERF_ALERT_STATE PERF_ALERT_SEVERITY PERF_ALERT_VALUE"),
        ("PERF_TOKEN", "0123456789abcdef"),
    ];
    let output = run(EVENTS, "commanded", &environment);
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..3], ["process_threads > 0", "firing", "warning"]);
    assert!(lines[3].parse::<f64>().is_ok_and(|value| value > 0.0), "{said}");
}

#[test]
fn a_thousand_alerts_at_once_are_acted_upon_as_far_as_there_is_room() {
    run(EVENTS, "many", &[]);
}
