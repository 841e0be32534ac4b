//! The dashboard in a browser: how it looks, what people do with it, and whether what it shows is
//! true. The scripts are in `tests/dashboard`.

use std::path::Path;
use std::process::Command;

use perf_sdk_tests::has;

const PROGRAM: &str = env!("CARGO_BIN_EXE_dashboard");
const PACKAGES: &str = "npm install playwright-core axe-core pngjs pixelmatch, and set NODE_PATH to the folder";

/// Runs a script, if there are a browser and what the script needs.
fn passes(script: &str, arguments: &[&str]) {
    let needs = "['playwright-core', 'axe-core', 'pngjs', 'pixelmatch'].forEach(require.resolve)";
    if !has("chromium", &["--version"], "install Debian's chromium") || !has("node", &["-e", needs], PACKAGES) {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard");
    let output = Command::new("node").arg(folder.join(script)).args(arguments).output().expect("node");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script} {arguments:?}: {}\n{said}\n{complained}", output.status);
    print!("{said}");
}

#[test]
fn every_state_looks_right_and_is_accessible() {
    passes("pictures.mjs", &[]);
}

#[test]
fn people_brush_pause_search_and_sort() {
    passes("inputs.mjs", &[]);
}

#[test]
fn hours_of_streaming_take_no_more_memory() {
    passes("hours.mjs", &[]);
}

#[test]
fn what_is_shown_is_what_the_api_and_the_scrape_say() {
    passes("live.mjs", &[PROGRAM, "truth"]);
}

#[test]
fn calls_are_in_the_charts_and_in_ranges() {
    passes("live.mjs", &[PROGRAM, "new_calls"]);
}

#[test]
fn real_programs_are_empty_huge_and_end() {
    passes("live.mjs", &[PROGRAM, "states"]);
}

#[test]
fn data_need_the_token_and_the_page_asks_for_it() {
    passes("live.mjs", &[PROGRAM, "guarded"]);
}

#[test]
fn mounted_routes_of_a_profiler_that_was_not_started() {
    passes("live.mjs", &[PROGRAM, "unstarted"]);
}
