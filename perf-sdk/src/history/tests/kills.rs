//! `kill -9` at random moments while a file is written.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::files::{Folder, assert_true, open, tell};
use super::*;
use crate::histogram::{Histogram, Scale};

const FILE: &str = "PERF_SDK_TEST_HISTORY";

/// The process that is killed: this very test, with a file in its environment.
#[test]
fn writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(FILE).map(PathBuf::from) else { return };
    let mut history = open(&path).unwrap();
    history.journal().rewritten_at = 60_000;
    let mut times = Histogram::new(Scale::Seconds);
    let mut now = u64::from(history.newest()).max(START) + 1;
    let mut progress = fs::File::create(path.with_extension("progress")).unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        tell(&mut history, now, &mut times);
        // What is written of it is in the file by now.
        progress.write_all(&now.to_le_bytes()).unwrap();
        now += 1;
    }
}

fn kill(times: usize, name: &str) {
    let folder = Folder::new(name);
    let path = folder.0.join("history");
    let mut random = Random(std::process::id().into());
    let program = std::env::current_exe().unwrap();
    for round in 0..times {
        let progress = path.with_extension("progress");
        let _ = fs::remove_file(&progress);
        let mut child = Command::new(&program)
            .args(["--exact", "history::tests::kills::writes_until_it_is_killed", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // So many seconds of its clock, or as many as it comes to.
        let wanted = 8 * (20 + random.below(3_000));
        let patience = Instant::now() + Duration::from_secs(50);
        while fs::metadata(&progress).map_or(0, |known| known.len()) < wanted && Instant::now() < patience {
            std::thread::sleep(Duration::from_micros(200));
            assert_eq!(child.try_wait().unwrap(), None, "round {round}: it ended by itself");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let told = fs::read(&progress).unwrap();
        let last = told.chunks_exact(8).next_back().map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        let history = open(&path).unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_true(&history);
        let missing = last.unwrap().saturating_sub(history.newest().into());
        assert!(missing <= 10, "round {round}: {missing} s are missing");
        let file = history.file_counts().unwrap();
        assert_eq!((file.damaged, file.senseless_records), (0, 0), "round {round}: {file:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_survives_kills() {
    kill(6, "kills");
}

/// The number that is promised.
#[cfg(unix)]
#[test]
#[ignore = "takes longer"]
fn a_file_survives_200_kills() {
    kill(200, "200-kills");
}
