//! The flamegraph viewer, in a browser: `tests/viewer/drive.mjs` drives it by its own input events.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use perf_sdk::export::FlameDocument;
use perf_sdk_tests::{has, run};

const VIEWER: &str = env!("CARGO_BIN_EXE_viewer");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/viewer/drive.mjs");

/// Whether there is a browser, and what drives it.
fn has_browser() -> bool {
    has("chromium", &["--version"], "install Debian's chromium")
        && ["playwright-core", "axe-core"].iter().all(|name| {
            let how = "npm install playwright-core axe-core, and set NODE_PATH to the folder";
            has("node", &["-e", &format!("require('{name}')")], how)
        })
}

/// A file of the viewer without data, in which the script puts its own.
fn template() -> PathBuf {
    let path = std::env::temp_dir().join(format!("perf-sdk-viewer-{}.html", std::process::id()));
    let mut file = Vec::new();
    FlameDocument::of_calls(&perf_sdk::snapshot()).write_html(&mut file).expect("a file");
    fs::write(&path, file).expect("a file");
    path
}

fn drive(scenario: &str) {
    if !has_browser() {
        return;
    }
    let file = template();
    let output = Command::new("node").args([SCRIPT, scenario]).arg(&file).output().expect("node");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario}: {said}");
    println!("{said}");
}

#[test]
fn calls_are_searched_zoomed_and_turned_over() {
    drive("calls");
}

#[test]
fn a_difference_tells_changes_from_chance() {
    drive("difference");
}

#[test]
fn ranges_of_time_are_marked_and_compared() {
    drive("times");
}

#[test]
fn a_hundred_thousand_frames_are_moved_and_zoomed() {
    drive("large");
}

#[test]
fn everybody_can_read_it() {
    drive("accessibility");
}

#[test]
fn it_looks_as_it_did() {
    drive("pictures");
}

#[test]
fn data_are_served() {
    run(VIEWER, "routes", &[]);
}

#[test]
fn samples_in_slow_calls_are_known() {
    run(VIEWER, "slow", &[]);
}

fn run_with_script(scenario: &str) {
    if has_browser() {
        let status = Command::new(VIEWER).args([scenario, SCRIPT]).status().expect("the program");
        assert!(status.success(), "{scenario}: what it said is above");
    }
}

#[test]
fn the_page_shows_what_the_endpoint_has() {
    run_with_script("served");
}

#[test]
fn the_page_asks_for_the_token() {
    run_with_script("guarded");
}

#[test]
fn reference_pictures_are_small() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("viewer/reference");
    let bytes: u64 =
        fs::read_dir(folder).expect("pictures").map(|entry| entry.expect("one").metadata().expect("it").len()).sum();
    assert!((1..200 << 10).contains(&bytes), "{bytes}");
}
