//! What is said of a program: for people, as JSON, and as an exit status.

use std::process::{Command, Stdio};

use perf_sdk_tests::{eventually, until};
use serde_json::Value;

use super::watched::{COMMAND_LINE, Folder, Watched, ask};

/// A program that goes on, with a history of ten seconds and more.
fn going_on() -> Watched {
    let mut program = Watched::start(&[]);
    program.obey("goes-on");
    let place = program.place.clone();
    eventually(|| {
        let said = ask(&["history", "--json", &place, "--of", "calls", "--function", "search", "--last", "40s"]);
        let values = said.json()["series"][0]["values"].as_array().map_or(0, |values| values.iter().flatten_known());
        if values >= 10 { Ok(()) } else { Err(format!("{values} values: {said:?}")) }
    });
    program
}

/// Counts what is not null.
trait Known {
    fn flatten_known(self) -> usize;
}

impl<'a, I: Iterator<Item = &'a serde_json::Value>> Known for I {
    fn flatten_known(self) -> usize {
        self.filter(|value| !value.is_null()).count()
    }
}

#[test]
fn the_questions_of_a_new_user_are_answered_by_the_address_alone() {
    let program = going_on();
    let place = program.place.as_str();
    // Which function costs most CPU?
    let said = ask(&["functions", place]);
    assert!(said.out.contains("self bytes/call"), "{said:?}");
    let first = said.out.lines().nth(1).expect("a row");
    assert!(said.status == Some(0) && first.starts_with("search"), "{said:?}");
    let rows = ask(&["functions", "--json", place]).json();
    let row = &rows["rows"][0];
    assert_eq!(row["name"], "search");
    for key in ["calls", "calls_per_second", "self_cpu_cores", "self_cpu_seconds", "p50_seconds", "p99_seconds"] {
        assert!(row[key].as_f64().is_some_and(|value| value > 0.0), "{key}: {row}");
    }
    let all = ask(&["functions", "--json", "--all", "--sort", "name", "--filter", "answ", place]).json();
    assert_eq!(
        (&all["rows"][0]["name"], &all["matching"], &all["functions"]),
        (&"answer".into(), &1.into(), &2.into())
    );
    let said = ask(&["functions", place, "--of", "2020-01-01T10:00Z..2020-01-01T10:05Z"]);
    assert!(said.status == Some(3) && said.out.contains("nothing is kept of this time"), "{said:?}");
    // Since when is p99 up?
    let said = ask(&["history", place, "--function", "nobody"]);
    assert!(said.status == Some(3) && said.err.contains("history --list"), "{said:?}");
    let said = ask(&["history", place, "--of", "nothing"]);
    assert!(said.status == Some(2) && said.err.contains("\"nothing\""), "{said:?}");
    let said = ask(&["history", place, "--of", "process_resident_memory"]);
    assert!(said.status == Some(2) && said.err.contains("such as process_resident_memory_bytes"), "{said:?}");
    let said = ask(&["history", place, "--of", "function_calls_total{function=\"serach\"}"]);
    assert!(
        said.status == Some(2) && said.err.contains("the labels that it has: function_calls_total{function="),
        "{said:?}"
    );
    let said = ask(&["history", place]);
    assert!(said.status == Some(0) && said.out.contains("search") && said.out.contains("answer"), "{said:?}");
    // The answer is the first line, also of a part of a name.
    let said = ask(&["history", "earc", place, "--of", "calls"]);
    assert!(said.status == Some(0) && said.out.starts_with("calls of search "), "{said:?}");
    let said = ask(&["history", "search", "answer"]);
    assert!(said.status == Some(2) && said.err.contains("search and answer are two functions"), "{said:?}");
    let names = ask(&["history", "--list", "--json", place]).json();
    let names: Vec<&str> = names.as_array().expect("a list").iter().filter_map(|name| name.as_str()).collect();
    assert!(names.contains(&"function_p99_seconds{function=\"search\",module=\"watched\"}"), "{names:?}");
    // Who holds the memory?
    let memory = ask(&["memory", "--json", place]).json();
    assert!(
        memory["resident_bytes"].as_f64().is_some_and(|bytes| bytes > 1e6) && memory["owners"].is_array(),
        "{memory}"
    );
    // What changed? Too little is known of the time before.
    let said = ask(&["diff", place, "--now=-3s", "--was=-6s..-3s"]);
    assert!(said.status == Some(3) && said.out.contains("ask for 8 s or more"), "{said:?}");
    let compared = |question: &[&str], is_enough: fn(Option<u64>) -> bool| {
        let mut changes = Value::Null;
        // On a busy machine functions are read less often for a while.
        eventually(|| {
            changes = ask(question).json();
            let is_enough = is_enough(changes["compared"].as_u64());
            if is_enough { Ok(()) } else { Err(format!("some steps on both sides: {changes}")) }
        });
        changes
    };
    let changes = compared(&["diff", "--json", place, "--now=-9s", "--was=-18s..-9s"], |number| number > Some(0));
    let change = &changes["changes"][0];
    for key in ["a", "b", "difference", "low", "high"] {
        assert!(change[key].is_number(), "{key}: {change}");
    }
    // By a label: of each call of answer there is one of search.
    let by = [
        "diff",
        "--json",
        place,
        "--by",
        "function=answer,search",
        "--names",
        "function_*cpu_seconds_total",
        "--now=-10s",
    ];
    let changes = compared(&by, |number| number == Some(1));
    assert_eq!(changes["a"], "function=answer", "{changes}");
    let change = &changes["changes"][0];
    assert!(
        change["b"].as_f64() > change["a"].as_f64() && change["series"] == "function_self_cpu_seconds_total",
        "{change}"
    );
    let said = ask(&["diff", place, "--by", "tenant=a,b"]);
    assert!(said.status == Some(2) && said.err.contains("no series has a label \"tenant\"; there are: "), "{said:?}");
    let said = ask(&["diff", place, "--by", "function=answer,nobody"]);
    assert!(said.status == Some(2) && said.err.contains("function=\"nobody\"; there are: answer, search"), "{said:?}");
}

