//! Reports in a browser: how they look, and whether what they say is true. The script is
//! `tests/report/drive.mjs`.

use std::path::Path;
use std::process::Command;

use perf_sdk_tests::has;

const PROGRAM: &str = env!("CARGO_BIN_EXE_report");
const COMMAND_LINE: &str = env!("CARGO_BIN_EXE_command-line");
const PACKAGES: &str = "npm install playwright-core axe-core, and set NODE_PATH to the folder";

/// Runs a scenario, if there are a browser and what the script needs.
fn drive(scenario: &str) {
    let needs = "['playwright-core', 'axe-core'].forEach(require.resolve)";
    if !has("chromium", &["--version"], "install Debian's chromium") || !has("node", &["-e", needs], PACKAGES) {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("report/drive.mjs");
    let output = Command::new("node").arg(script).args([PROGRAM, COMMAND_LINE, scenario]).output().expect("node");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{scenario}: {}\n{said}\n{complained}", output.status);
    print!("{said}");
}

#[test]
fn what_is_served_is_what_the_api_says() {
    drive("served");
}

#[test]
fn keys_sort_search_zoom_and_print() {
    drive("inputs");
}

#[test]
fn what_changed_is_told_from_what_did_not() {
    drive("two");
}

#[test]
fn empty_and_huge_programs_have_reports() {
    drive("extremes");
}

#[test]
fn a_guarded_endpoint_asks_for_the_token() {
    drive("guarded");
}
