//! Readers that are programs of their own.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// Set where a missing tool shall be a failure.
const REQUIRE: &str = "PERF_TEST_REQUIRE_TOOLS";

/// Whether `command --version` (or what `probe` says) works. If not, the test is skipped, and says so.
pub(crate) fn has(command: &str, probe: &[&str], how: &str) -> bool {
    let found = Command::new(command).args(probe).output().is_ok_and(|output| output.status.success());
    if !found {
        let text = format!("{command} {} does not work here; {how}", probe.join(" "));
        assert!(std::env::var_os(REQUIRE).is_none_or(|value| value.is_empty()), "{text}, or unset {REQUIRE}");
        eprintln!("SKIPPED: {text}");
    }
    found
}

/// Runs `command` with `input` and fails the test with what it says unless it ends well.
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
        // A reader that refuses early closes the pipe; its status tells.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("an end");
    feeder.join().expect("no panic");
    output
}
