//! Locks that record who waited and who held the lock.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use perf_sdk_tests::{eventually, has, run};

const LOCKS: &str = env!("CARGO_BIN_EXE_locks");

#[test]
fn waits_are_in_snapshots_metrics_and_routes() {
    run(LOCKS, "routes", &[]);
}

#[test]
fn nothing_is_recorded_while_recording_is_off() {
    run(LOCKS, "recording_off", &[]);
}

#[test]
fn a_forked_child_starts_from_zero() {
    run(LOCKS, "forked_child", &[]);
}

/// A process that contends until this drops.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start() -> Self {
        let mut child = Command::new(LOCKS).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    /// The output of Go's own reader for a profile that it fetches itself.
    fn read(&self, folder: &Path, arguments: &[&str], place: &str) -> String {
        let mut go = Command::new("go");
        go.args(["tool", "pprof", "-timeout=60"])
            .args(arguments)
            .arg(format!("http://{}/debug/pprof/{place}", self.address));
        let output = go.env("PPROF_TMPDIR", folder).env("HOME", folder).output().unwrap();
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{place} {arguments:?}: {said}\n{complained}");
        said.into_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn gos_pprof_reads_waiters_and_holders() {
    if !has("go", &["version"], "install Debian's golang-go") {
        return;
    }
    let folder = std::env::temp_dir().join(format!("perf-sdk-locks-go-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let served = Served::start();
    for (place, meant, other) in [("mutex", "locks::holds", "locks::waits"), ("block", "locks::waits", "locks::holds")]
    {
        // The profile of a window, so that it contains something, whenever the process began.
        let place = format!("{place}?seconds=1");
        let top = eventually(|| {
            let top = served.read(&folder, &["-top", "-cum"], &place);
            if top.contains(meant) { Ok(top) } else { Err(top) }
        });
        assert!(top.contains("Type: delay") && top.contains(meant) && !top.contains(other), "{top}");
        let leaf = |line: &&str| line.contains("Mutex at tests/src/bin/locks.rs:");
        assert!(top.lines().find(leaf).is_some_and(|line| !line.trim_start().starts_with("0 ")), "{top}");
        let raw = served.read(&folder, &["-raw"], &place);
        assert!(raw.contains("contentions/count delay/nanoseconds"), "{raw}");
        assert!(raw.contains("PeriodType: contentions count") && raw.contains(&format!("scope:[{meant}]")), "{raw}");
        let counted = served.read(&folder, &["-top", "-sample_index=contentions"], &place);
        assert!(counted.contains("Type: contentions") && counted.contains(meant), "{counted}");
    }
    drop(served);
    std::fs::remove_dir_all(&folder).unwrap();
}
