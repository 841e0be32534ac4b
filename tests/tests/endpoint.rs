//! The endpoint, over loopback.

use std::process::Command;

use perf_sdk_tests::run;

const ENDPOINT: &str = env!("CARGO_BIN_EXE_endpoint");

macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            run(ENDPOINT, stringify!($name), &[]);
        })+
    };
}

scenarios! {
    every_route_answers,
    scrapes_are_as_snapshots,
    heap_profiles,
    default_port_taken,
    explicit_port_taken,
    second_start,
    hosts_and_tokens,
    containers,
    text_as_go_has_it,
    routes_of_go,
    compressed,
    sampling,
    bad_requests,
    unix_socket,
    captures,
    slow_clients,
    idle_clients,
    slow_heads,
    guarded_reads,
    policies,
    hostile_names,
    browser,
    ambiguous_requests,
    forked_child,
    mounted,
    user_metrics,
    user_histograms_are_bounded,
    no_endpoint_takes_no_recorder,
    mounted_routes_have_the_user_s_metrics,
}

#[test]
fn the_programs_own_metrics_recorder_is_reported_or_joined() {
    let output = run(ENDPOINT, "foreign_recorder", &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("metrics_handle"));
}

#[test]
fn any_host_is_allowed_with_an_asterisk() {
    run(ENDPOINT, "any_host", &[("PERF_ALLOW_HOSTS", "*")]);
}

#[test]
fn histogram_buckets_are_set_by_name() {
    let buckets = "http_*=1KiB,1MiB; *=5;*_seconds=5ms,10ms,1s;queue_wait=0.001,0.25;other=";
    let said =
        String::from_utf8_lossy(&run(ENDPOINT, "wrong_settings", &[("PERF_BUCKETS", buckets)]).stdout).into_owned();
    assert!(said.contains("PERF_BUCKETS") && said.contains("PATTERN=BOUNDS") && said.contains("other="), "{said}");
    let buckets = "http_*=1KiB,1MiB;*_seconds=5ms,10ms,1s;queue_*=7;queue_wait=0.001,0.25";
    run(ENDPOINT, "user_buckets", &[("PERF_BUCKETS", buckets)]);
}

#[test]
fn the_error_of_a_wrong_setting_lists_the_allowed_values() {
    for (variable, value, part) in [
        ("PERF_LISTEN", "nonsense", "unix:"),
        ("PERF_GUARD", "writes", "captures, all or off"),
        ("PERF_REPORT", "perhaps", "true or false"),
        ("PERF_SAMPLE", "service::*=often", "1/4096"),
        ("PERF_BUCKETS", "http_*=1s,1ms", "ascending"),
        ("PERF_CPU_CLOCK", "hourglass", "perf-seq"),
        ("PERF_LISTEN", "192.0.2.1:9464", "PERF_TOKEN"),
        ("PERF_PUSH", "https://pyroscope.example:4040", "TLS is not supported, Grafana Alloy"),
        ("PERF_PUSH", "ftp://pyroscope", "http://HOST, with :PORT and /PREFIX"),
        ("PERF_PUSH_PROTOCOL", "otlp", "ingest or push"),
        ("PERF_PUSH_INTERVAL", "2h", "1s to 1h"),
        ("PERF_PUSH_NAME", "a{b}", "letters, digits"),
        ("PERF_PUSH_LABELS", "service_name=x", "not service_name"),
        ("PERF_PUSH_TENANT", "a b", "letters, digits"),
        ("PERF_PROFILES", "/no/such/folder", "make the folder"),
        ("PERF_PROFILES", "/dev/null", "make the folder"),
        ("PERF_PROFILES_KEEP", "-1", "number of files"),
    ] {
        let said = String::from_utf8_lossy(&run(ENDPOINT, "wrong_settings", &[(variable, value)]).stdout).into_owned();
        assert!(said.contains(value) && said.contains(part), "{variable}={value}: {said}");
    }
}

#[test]
fn the_report_is_printed_at_exit_unless_it_is_off() {
    let on = run(ENDPOINT, "report", &[]);
    let printed = String::from_utf8_lossy(&on.stderr);
    assert!(printed.contains("outer") && printed.contains("bytes/call") && printed.contains("p99"), "{printed}");
    assert!(!printed.contains("panics"), "columns without figures are left out: {printed}");
    let off = run(ENDPOINT, "report", &[("PERF_REPORT", "off")]);
    assert_eq!(String::from_utf8_lossy(&off.stderr), "");
}

#[test]
fn an_exceeded_budget_is_reported_on_the_page_and_at_exit() {
    let printed = String::from_utf8_lossy(&run(ENDPOINT, "over_budget", &[]).stderr).into_owned();
    let line = printed.lines().find(|line| line.contains(" the profiler took ")).unwrap_or_default();
    // Which of the two functions costs more depends on the machine.
    let (_, named) = line.split_once("leave #[profiled] off ").unwrap_or_default();
    assert!(named.split(", ").any(|function| function.starts_with("nothing ")), "{printed}");
}

#[test]
fn a_function_that_is_called_too_often_gets_estimated_counts() {
    let printed = String::from_utf8_lossy(&run(ENDPOINT, "rests", &[]).stderr).into_owned();
    assert!(
        printed.contains("counting the calls of next_to_nothing takes") && printed.contains("≈ called too"),
        "{printed}"
    );
}

#[test]
fn a_full_stderr_does_not_fail_the_program() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let status = Command::new(ENDPOINT)
        .arg("speaks")
        .env("PERF_CPU_CLOCK", "nonsense")
        .stderr(full)
        .status()
        .expect("a process");
    assert!(status.success(), "{status}");
}
