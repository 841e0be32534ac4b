//! For every rule of findings there is a program that has its problem: the finding about it is the
//! only one. Programs in which the problem is mended have none.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk_tests::http::get;
use perf_sdk_tests::{PATIENCE, past, until};
use serde_json::Value;

const PLANTED: &str = env!("CARGO_BIN_EXE_planted");

/// Programs that run beside each other. Most of them wait most of the time.
const BESIDE: usize = 8;
/// For so long a mended program must have no finding.
const WATCHED: Duration = Duration::from_secs(5);
/// From one question to the next. Each takes CPU time of the program.
const BETWEEN: Duration = Duration::from_secs(1);
/// From then on they are fewer.
const SOON: Duration = Duration::from_secs(8);
const HOUR: Duration = Duration::from_secs(3_600);

/// A problem, and what the finding is about: the beginning of its subject, and its end.
struct Case {
    rule: &'static str,
    subject: (&'static str, &'static str),
    environment: &'static [(&'static str, &'static str)],
    /// Whether there is a mended program.
    is_mended: bool,
}

const fn case(rule: &'static str, subject: &'static str) -> Case {
    Case { rule, subject: (subject, ""), environment: &[], is_mended: true }
}

/// Those that take long come first.
const CASES: &[Case] = &[
    case("slower", "slower::answer"),
    case("pool_oversized", "db"),
    case("pool_full", "db"),
    case("measurement", "budget"),
    case("startup", ""),
    Case { environment: &[("_RJEM_MALLOC_CONF", "dirty_decay_ms:-1,muzzy_decay_ms:-1")], ..case("retention", "") },
    case("leak", "leak::open"),
    case("hot_function", "hot_function::count_distinct"),
    Case { is_mended: false, ..case("throttling", "") },
    case("allocations", "allocations::table_of_boxes"),
    case("reallocations", "reallocations::answer_by_word"),
    case("large_blocks", "large_blocks::body: 128.0 KiB"),
    case("blocking_poll", "blocking_poll::fetch"),
    case("long_poll", "long_poll::report"),
    Case {
        subject: ("Mutex at tests/src/bin/planted/locks.rs:", " held by lock_contention::update_with_work"),
        ..case("lock_contention", "")
    },
    Case {
        subject: ("Mutex at tests/src/bin/planted/locks.rs:", " held by lock_across_await::account"),
        ..case("lock_across_await", "")
    },
    case("n_plus_one", "shop: SELECT count(*) FROM items WHERE order_id = ?"),
    case("slow_statement", "shop: SELECT count(*) FROM items a JOIN items b"),
    case("full_scan", "shop: SELECT count(*) FROM items WHERE name = "),
    case("cache_misses", "answers"),
    case("pool_waits", "db"),
    case("fragmentation", ""),
    case("descriptors", ""),
    case("uneven_workers", "main"),
    case("cancellations", "cancellations::look_up"),
    case("panics", "panics::number_or_panic"),
];

