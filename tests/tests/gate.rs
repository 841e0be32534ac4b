//! The regression gate, with real programs. How often it is wrong: `src/bin/gate_bars.rs`.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use perf_sdk::bench::Bench;
use perf_sdk_tests::{has, until};
use serde_json::Value;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

const COMMAND_LINE: &str = env!("CARGO_BIN_EXE_command-line");
const SUBJECT: &str = env!("CARGO_BIN_EXE_gate_subject");
/// Tier 1 alone.
const EXACT: &[&str] = &["--time=off", "--instructions=off"];

/// A folder of one test, with versions of the program.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("perf-sdk-gate-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self { path }
    }

    /// The program with what its name plants.
    fn version(&self, name: &str) -> String {
        let path = self.path.join(name);
        if !path.exists() {
            fs::hard_link(SUBJECT, &path).or_else(|_| fs::copy(SUBJECT, &path).map(drop)).expect("a version");
        }
        self.file(name)
    }

    fn file(&self, name: &str) -> String {
        self.path.join(name).to_str().expect("a path that is text").to_owned()
    }

    /// Compares two versions.
    fn check(&self, versions: [&str; 2], options: &[&str]) -> Said {
        let [base, head] = versions.map(|name| if name.contains('.') { self.file(name) } else { self.version(name) });
        say(&[&["check", &base, &head], options].concat())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

struct Said {
    status: i32,
    out: String,
    error: String,
}

fn say(arguments: &[&str]) -> Said {
    let Output { status, stdout, stderr } =
        Command::new(COMMAND_LINE).args(arguments).env("NO_COLOR", "1").output().expect("the command line");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let said = Said { status: status.code().expect("an exit status"), out: text(stdout), error: text(stderr) };
    println!("{arguments:?}: {}\n{}{}", said.status, said.out, said.error);
    said
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).expect("JSON")
    }
}

fn tier<'a>(report: &'a Value, name: &str) -> &'a Value {
    let tiers = report["tiers"].as_array().expect("tiers");
    tiers.iter().find(|tier| tier["name"] == name).expect("the tier")
}

