//! Targets of whole programs: met and missed, given in all ways, and the status at the exit. And
//! their alerts.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use perf_sdk_tests::run;

const TARGETS: &str = env!("CARGO_BIN_EXE_targets");

/// One of which is missed.
const ONE_MISSED: &str = "p95(quick) < 1h; p95(slow) < 1ns";
const ALL_MET: &str = "p95(quick) < 1h; error_ratio(slow) < 1%";

fn ended(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(TARGETS).args(arguments).envs(environment.iter().copied()).output().expect("the program runs")
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file of one test, deleted afterwards.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("perf-sdk-test-{}-{name}", std::process::id()));
        fs::write(&path, text).expect("a file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain name")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn the_report_has_the_targets() {
    let output = run(TARGETS, "returns", &[("PERF_TARGETS", ONE_MISSED)]);
    let said = said(&output);
    let table = said.split_once("perf-sdk: targets: 1 met, 1 missed\n").unwrap_or_else(|| panic!("{said}")).1;
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows[0].split_whitespace().collect::<Vec<_>>(), ["metric", "current", "target", "status"]);
    assert!(rows[1].starts_with("p95(\"quick\")") && rows[1].ends_with(" met"), "{table}");
    assert!(rows[2].starts_with("p95(\"slow\")") && rows[2].ends_with(" missed"), "{table}");
}

#[test]
fn a_missed_target_ends_the_program_with_a_status() {
    let exit = |targets, status| [("PERF_TARGETS", targets), ("PERF_TARGETS_EXIT", status)];
    for scenario in ["returns", "exits", "ends_early"] {
        let missed = ended(&[scenario], &exit(ONE_MISSED, "3"));
        assert_eq!(status(&missed), Some(3), "{scenario}: {}", said(&missed));
        assert!(
            said(&missed).contains("the program ends with status 3 (PERF_TARGETS_EXIT): p95(\"slow\") < 1ns"),
            "{}",
            said(&missed)
        );
        let met = ended(&[scenario], &exit(ALL_MET, "3"));
        assert_eq!(status(&met), Some(0), "{scenario}: {}", said(&met));
    }
    assert_eq!(status(&ended(&["returns"], &exit(ONE_MISSED, "off"))), Some(0));
    // Without targets there is nothing to miss.
    assert_eq!(status(&ended(&["returns"], &[("PERF_TARGETS_EXIT", "1")])), Some(0));
    // A child has its own.
    let parent = ended(&["child"], &exit(ONE_MISSED, "1"));
    assert_eq!(status(&parent), Some(1), "{}", said(&parent));
}

/// Other C libraries do not tell what the program's own status is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_program_that_fails_keeps_its_status() {
    let failed = ended(&["returns", "7"], &[("PERF_TARGETS", ONE_MISSED), ("PERF_TARGETS_EXIT", "1")]);
    assert_eq!(status(&failed), Some(7), "{}", said(&failed));
}

#[test]
fn targets_are_made_and_judged_in_code() {
    run(TARGETS, "code", &[]);
}

#[test]
fn targets_are_served() {
    run(TARGETS, "serves", &[("PERF_TARGETS", ONE_MISSED)]);
}

#[test]
fn without_targets_nothing_is_judged() {
    run(TARGETS, "without", &[]);
}

#[test]
fn targets_are_read_from_a_file() {
    let text =
        "[[target]]\nname = \"quick is quick\"\nthat = 'p95(quick) < 1h'\n\n[[target]]\nthat = 'p95(slow) < 1ns'\n";
    let file = Temporary::new("targets.toml", text);
    let output = ended(&["returns"], &[("PERF_TARGETS", file.path()), ("PERF_TARGETS_EXIT", "1")]);
    assert_eq!(status(&output), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("quick is quick") && said(&output).contains("targets: 1 met, 1 missed"),
        "{}",
        said(&output)
    );
    // A settings file has them too.
    let settings = format!("targets = \"{}\"\ntargets_exit = 4\n", file.path());
    let settings = Temporary::new("settings.toml", &settings);
    assert_eq!(status(&ended(&["returns"], &[("PERF_CONFIG", settings.path())])), Some(4));
    let list = Temporary::new("list.toml", "targets = ['p95(quick) < 1h', 'p95(slow) < 1ns']\ntargets_exit = 5\n");
    assert_eq!(status(&ended(&["returns"], &[("PERF_CONFIG", list.path())])), Some(5));
}

