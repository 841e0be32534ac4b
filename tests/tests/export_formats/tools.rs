//! Readers that are separate programs.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

pub(crate) use perf_sdk_tests::has;

/// Runs `command` with `input`. If it fails, the test fails with its output.
pub(crate) fn accepts(command: &str, arguments: &[&str], input: &[u8]) -> String {
    let output = run(command, arguments, input);
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "{command}: {}\n{said}\n{complained}\ninput:\n{}",
        output.status,
        String::from_utf8_lossy(input)
    );
    assert_eq!(complained, "", "{command} complains");
    said.into_owned()
}

/// promtool accepts the scrape. Names of node_exporter are kept as they are, although promtool
/// complains of them.
pub(crate) fn accepts_names(scrape: &[u8]) {
    let output = run("promtool", &["check", "metrics"], scrape);
    let complained = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = complained.lines().filter(|line| !line.starts_with("node_memory_")).collect();
    // 3: it read the document, and complains of names.
    assert!(ours.is_empty() && matches!(output.status.code(), Some(0 | 3)), "{}: {ours:?}", output.status);
}

/// Runs `command` with `input`.
pub(crate) fn run(command: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || {
        // A reader that fails early closes the pipe. Its exit status shows that.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("an end");
    feeder.join().expect("no panic");
    output
}
