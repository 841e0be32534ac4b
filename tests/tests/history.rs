//! The history in a file outlives its process, however that ends, and no file is damaged that is
//! not a history.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use perf_sdk_tests::run;

const HISTORY: &str = env!("CARGO_BIN_EXE_history");

/// A temporary folder of one test, deleted afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("perf-sdk-test-history-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self) -> String {
        self.0.join("history").to_str().expect("a plain name").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The numbers in a line of the program.
fn numbers(output: &Output, word: &str) -> Vec<u64> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("no {word} in {text}"));
    line.split_whitespace().skip(1).map(|number| number.parse().expect("a number")).collect()
}

fn start_with(file: &str) -> Output {
    Command::new(HISTORY).arg("starts").env("PERF_HISTORY", file).output().expect("the program")
}

/// Fills a file until the program is killed, and returns when that was.
fn fill_and_kill(file: &str) -> u64 {
    let mut child = Command::new(HISTORY)
        .arg("fills")
        .env("PERF_HISTORY", file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("filled"), "{line}");
    child.kill().expect("a kill");
    child.wait().expect("its end");
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn it_survives_a_kill_and_damage() {
    let folder = Folder::new("kill");
    let file = folder.file();
    let killed_at = fill_and_kill(&file);
    let output = run(HISTORY, "reads", &[("PERF_HISTORY", &file)]);
    let [known, latest] = numbers(&output, "known")[..] else { panic!("two numbers") };
    assert!(known >= 10, "{known} seconds are known");
    // The 10 seconds that went on, and those whose last round had not come.
    assert!(latest + 22 >= killed_at, "the latest second is {latest}, and it was killed at {killed_at}");
    // A bit, and a record that is not whole.
    let mut bytes = fs::read(&file).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes.extend_from_slice(b"\xf5rec\x40");
    fs::write(&file, bytes).expect("a file");
    let output = run(HISTORY, "starts", &[("PERF_HISTORY", &file)]);
    let lines = said(&output);
    let line = lines.lines().find(|line| line.contains(&file)).unwrap_or_else(|| panic!("nothing is said: {lines}"));
    assert!(line.contains("damaged bytes") && line.contains("incomplete"), "{line}");
    // It is mended.
    let output = run(HISTORY, "starts", &[("PERF_HISTORY", &file)]);
    assert!(!said(&output).contains("incomplete"), "{}", said(&output));
}

#[test]
fn an_end_in_order_loses_nothing_that_was_read() {
    let folder = Folder::new("stop");
    let file = folder.file();
    let stopped_at = numbers(&run(HISTORY, "stops", &[("PERF_HISTORY", &file)]), "stopped")[0];
    let output = run(HISTORY, "reads", &[("PERF_HISTORY", &file)]);
    let [_, latest] = numbers(&output, "known")[..] else { panic!("two numbers") };
    assert!(latest + 15 >= stopped_at, "the latest 10 seconds begin at {latest}, and it ended at {stopped_at}");
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_that_names_it() {
    let folder = Folder::new("errors");
    let (foreign, other) = (folder.0.join("foreign"), folder.0.join("other"));
    fs::write(&foreign, "not ours").expect("a file");
    fs::write(&other, b"perf-sdk history\x63\0\0\0\0\0\0\0").expect("a file");
    let plain = |path: &PathBuf| path.to_str().expect("a plain name").to_owned();
    let cases = [
        (plain(&folder.0), "no regular file"),
        (plain(&foreign), "other contents"),
        (plain(&other), "version 99"),
        ("/no/such/folder/history".to_owned(), "opening failed"),
    ];
    for (path, why) in cases {
        let output = start_with(&path);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(3), "{path}: {text}");
        assert!(text.contains(&path) && text.contains(why) && text.contains("PERF_HISTORY"), "{text}");
    }
    assert_eq!(fs::read_to_string(&foreign).expect("the file"), "not ours");
}

#[test]
fn a_full_disk_is_survived() {
    // Writing to it always fails for want of room, and it is no regular file.
    let output = start_with("/dev/full");
    assert!(output.status.code() == Some(3) && said(&output).contains("no regular file"), "{}", said(&output));
    let folder = Folder::new("limit");
    let file = folder.file();
    // A file must not grow beyond 512 bytes in this process: the header fits, and records do not.
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {HISTORY} stops");
    let output = Command::new("bash").args(["-c", &script]).env("PERF_HISTORY", &file).output().expect("bash");
    assert!(output.status.success(), "{}", said(&output));
    assert!(start_with(&file).status.success(), "the file is still a history");
}

#[test]
fn a_forked_child_has_a_history_of_its_own() {
    let folder = Folder::new("fork");
    run(HISTORY, "forks", &[("FILE_OF_THE_PARENT", &folder.file())]);
}

#[test]
fn the_route_answers_in_columns() {
    let output = run(HISTORY, "answers", &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = |word: &str| -> serde_json::Value {
        let line = text.lines().find_map(|line| line.strip_prefix(word)).unwrap_or_else(|| panic!("no {word}"));
        serde_json::from_str(line).expect("JSON")
    };
    let list = json("list ");
    let names: Vec<&str> =
        list["series"].as_array().expect("a list").iter().filter_map(|series| series["name"].as_str()).collect();
    for name in ["function_calls_total", "function_p95_seconds", "process_resident_memory_bytes"] {
        assert!(names.contains(&name), "{name} among {names:?}");
    }
    assert!(list["series"][0].get("mean").is_none(), "a list has no values");
    let columns = json("columns ");
    let times = columns["times"].as_array().expect("times").len();
    assert!(times > 0 && columns["step"] == 1);
    let series = columns["series"].as_array().expect("series");
    for one in series {
        assert_eq!(one["mean"].as_array().expect("values").len(), times, "{one}");
        assert!(one["labels"].get("function").is_none_or(|name| name == "work"));
    }
    assert!(series.iter().any(|one| one["name"] == "function_calls_total" && one["kind"] == "counter"));
}

#[test]
fn without_a_history_there_is_none() {
    for off in ["false", "off"] {
        let output = start_with(off);
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0");
    }
}

#[test]
fn once_it_runs_nothing_is_allocated() {
    print!("{}", String::from_utf8_lossy(&run(HISTORY, "allocates", &[]).stdout));
}