#[test]
fn scripts_get_an_exit_status() {
    let program = Watched::start(&[]);
    let said = ask(&["targets", &program.place]);
    assert!(said.status == Some(3) && said.err.contains("PERF_TARGETS"), "{said:?}");
    assert_eq!(ask(&["status", &program.place]).status, Some(0));
    for wrong in [
        &["targets", "--nothing"][..],
        &["functions", "--sort", "speed"],
        &["flame", "a.json"],
        &["diff", "a", "b", "c"],
    ] {
        let said = ask(wrong);
        assert!(said.status == Some(2) && said.err.starts_with("error: "), "{wrong:?}: {said:?}");
    }
    let well = Watched::start(&[("PERF_TARGETS", "resident > 1KiB")]);
    until("a target to be met", || ask(&["targets", &well.place]).status == Some(0));
    let ill = Watched::start(&[("PERF_TARGETS", "resident < 1KiB; resident > 1KiB")]);
    until("a target to be missed", || ask(&["targets", &ill.place]).status == Some(1));
    let said = ask(&["status", &ill.place]);
    assert!(said.status == Some(1) && said.out.contains("unwell") && said.out.contains("missed"), "{said:?}");
    assert!(said.out.contains(", allowed < 1"), "{said:?}");
    let targets = ask(&["targets", "--json", &ill.place]).json();
    assert_eq!(
        (&targets["missed"], &targets["met"], &targets["targets"][0]["status"]),
        (&1.into(), &1.into(), &"missed".into())
    );
    let alarmed = Watched::start(&[("PERF_ALERTS", "process_threads > 0")]);
    until("an alert to fire", || ask(&["status", &alarmed.place]).status == Some(1));
    let status = ask(&["status", "--json", &alarmed.place]).json();
    assert_eq!((&status["health"], &status["alerts"][0]["phase"]), (&"unwell".into(), &"firing".into()));
}

