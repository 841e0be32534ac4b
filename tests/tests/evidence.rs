//! Evidence of what happened: made by alerts, panics, signals and requests, kept in a folder and in
//! memory, and opened by tar.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use perf_sdk_tests::pprof::Profile;
use perf_sdk_tests::run;

const EVIDENCE: &str = env!("CARGO_BIN_EXE_evidence");

/// A folder of one test, deleted afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("perf-sdk-test-evidence-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain name")
    }

    /// The only file in it.
    fn file(&self) -> PathBuf {
        let mut files: Vec<PathBuf> =
            fs::read_dir(&self.0).expect("it").map(|entry| entry.expect("one").path()).collect();
        let file = files.pop().expect("a file");
        assert!(files.is_empty(), "{files:?} {file:?}");
        file
    }

    /// Unpacks a bundle into this folder by tar. Returns the folder of its files.
    fn unpack(&self, bundle: &Path) -> PathBuf {
        let status = Command::new("tar").arg("-xzf").arg(bundle).arg("-C").arg(&self.0).status().expect("tar");
        assert!(status.success());
        self.file()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn an_alert_keeps_what_ran_before_it() {
    let (kept, unpacked) = (Folder::new("alert"), Folder::new("alert-unpacked"));
    let output = run(EVIDENCE, "alarmed", &[("PERF_EVIDENCE", kept.path()), ("PERF_STACKS_HZ", "199")]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (name, length) = said.trim().split_once(' ').expect("a name and a length");
    let file = kept.file();
    assert_eq!(file.file_name().and_then(|file| file.to_str()), Some(name));
    assert_eq!(fs::metadata(&file).expect("it").len().to_string(), length);
    let folder = unpacked.unpack(&file);
    let readme = text(&folder, "README.md");
    for part in
        ["alert: many jobs: queue_depth is 9 over 1m, which is > 5", "`evidence::burns`: ", "`cpu.pb.gz`: CPU time"]
    {
        assert!(readme.contains(part), "{part}: {readme}");
    }
    let profile = Profile::read(&fs::read(folder.join("cpu.pb.gz")).expect("a profile"));
    assert!(profile.sums_of("evidence::burns")[1] > 50_000_000, "{:?}", profile.sums_of("evidence::burns"));
    let wall = Profile::read(&fs::read(folder.join("wall.pb.gz")).expect("a profile"));
    assert!(wall.sums_of("evidence::burns")[1] > 0);
    let timeline = text(&folder, "timeline.speedscope.json");
    assert!(timeline.contains("\"name\":\"burner (") && timeline.contains("evidence::burns"), "{timeline}");
    let flame = text(&folder, "flame.html");
    assert!(flame.starts_with("<!doctype html>") && flame.contains("evidence::burns") && flame.contains("\"times\":{"));
    assert!(text(&folder, "history.json").contains("process_cpu_seconds_total"));
    assert!(text(&folder, "snapshot.json").contains("\"functions\""));
    assert!(text(&folder, "alerts.json").contains("many jobs"));
    assert!(text(&folder, "findings.txt").ends_with('\n'));
}

#[test]
fn who_asks_gets_a_bundle_and_a_mistake_is_named() {
    let (file, unpacked) = (Folder::new("asks"), Folder::new("asks-unpacked"));
    let path = file.0.join("bundle.tar.gz");
    let output = Command::new(EVIDENCE).arg("asks").arg(&path).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = unpacked.unpack(&path);
    let readme = text(&folder, "README.md");
    assert!(readme.contains(" UTC, request: HTTP\n"), "{readme}");
    assert!(readme.contains("The slowest call of the last minutes was one of ") && readme.contains("`slow.pftrace`"));
    let slow = text(&folder, "slow.json");
    assert!(slow.contains("\"name\":\"asks::job\"") && slow.contains("\"evidence::burns\""), "{slow}");
    assert!(text(&folder, "slow.txt").contains(" samples"));
    assert!(fs::metadata(folder.join("slow.pftrace")).expect("a trace").len() > 0);
}

#[test]
fn warnings_and_errors_of_the_program_are_in_a_bundle() {
    let (file, unpacked) = (Folder::new("logs"), Folder::new("logs-unpacked"));
    let path = file.0.join("bundle.tar.gz");
    let output = Command::new(EVIDENCE).arg("logs").arg(&path).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = unpacked.unpack(&path);
    let log = text(&folder, "log.txt");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].ends_with(" WARN evidence [main] checkout: the bank is slow attempt=3"), "{log}");
    assert!(lines[1].ends_with(" ERROR evidence [main] : no bank"), "{log}");
    assert!(text(&folder, "README.md").contains("The program logged 1 errors and 1 warnings."));
}