#[test]
fn a_wrong_target_is_an_error_at_the_start() {
    let wrong_unit = Temporary::new("unit.toml", "[[target]]\nname = \"a\"\nthat = 'p95(quick) < 5MiB'\n");
    let twice = Temporary::new(
        "twice.toml",
        "[[target]]\nname = \"a\"\nthat = 'cpu < 5%'\n[[target]]\nname = \"a\"\nthat = 'cpu < 6%'\n",
    );
    let no_toml = Temporary::new("no.toml", "[[target\n");
    let settings = Temporary::new("set.toml", "listen = \"off\"\ntargets = ['cpu < 5%', 'cpu < 5ms']\n");
    let (unit, same, no, set) = (wrong_unit.path(), twice.path(), no_toml.path(), settings.path());
    for (variable, value, parts) in [
        ("PERF_TARGETS", "cpu < 5%; p95(quick) < 90", &["PERF_TARGETS:1:24 is \"90\"", "such as 100ms"][..]),
        ("PERF_TARGETS", "cpu < 5%; cpu < 5%", &["PERF_TARGETS:1:11 is \"cpu < 5%\"", "no other target"]),
        ("PERF_TARGETS", "hits(results) > 5%", &["PERF_TARGETS:1:1 is \"hits\""]),
        ("PERF_TARGETS", "/etc/targets", &["PERF_TARGETS is \"/etc/targets\"", "whose name ends with .toml"]),
        (
            "PERF_TARGETS",
            "/no/such/targets.toml",
            &["cannot read the targets in /no/such/targets.toml", "PERF_TARGETS"],
        ),
        ("PERF_TARGETS", unit, &[unit, ":3:22 is \"5MiB\"", "such as 100ms"]),
        ("PERF_TARGETS", same, &[same, ":5:", "is \"a\"", "no other target"]),
        ("PERF_TARGETS", no, &[no, ":1:", "TOML"]),
        ("PERF_CONFIG", set, &[set, ":2:", "is \"5ms\"", "such as 90%"]),
        ("PERF_TARGETS_EXIT", "0", &["PERF_TARGETS_EXIT is \"0\"", "from 1 to 255"]),
    ] {
        let output = ended(&["starts"], &[(variable, value)]);
        let error = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(status(&output), Some(1), "{variable}={value}: {error}");
        parts.iter().for_each(|part| assert!(error.contains(part), "{part}: {error}"));
    }
}

#[test]
fn targets_are_relative_to_a_saved_snapshot() {
    let saved = Temporary::new("baseline.json", "");
    let output = ended(&["saves", saved.path()], &[]);
    assert_eq!(status(&output), Some(0), "{}", said(&output));
    let relative = "error_ratio(slow) <= 100% of baseline; p95(slow) < 1% of baseline; p95(slow) < 100000% of baseline";
    let with = |baseline| [("PERF_TARGETS", relative), ("PERF_TARGETS_BASELINE", baseline)];
    let output = ended(&["returns"], &with(saved.path()));
    let rows: Vec<String> =
        said(&output).lines().filter(|line| line.contains("of baseline")).map(str::to_owned).collect();
    assert!(rows.len() == 3 && rows[1].ends_with("missed") && rows[2].ends_with("met"), "{}", said(&output));
    // Without one they cannot be judged, which is no miss.
    let none = ended(&["returns"], &[("PERF_TARGETS", relative), ("PERF_TARGETS_EXIT", "1")]);
    assert!(status(&none) == Some(0) && said(&none).contains("not evaluable: there is no baseline"), "{}", said(&none));
    let other = Temporary::new("other.json", "{}");
    for path in [other.path(), "/no/such/file"] {
        let output = ended(&["starts"], &with(path));
        let error = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            status(&output) == Some(1)
                && error.contains("PERF_TARGETS_BASELINE is")
                && error.contains("Snapshot::write_to"),
            "{error}"
        );
    }
}