/// Function and figure of each regression in a tier.
fn regressions(report: &Value, name: &str) -> Vec<(String, String)> {
    let comparisons = tier(report, name)["comparisons"].as_array().expect("comparisons");
    let found = comparisons.iter().filter(|one| one["verdict"] == "regression");
    let text = |value: &Value| value.as_str().unwrap_or("").rsplit("::").next().unwrap_or("").to_owned();
    found.map(|one| (text(&one["function"]), text(&one["figure"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(function, figure)| ((*function).to_owned(), (*figure).to_owned())).collect()
}

#[test]
fn a_check_that_a_signal_ends_leaves_nothing() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::new(&format!("signal-{signal}"));
        let (version, scratch) = (folder.version("plain"), folder.path.join("scratch"));
        fs::create_dir(&scratch).expect("a folder");
        let mut check = Command::new("env")
            .args([&format!("--default-signal={signal}"), COMMAND_LINE, "check", &version, &version])
            .args(["--time=fail", "--pairs=1001", "--instructions=off"])
            .env("TMPDIR", &scratch)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command line");
        let entries = || fs::read_dir(&scratch).expect("a folder").count();
        until("the check to have a folder", || entries() > 0);
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(check.id().to_string()).status();
        assert!(sent.expect("kill").success());
        let status = check.wait().expect("an end");
        let number = if signal == "INT" { 2 } else { 15 };
        assert_eq!((status.signal(), entries()), (Some(number), 0), "{signal}: {status}");
    }
}

/// Operations in a test, which the test below runs by the command line.
#[test]
fn operations_of_a_test() {
    let mut bench = Bench::new();
    bench.operation("letters", || ["Ada", "Alan"].map(|name| perf_sdk::measure("letter", || format!("Dear {name},"))));
    bench.test();
}

#[test]
fn a_test_with_operations_is_compared() {
    let test = env::current_exe().expect("this program");
    let test = test.to_str().expect("a path that is text");
    let arguments = [&["check", test, test, "--json"], EXACT, &["--", "operations_of_a_test", "--exact"]].concat();
    let said = say(&arguments);
    assert_eq!(said.status, 0);
    let report = said.json();
    let allocations = &tier(&report, "counts")["comparisons"][1];
    assert_eq!((&allocations["figure"], allocations["base"].as_f64()), (&"allocations".into(), Some(2.0)));
    // Without the name of the test all of them would run, and the harness reports the rest.
    let said = say(&["check", test, test, "--time=off", "--", "no_such_test", "--exact"]);
    assert_eq!(said.status, 2);
    assert!(said.error.contains("did not answer"), "{}", said.error);
}

#[test]
fn equal_versions_pass() {
    let folder = Folder::new("equal");
    let said = folder.check(["base", "head"], &["--time=off", "--json"]);
    assert_eq!(said.status, 0);
    let report = said.json();
    assert_eq!(report["verdict"], "pass");
    assert_eq!(tier(&report, "time")["skipped"], "not asked for");
    if has("valgrind", &["--version"], "instructions are not compared") && cfg!(target_arch = "x86_64") {
        let instructions = tier(&report, "instructions");
        assert!(instructions["skipped"].is_null(), "{instructions}");
        assert!(instructions["comparisons"][0]["base"].as_f64().expect("a count") > 10_000.0);
    }
}

#[test]
fn one_more_allocation_is_found_and_named() {
    let folder = Folder::new("allocation");
    let (markdown, junit) = (folder.file("report.md"), folder.file("report.xml"));
    let files = [EXACT, &["--markdown", &markdown, "--junit", &junit]].concat();
    let said = folder.check(["base", "allocation"], &files);
    assert_eq!(said.status, 1);
    assert!(said.out.contains("describe: allocations"), "{}", said.out);
    let text = fs::read_to_string(&markdown).expect("Markdown");
    assert!(text.starts_with("## Performance: regression\n"), "{text}");
    assert!(text.contains("```diff\n"), "{text}");
    let drawn =
        |mark: char| text.lines().any(|line| line.starts_with(mark) && line.contains("::describe: 1 calls, own: "));
    assert!(drawn('-') && drawn('+'), "{text}");
    let text = fs::read_to_string(&junit).expect("JUnit");
    assert!(text.contains("failures=\"1\"") && text.contains("type=\"regression\""), "{text}");
    assert!(text.contains("describe"), "{text}");

    let report = folder.check(["base", "allocation"], &[EXACT, &["--json"]].concat()).json();
    let found = regressions(&report, "counts");
    assert!(found.contains(&("".to_owned(), "allocations".to_owned())), "{found:?}");
    assert!(found.contains(&("describe".to_owned(), "allocations".to_owned())), "{found:?}");

    let accepted = folder.check(["base", "allocation"], &[EXACT, &["--accept", "order"]].concat());
    assert_eq!(accepted.status, 0);
    assert_eq!(folder.check(["allocation", "base"], EXACT).status, 0);
}

#[test]
fn one_more_call_is_found_and_named() {
    let folder = Folder::new("calls");
    let said = folder.check(["base", "calls"], &[EXACT, &["--json", "--only", "order"]].concat());
    assert_eq!(said.status, 1);
    assert_eq!(regressions(&said.json(), "counts"), pairs(&[("", "calls"), ("price", "calls")]));
}

#[test]
fn more_instructions_are_found_and_named() {
    if !has("valgrind", &["--version"], "instructions are not compared") || cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let folder = Folder::new("instructions");
    let said = folder.check(["base", "instructions"], &["--time=off", "--json", "--only=order", "--instructions=on"]);
    assert_eq!(said.status, 1);
    let report = said.json();
    assert!(regressions(&report, "counts").is_empty());
    let found = regressions(&report, "instructions");
    assert_eq!(found[0], ("".to_owned(), "instructions".to_owned()));
    let functions = tier(&report, "instructions")["comparisons"].as_array().expect("comparisons");
    assert!(functions.iter().any(|one| one["function"].as_str().is_some_and(|name| name.contains("find"))), "{report}");
    let tolerated = ["--time=off", "--only=order", "--instruction-tolerance=10%"];
    assert_eq!(folder.check(["base", "instructions"], &tolerated).status, 0);
}

/// Six times as long: more than any load makes of the fastest of some batches.
#[test]
fn much_more_time_is_found_and_named() {
    let folder = Folder::new("time");
    let options = ["--instructions=off", "--only=order", "--pairs=15", "--json"];
    let said = folder.check(["base", "slow"], &[&options[..], &["--time=fail"]].concat());
    assert_eq!(said.status, 1);
    let report = said.json();
    let found = regressions(&report, "time");
    assert_eq!(found[0], ("".to_owned(), "wall ns".to_owned()));
    assert!(found.contains(&("price".to_owned(), "wall ns".to_owned())), "{found:?}");
    assert!(report["drawings"].as_array().is_some_and(|drawings| !drawings.is_empty()));
    // Shown, but no failure.
    let said = folder.check(["base", "slow"], &options);
    assert_eq!(said.status, 0);
    assert_eq!(regressions(&said.json(), "time")[0].1, "wall ns");
}

#[test]
fn a_file_keeps_the_counts() {
    let folder = Folder::new("file");
    let (base, file) = (folder.version("base"), folder.file("baseline.toml"));
    let said = say(&["bench", &base, "--instructions=off", "--write", &file]);
    assert_eq!(said.status, 0);
    let text = fs::read_to_string(&file).expect("the file");
    assert!(text.contains("[operation.\"order\"]\nwarm_up = 16\niterations = 64\nallocations = "), "{text}");
    assert!(text.contains("::order → gate_subject::price\" = { calls = 4, allocations = 0, bytes = 0 }\n"), "{text}");
    let json = say(&["bench", &base, "--instructions=off", "--json"]).json();
    let order = &json["operations"][1];
    assert_eq!((&order["name"], &order["allocations"], &order["steady"]), (&"order".into(), &3.0.into(), &true.into()));
    // The same each time, so that a diff shows what changed.
    let shown = say(&["bench", &base, "--instructions=off"]);
    assert_eq!(shown.out, text);

    let said = folder.check(["baseline.toml", "head"], &["--json"]);
    assert_eq!(said.status, 0);
    let report = said.json();
    assert!(tier(&report, "time")["skipped"].as_str().is_some_and(|reason| reason.starts_with("a file has no times")));
    assert!(!tier(&report, "instructions")["skipped"].is_null());
    assert_eq!(folder.check(["baseline.toml", "allocation"], &[]).status, 1);

    fs::write(&file, text.replace("iterations = 64\n", "iterations = 0\n")).expect("a file");
    let said = folder.check(["baseline.toml", "head"], &[]);
    assert_eq!(said.status, 2);
    assert!(said.error.contains("baseline.toml: line ") && said.error.contains("from 1 on"), "{}", said.error);
}

#[test]
fn what_differs_from_process_to_process_is_inconclusive() {
    let folder = Folder::new("unsteady");
    let said = folder.check(["unsteady", "unsteady-2"], EXACT);
    assert_eq!(said.status, 3);
    assert!(said.out.contains("differs from process to process: base "), "{}", said.out);
    let program = folder.version("unsteady");
    let said = say(&["bench", &program, "--instructions=off", "--write", &folder.file("x.toml")]);
    assert_eq!(said.status, 2);
    assert!(said.error.contains("order differs from process to process"), "{}", said.error);
    assert!(!Path::new(&folder.file("x.toml")).exists());
}

#[test]
fn an_operation_that_is_gone_is_inconclusive_and_a_new_one_passes() {
    let folder = Folder::new("renamed");
    let said = folder.check(["base", "renamed"], EXACT);
    assert_eq!(said.status, 3);
    assert!(said.out.contains("inconclusive lookup, the operation: "), "{}", said.out);
    assert!(said.out.contains("pass search, the operation: ") && said.out.contains("; new: "), "{}", said.out);
    assert_eq!(folder.check(["base", "renamed"], &[EXACT, &["--only", "search"]].concat()).status, 0);
}

#[test]
fn what_is_wrong_is_said() {
    let folder = Folder::new("wrong");
    let base = folder.version("base");
    let error = |arguments: &[&str]| {
        let said = say(arguments);
        assert_eq!(said.status, 2, "{arguments:?}");
        said.error
    };
    let missing = error(&["check", &base, "/no/such/program"]);
    assert!(missing.contains("cannot run /no/such/program"), "{missing}");
    let failing = error(&["check", &base, &folder.version("failing")]);
    assert!(failing.contains("ended with exit status: 1") && failing.contains("this version fails"), "{failing}");
    let other = error(&["check", "/bin/true", &base]);
    assert!(other.contains("/bin/true did not answer: it must end in Bench::run"), "{other}");
    let only = error(&["check", &base, &base, "--only", "nothing"]);
    assert!(only.contains("no operation has \"nothing\" in its name; there are order, lookup"), "{only}");
    let few = error(&["check", &base, &base, "--pairs", "3"]);
    assert!(few.contains("--pairs allows 9 and more"), "{few}");
    let tolerance = error(&["check", &base, &base, "--tolerance", "fast"]);
    assert!(tolerance.contains("allowed is a percentage"), "{tolerance}");
    let request = Command::new(SUBJECT).env("PERF_BENCH", "yes").output().expect("the program");
    assert_eq!(request.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&request.stderr).contains("PERF_BENCH=\"yes\" is no request"));
}

