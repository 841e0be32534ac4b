//! Helpers of the tests of whole processes: they look figures up, and run one scenario in its own
//! process.

mod allocating;
pub mod dashboards;
#[cfg(doctest)]
mod guide;
mod host;
pub mod http;
pub mod live;
pub mod past;
mod patience;
pub mod pprof;

use std::process::{Command, Output};

pub use allocating::allocating_work;
pub use host::{
    at_exit, at_key_destruction, burn, change_root, default_signals, exit_now, fork, is_asleep, limit_descriptors,
    lock_file, on_signal, on_signal_before, on_timer, process_cpu, refuse_threads, stop_timer, switches, thread_cpu,
    thread_id, wait_for, without_proc,
};
pub use patience::{PATIENCE, eventually, until};

use perf_sdk::snapshot::{CallNode, Function, ROOT, Snapshot};

/// The function with this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn function<'a>(snapshot: &'a Snapshot, name: &str) -> &'a Function {
    let names = || snapshot.functions.iter().map(|f| f.name.as_str()).collect::<Vec<_>>();
    snapshot.functions.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no {name} among {:?}", names()))
}

/// The node of the call tree with this path of names, from the root down.
#[must_use]
pub fn node<'a>(snapshot: &'a Snapshot, path: &[&str]) -> Option<&'a CallNode> {
    snapshot.tree.iter().find(|node| {
        let mut names = Vec::new();
        let mut at = Some(*node);
        while let Some(node) = at {
            names.push(snapshot.functions[node.function as usize].name.as_str());
            at = (node.parent != ROOT).then(|| &snapshot.tree[node.parent as usize]);
        }
        names.reverse();
        names == path
    })
}

/// Runs `program` with `scenario`. If it does not succeed, the test fails with all of its output.
///
/// # Panics
/// If it does not succeed.
pub fn run(program: &str, scenario: &str, environment: &[(&str, &str)]) -> Output {
    let output = Command::new(program)
        .arg(scenario)
        .envs(environment.iter().copied())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{scenario} {environment:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// If this variable is set, a missing tool is a failure.
const REQUIRE: &str = "PERF_TEST_REQUIRE_TOOLS";

/// Whether `command --version` (or `command` with the arguments `probe`) works. If not, prints that
/// the test is skipped.
///
/// # Panics
/// If it does not work and `PERF_TEST_REQUIRE_TOOLS` is set.
#[must_use]
pub fn has(command: &str, probe: &[&str], how: &str) -> bool {
    let found = Command::new(command).args(probe).output().is_ok_and(|output| output.status.success());
    if !found {
        let text = format!("{command} {} does not work here; {how}", probe.join(" "));
        assert!(std::env::var_os(REQUIRE).is_none_or(|value| value.is_empty()), "{text}, or unset {REQUIRE}");
        eprintln!("SKIPPED: {text}");
    }
    found
}