#[test]
fn samples_in_a_bundle_have_the_trace_in_which_they_were_taken() {
    let (file, unpacked) = (Folder::new("traced"), Folder::new("traced-unpacked"));
    let path = file.0.join("bundle.tar.gz");
    let output = Command::new(EVIDENCE).arg("traced").arg(&path).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = unpacked.unpack(&path);
    let profile = Profile::read(&fs::read(folder.join("cpu.pb.gz")).expect("a profile"));
    profile.assert_collectable("cpu.pb.gz");
    let (of_trace, of_span) =
        (profile.sums_with("trace_id", &"ab".repeat(16)), profile.sums_with("span_id", &"cd".repeat(8)));
    let all = profile.sums_of("evidence::burns");
    assert!(of_trace == of_span && of_trace[0] > 10 && of_trace[0] <= all[0], "{of_trace:?} {of_span:?} {all:?}");
    assert!(text(&folder, "timeline.speedscope.json").contains("evidence::burns"));
}

#[test]
fn a_panic_keeps_evidence_and_calls_the_hook_of_before() {
    run(EVIDENCE, "panics", &[("PERF_EVIDENCE_PANIC", "true")]);
}

#[test]
fn a_signal_keeps_evidence() {
    run(EVIDENCE, "signalled", &[("PERF_EVIDENCE_SIGNAL", "USR2")]);
}

#[test]
fn what_the_folder_does_not_take_is_in_memory() {
    let folder = Folder::new("gone");
    let output = run(EVIDENCE, "loses_its_folder", &[("PERF_EVIDENCE", folder.path())]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("evidence of alert \"many jobs\"") && said.contains("cannot be written: "), "{said}");
}

#[test]
fn a_capture_that_could_not_be_kept_has_failed() {
    let folder = Folder::new("no-place");
    let output = run(EVIDENCE, "has_no_place", &[("PERF_EVIDENCE", folder.path()), ("PERF_MEMORY", "1MiB")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("evidence of alert \"many jobs\"") && said.contains("memory has no room for"), "{said}");
}

#[test]
fn a_bundle_is_complete_when_the_program_has_ended() {
    let (kept, unpacked) = (Folder::new("ends"), Folder::new("ends-unpacked"));
    run(EVIDENCE, "ends", &[("PERF_EVIDENCE", kept.path())]);
    let files = fs::read_dir(&kept.0).expect("it").count();
    if files == 0 {
        // It is waited for a limited time, in which a busy machine may not be done.
        return;
    }
    assert!(text(&unpacked.unpack(&kept.file()), "README.md").contains("many jobs"));
}

#[test]
fn a_forked_child_makes_bundles_of_its_own() {
    run(EVIDENCE, "forks", &[]);
}

#[test]
fn off_is_off_and_a_folder_that_cannot_be_used_is_an_error() {
    run(EVIDENCE, "off", &[("PERF_FLIGHT", "off")]);
    for (variable, value, said) in [
        ("PERF_EVIDENCE", "/nowhere/at/all", "cannot write evidence to /nowhere/at/all: "),
        ("PERF_FLIGHT", "1s", "PERF_FLIGHT is \"1s\"; allowed: a duration from 10s to 1h"),
        ("PERF_EVIDENCE_SIGNAL", "KILL", "PERF_EVIDENCE_SIGNAL is \"KILL\"; allowed: USR1, USR2 or HUP"),
    ] {
        let output = Command::new(EVIDENCE).arg("starts").env(variable, value).output().expect("the program runs");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success() && out.contains(said), "{variable}={value}: {out}");
    }
}