#[test]
fn snapshots_are_compared_and_advised() {
    let folder = Folder::new("snapshots");
    let (a, b) = (folder.path("a.json"), folder.path("b.json"));
    let mut program = Watched::start(&[]);
    for (file, calls) in [(&a, 500), (&b, 700)] {
        program.obey(&format!("work {calls}"));
        let said = ask(&["snapshot", &program.place, "-o", file]);
        assert!(said.status == Some(0) && said.err.contains("wrote "), "{said:?}");
    }
    let said = ask(&["diff", "--json", &a, &b]);
    let found = said.json();
    assert_eq!((said.status, &found["compared"]), (Some(0), &2.into()), "{found}");
    // Of one process, what happened between them is compared.
    let calls = |key: &str| found["functions"].as_array().expect("a list").iter().map(|one| one[key].clone()).collect();
    let both: [Vec<Value>; 2] = ["calls_a", "calls_b"].map(calls);
    assert_eq!((&found["is_one_process"], both), (&true.into(), [vec![500.into(); 2], vec![700.into(); 2]]), "{found}");
    let said = ask(&["diff", &b, &a]);
    assert!(said.out.starts_with("both are of one process") && said.out.contains("700"), "{said:?}");
    // A table of functions is had from a file too, and names are whole in a pipe.
    let said = ask(&["functions", "--json", "--sort", "calls", "--filter", "sear", &b]);
    let rows = said.json();
    assert_eq!(
        (&rows["rows"][0]["name"], &rows["rows"][0]["calls"], &rows["matching"], &rows["functions"]),
        (&"search".into(), &1_200.0.into(), &1.into(), &2.into())
    );
    let of_endpoint = ask(&["functions", "--json", "--all", "--filter", "sear", &program.place]).json();
    for key in ["name", "module", "calls", "bytes_per_call", "self_bytes_per_call", "file", "line"] {
        assert_eq!(rows["rows"][0][key], of_endpoint["rows"][0][key], "{key}");
    }
    let said = ask(&["functions", &b, "--last", "1m"]);
    assert!(said.status == Some(2) && said.err.contains("is of one time"), "{said:?}");
    let bundle = folder.path("c.tar.gz");
    assert_eq!(ask(&["record", &program.place, "-o", &bundle]).status, Some(0));
    assert!(ask(&["functions", &bundle]).out.contains("search"));
    let said = ask(&["diff", "--json", &a, &bundle]);
    assert_eq!((said.status, &said.json()["is_one_process"]), (Some(0), &true.into()), "{said:?}");
    let figures = found["functions"][0]["figures"].as_array().expect("a list");
    let names: Vec<&str> = figures.iter().filter_map(|figure| figure["name"].as_str()).collect();
    assert!(
        names.contains(&"self_cpu_per_call") && names.contains(&"bytes_per_call") && names.contains(&"p50"),
        "{names:?}"
    );
    let said = ask(&["diff", &a, &program.place]);
    assert!(said.status == Some(0) && said.out.contains("numbers of calls are not judged"), "{said:?}");
    // Nobody was called.
    let idle = Watched::start(&[]);
    let said = ask(&["diff", &a, &idle.place]);
    assert!(!said.out.contains("one process"), "{said:?}");
    assert!(said.status == Some(3) && said.out.contains("only in A: answer, search"), "{said:?}");
    let said = ask(&["advise", "--json", &b]);
    assert!(said.json()["findings"].is_array(), "{said:?}");
    let said = ask(&["advise", "/nowhere.json"]);
    assert!(said.status == Some(2) && said.err.contains("perf-sdk snapshot -o"), "{said:?}");
    std::fs::write(folder.path("broken.json"), "{").expect("a file");
    let said = ask(&["diff", &a, &folder.path("broken.json")]);
    assert!(said.status == Some(2) && said.err.contains("broken.json"), "{said:?}");
}