#[test]
fn a_program_that_nobody_asks_shows_its_counts() {
    let output = Command::new(SUBJECT).output().expect("the program");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("  order: 7 profiled calls, "), "{text}");
}

/// The options of `perf-sdk check` and `bench` in a text, with those of lines that go on.
fn options_in(text: &str) -> Vec<(String, String)> {
    let joined = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines() {
        for command in ["check", "bench"] {
            let Some((_, rest)) = line.split_once(&format!("perf-sdk {command} ")) else { continue };
            // Behind `--` are arguments of the program, behind a backtick is prose.
            let rest = rest.split('`').next().unwrap_or("").split(" -- ").next().unwrap_or("");
            let options = rest.split_whitespace().filter(|word| word.starts_with("--"));
            found.extend(options.map(|option| (command.to_owned(), option.to_owned())));
        }
    }
    found
}

#[test]
fn options_in_the_documents_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    for document in ["docs/gate.md", "docs/guide/gate.md", "docs/gate/workflow.yml"] {
        let text = fs::read_to_string(root.join(document)).expect("a document");
        let options = options_in(&text);
        assert!(!options.is_empty(), "{document} has no options");
        for (command, option) in options {
            let help = say(&[&command, "--help"]).out;
            assert!(help.split_whitespace().any(|word| word == option), "{document}: perf-sdk {command} {option}");
        }
    }
}