#[test]
fn an_alert_fires_is_shown_everywhere_and_is_over() {
    let said = said(&run(TARGETS, "alarmed", &[]));
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("perf-sdk: alert")).collect();
    assert_eq!(lines.len(), 2, "{said}");
    let fired = "perf-sdk: alert (critical): many jobs: queue_depth is 9 over 1m, which is > 5. Start more workers.";
    assert_eq!(lines[0], fired);
    assert!(lines[1].starts_with("perf-sdk: alert resolved: many jobs, after "), "{said}");
}

#[test]
fn alerts_are_logged_where_the_program_logs() {
    let said = said(&run(TARGETS, "logs", &[]));
    assert!(!said.contains("perf-sdk: alert"), "{said}");
}

#[test]
fn scaling_is_said() {
    run(TARGETS, "scales", &[]);
    let output = ended(&["starts"], &[("PERF_SCALING", "cpu < 90")]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("PERF_SCALING:1:7 is \"90\"; allowed: for cpu, which is a share"), "{said}");
    for (rule, allowed) in [("hit_ratio(results) > 90%", "figures that rise"), ("0% < cpu < 80%", "limits above 0")] {
        let said = String::from_utf8_lossy(&ended(&["starts"], &[("PERF_SCALING", rule)]).stdout).into_owned();
        assert!(said.contains("PERF_SCALING") && said.contains(allowed), "{said}");
    }
}

#[test]
fn a_program_that_is_well_has_no_alerts() {
    let said = said(&run(TARGETS, "calm", &[]));
    assert!(!said.contains("alert"), "{said}");
}

#[test]
fn what_fires_outlives_the_program_beside_its_history() {
    let folder = std::env::temp_dir().join(format!("perf-sdk-test-{}-alerts", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let history = folder.join("history.perf");
    let history = history.to_str().expect("a plain name");
    let environment = [("PERF_ALERTS", "process_threads > 0"), ("PERF_HISTORY", history)];
    let since = |output: &Output| String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().expect("a time");
    let first = run(TARGETS, "fires_before_its_end", &environment);
    assert!(said(&first).contains("alert (warning): process_threads > 0"), "{}", said(&first));
    let second = run(TARGETS, "fires_before_its_end", &environment);
    assert!(!said(&second).contains("alert"), "nobody is told again: {}", said(&second));
    assert!(since(&first).abs_diff(since(&second)) <= 1, "{} and {}", since(&first), since(&second));
    // Damaged, it is said and left out.
    fs::write(format!("{history}.alerts"), "{\"now\":").expect("a file");
    let third = said(&run(TARGETS, "fires_before_its_end", &environment));
    assert!(third.contains(".alerts are left out: ") && third.contains("alert (warning)"), "{third}");
    fs::remove_dir_all(&folder).expect("a folder");
}

#[test]
fn mistakes_in_alerts_are_named() {
    let file = Temporary::new("alerts.toml", "[[alert]]\nthat = \"cpu > 90\"\n");
    for (alerts, message) in [
        ("p99(search) > 250 for 30s", "PERF_ALERTS:1:15 is \"250\"; allowed: for p99, which is a time"),
        ("leak(maybe)", "PERF_ALERTS:1:6 is \"maybe\"; allowed: retention, suspect, confirmed"),
        ("/nowhere/alerts.toml", "cannot read the alerts in /nowhere/alerts.toml"),
        (file.path(), ":2:15 is \"90\"; allowed: for cpu, which is a share"),
    ] {
        let output = ended(&["starts"], &[("PERF_ALERTS", alerts)]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(status(&output) == Some(1) && said.contains(message), "{message}: {said}");
    }
}