#[test]
fn functions_of_one_name_in_two_modules_are_two_rows_of_a_range() {
    let mut program = Watched::start(&[]);
    program.obey("twins");
    let place = program.place.clone();
    let modules = ["watched", "watched::twin"];
    let figures = |rows: &Value, key: &str| {
        modules.map(|module| {
            let rows = rows["rows"].as_array().expect("rows").iter();
            rows.clone()
                .find(|row| row["name"] == "search" && row["module"] == module)
                .and_then(|row| row[key].as_f64())
        })
    };
    // The twin is called three times as often.
    until("both to be rows of a range", || {
        let rows = ask(&["functions", "--json", "--last", "30s", &place]).json();
        let calls = figures(&rows, "calls");
        let is_of_range = rows["from_unix_seconds"].is_u64();
        matches!(calls, [Some(one), Some(twin)] if is_of_range && one > 100.0 && twin > 2.5 * one && twin < 3.5 * one)
    });
    let said = ask(&["functions", "--last", "30s", &place]);
    assert!(said.out.contains("watched::search ") && said.out.contains("watched::twin::search "), "{said:?}");
    let said = ask(&["history", "search", "--of", "calls", &place, "--last", "30s"]);
    assert!(
        said.out.contains("calls of watched::twin::search") || said.out.contains("\nwatched::twin::search"),
        "{said:?}"
    );
    let said = ask(&["history", "--list", "--json", &place]);
    let names = said.json();
    let names: Vec<&str> = names.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    for module in modules {
        for series in ["function_calls_total", "function_p99_seconds", "function_self_cpu_seconds_total"] {
            let name = format!("{series}{{function=\"search\",module=\"{module}\"}}");
            assert!(names.contains(&name.as_str()), "{name} in {names:?}");
        }
    }
    // By a label, both values of which have several modules or one.
    let by = [
        "diff",
        "--json",
        &place,
        "--by",
        "module=watched,watched::twin",
        "--names",
        "function_calls_total",
        "--now=-10s",
    ];
    until("steps to compare", || ask(&by).status == Some(0));
}

#[test]
fn flamegraphs_are_pictures_or_lines() {
    let folder = Folder::new("flame");
    let mut program = Watched::start(&[]);
    program.obey("work 2000");
    let snapshot = folder.path("s.json");
    assert_eq!(ask(&["snapshot", &program.place, "-o", &snapshot]).status, Some(0));
    for source in [program.place.as_str(), &snapshot] {
        let said = ask(&["flame", source, "--weight", "calls", "--format", "folded"]);
        assert!(said.status == Some(0) && said.out.contains("watched::answer;watched::search 2000\n"), "{said:?}");
        let said = ask(&["flame", source, "--weight", "wall", "--function", "search"]);
        assert!(said.status == Some(0) && said.out.starts_with("<?xml") && said.out.contains("search"), "{}", said.err);
        let said = ask(&["flame", source, "--weight", "speed"]);
        assert!(said.status == Some(2) && said.err.contains("\"speed\"; allowed: wall, cpu"), "{said:?}");
        let said = ask(&["flame", source, "--function", "nobody"]);
        assert!(said.status == Some(2) && said.err.contains("search"), "{said:?}");
    }
    let lines = folder.path("calls.folded");
    assert_eq!(ask(&["flame", &snapshot, "--weight", "calls", "-o", &lines]).status, Some(0));
    assert!(std::fs::read_to_string(lines).expect("a file").starts_with("watched::answer "));
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let mut program = Watched::start(&[]);
    program.obey("work 100");
    let mut child = Command::new(COMMAND_LINE)
        .args(["functions", "--json", &program.place])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(0) && said.is_empty(), "{said}");
}

#[test]
fn shells_get_completions_and_people_get_help() {
    for shell in ["bash", "zsh", "fish"] {
        let said = ask(&["completions", shell]);
        assert!(said.status == Some(0) && said.out.contains("history") && said.out.contains("perf-sdk"), "{shell}");
    }
    let help = ask(&["--help"]).out;
    for part in
        ["which function costs most CPU", "since when is p99 up", "who holds the memory", "what changed", "Exit status"]
    {
        assert!(help.contains(part), "{part}: {help}");
    }
    // No subcommand takes its help from arguments that it shares with others.
    for line in
        help.lines().skip_while(|line| !line.starts_with("Commands")).skip(1).take_while(|line| !line.is_empty())
    {
        let name = line.split_whitespace().next().expect("a name");
        let said = ask(&[name, "--help"]);
        let about = line.trim_start().trim_start_matches(name).trim();
        assert!(said.out.starts_with(about) && !about.is_empty(), "{name}: {said:?}");
    }
}