/// A running program, until this drops.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(rule: &str, is_mended: bool, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(PLANTED);
        command.arg(rule).args(is_mended.then_some("corrected")).envs(environment.iter().copied());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        match line.trim().parse() {
            Ok(address) => Self { child, address },
            Err(error) => {
                let _ = child.kill();
                panic!("{rule}: {:?} said {line:?}: {error}", child.wait())
            }
        }
    }

    /// The findings of the time up to now, and that time.
    fn findings(&self) -> (Vec<Value>, Duration) {
        let answer = get(self.address, "/findings?format=json");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let all: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let window = Duration::from_nanos(all["window_ns"].as_u64().expect("a length"));
        (all["findings"].as_array().expect("a list").clone(), window)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Until the finding is there. Any other one is a failure, at any time.
fn is_found(case: &Case, environment: &[(&str, &str)]) {
    let program = Program::start(case.rule, false, environment);
    let start = Instant::now();
    let found = loop {
        let (found, window) = program.findings();
        let others: Vec<&Value> = found.iter().filter(|finding| finding["rule"] != case.rule).collect();
        assert!(others.is_empty(), "another finding, after {window:?}: {others:#?}");
        if !found.is_empty() {
            break found;
        }
        assert!(start.elapsed() < PATIENCE, "there is no finding after {window:?}");
        thread::sleep(if window < SOON { BETWEEN } else { BETWEEN * 3 });
    };
    assert_eq!(found.len(), 1, "{found:#?}");
    let text = |key: &str| found[0][key].as_str().expect("a text");
    let (subject, (begin, end)) = (text("subject"), case.subject);
    assert!(subject.starts_with(begin) && subject.ends_with(end), "about {subject:?}");
    if begin.is_empty() && end.is_empty() && case.rule != "retention" {
        assert_eq!(subject, "", "it is about the process");
    }
    let link = get(program.address, &format!("/{}", text("link")));
    assert_eq!(link.status, 200, "{}: {}", text("link"), link.text());
    println!("{} after {:.1?}: {}", case.rule, start.elapsed(), text("evidence"));
}

/// A mended program has no finding at any time.
fn is_healthy(rule: &str, environment: &[(&str, &str)], time: Duration, between: Duration) -> Result<(), String> {
    let program = Program::start(rule, true, environment);
    loop {
        let (found, window) = program.findings();
        if !found.is_empty() {
            return Err(format!("findings of a mended program, after {window:?}: {found:#?}"));
        }
        if window >= time {
            break;
        }
        thread::sleep(between);
    }
    let worked = get(program.address, "/metrics").text();
    let calls = worked.lines().find(|line| line.starts_with("function_calls_total{") && line.contains("usual_work"));
    assert!(calls.is_some_and(|line| !line.ends_with(" 0")), "it did nothing: {calls:?}");
    Ok(())
}

/// Runs a program in both forms, as its rule needs it.
fn check(case: &Case) {
    let both = |environment: &[(&str, &str)]| {
        is_found(case, environment);
        if case.is_mended {
            is_healthy(case.rule, environment, WATCHED, BETWEEN).unwrap_or_else(|found| panic!("{found}"));
        }
    };
    match case.rule {
        "slower" => {
            // Before the last five minutes it was as the mended program is.
            let file = History::of("slower", true, Duration::from_secs(300)..HOUR + Duration::from_secs(300));
            is_found(case, &[("PERF_HISTORY", file.path())]);
        }
        "pool_oversized" => {
            let file = History::of("pool_oversized", false, Duration::from_secs(20)..Duration::from_secs(600));
            is_found(case, &[("PERF_HISTORY", file.path())]);
        }
        "throttling" => match Group::new() {
            Ok(group) => both(&[("PLANTED_GROUP", group.path())]),
            Err(why) => println!("SKIPPED: throttling needs a control group that may be written: {why}"),
        },
        "retention" => {
            is_found(case, case.environment);
            let returned = &[("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")];
            is_healthy(case.rule, returned, WATCHED, BETWEEN).unwrap_or_else(|found| panic!("{found}"));
        }
        _ => both(case.environment),
    }
}

/// A file of a history that is older than the program, deleted afterwards.
struct History(PathBuf);

impl History {
    /// In this time before now it was as the program is.
    fn of(rule: &str, is_mended: bool, ago: std::ops::Range<Duration>) -> Self {
        let path = std::env::temp_dir().join(format!("perf-sdk-test-findings-{}-{rule}", std::process::id()));
        let file = Self(path);
        let program = Program::start(rule, is_mended, &[("PERF_HISTORY", file.path())]);
        // The first one began before the program.
        until("two intervals of ten seconds", || {
            thread::sleep(Duration::from_millis(200));
            past::intervals(&file.0) >= 2
        });
        drop(program);
        past::repeat(&file.0, ago);
        file
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain name")
    }
}

impl Drop for History {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A control group with a fifth of a processor, deleted afterwards.
struct Group(PathBuf);

impl Group {
    /// Below that of this process, of either version.
    fn new() -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let of = |line: &str| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
            let root = PathBuf::from("/sys/fs/cgroup");
            match controllers {
                "" => Some((root.join(path), [("cpu.max", "2000 10000")].as_slice())),
                named if named.split(',').any(|one| one == "cpu") => Some((
                    root.join(named).join(path),
                    [("cpu.cfs_period_us", "10000"), ("cpu.cfs_quota_us", "2000")].as_slice(),
                )),
                _ => None,
            }
        };
        let mut why = "none has the controller cpu".to_owned();
        for (above, limits) in own.lines().filter_map(of) {
            let group = above.join(format!("perf-sdk-test-{}", std::process::id()));
            if let Err(error) = fs::create_dir(&group) {
                why = format!("{}: {error}", group.display());
                continue;
            }
            let group = Self(group);
            match limits.iter().try_for_each(|(file, limit)| fs::write(group.0.join(file), limit)) {
                Ok(()) => return Ok(group),
                Err(error) => why = format!("{}: {error}", group.0.display()),
            }
        }
        Err(why)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain name")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn each_planted_problem_is_the_only_finding_and_mended_programs_have_none() {
    let only = std::env::var("PLANTED_ONLY").unwrap_or_default();
    let waiting: Mutex<VecDeque<&Case>> = Mutex::new(
        CASES.iter().filter(|case| only.is_empty() || only.split(',').any(|one| one == case.rule)).collect(),
    );
    let failed = Mutex::new(Vec::new());
    let next = || waiting.lock().expect("nobody panics").pop_front();
    thread::scope(|scope| {
        for _ in 0..BESIDE {
            scope.spawn(|| {
                while let Some(case) = next() {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(case))) {
                        let said = panic.downcast_ref::<String>().map_or("it panicked", String::as_str);
                        failed.lock().expect("nobody panics").push(format!("{}: {said}", case.rule));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("nobody panics");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn each_rule_has_a_program() {
    let mut planted: Vec<&str> = CASES.iter().map(|case| case.rule).collect();
    let documented =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/findings.md")).expect("a document");
    let rows = documented.lines().skip_while(|line| !line.starts_with("| rule |")).skip(2);
    let mut rules: Vec<&str> = rows
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').nth(1).unwrap_or_default().split(','))
        .map(|rule| rule.trim().trim_matches('`'))
        .collect();
    planted.sort_unstable();
    rules.sort_unstable();
    assert_eq!(planted, rules);
}

/// For `docs/findings.md`: `cargo test --test findings -- --ignored healthy --nocapture`.
#[test]
#[ignore = "it takes five minutes"]
fn healthy_programs_have_no_finding_in_five_minutes() {
    const HEALTHY: [&str; 5] = ["allocations", "lock_contention", "n_plus_one", "long_poll", "large_blocks"];
    let (time, between) = (Duration::from_secs(300), Duration::from_secs(10));
    let all: Vec<_> =
        HEALTHY.map(|rule| thread::spawn(move || is_healthy(rule, &[], time, between))).into_iter().collect();
    let found: Vec<String> = all.into_iter().filter_map(|one| one.join().expect("it works").err()).collect();
    println!("{} programs of {} s: {} with a finding", HEALTHY.len(), time.as_secs(), found.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
