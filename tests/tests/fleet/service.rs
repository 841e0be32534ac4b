//! A service in its own process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use perf_sdk_tests::until;

/// One service at a time: each is busy, and the tests depend on its timing.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A service that runs until it is told to end.
pub(crate) struct Service {
    child: Child,
    out: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    _turn: MutexGuard<'static, ()>,
}

/// The output at its end.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The time that it took to stop the profiler.
    pub(crate) took: Duration,
    /// CPU time of the busy thread when its first sample was seen, and at its end, in nanoseconds.
    pub(crate) used: [u64; 2],
    /// The number of all samples in the scope of the busy thread, and the CPU time that they
    /// represent, in nanoseconds.
    pub(crate) sampled: [i64; 2],
    /// The final counts: the kind of delivery, and the delivered, lost and waiting profiles.
    pub(crate) counts: Vec<(String, [u64; 3])>,
    /// The whole output.
    pub(crate) said: String,
}

impl Service {
    pub(crate) fn start(scenario: &str, environment: &[(&str, &str)]) -> Self {
        let turn = turn();
        let mut child = Command::new(env!("CARGO_BIN_EXE_fleet"))
            .arg(scenario)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("address ").and_then(|text| text.parse().ok());
        Self { child, out, address: address.unwrap_or_else(|| panic!("{line:?}")), _turn: turn }
    }

    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.out.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success(), "{said}");
        let numbers = |word: &str| -> Vec<u64> {
            let line = said.lines().find_map(|line| line.strip_prefix(word)).unwrap_or_else(|| panic!("{said}"));
            line.split_whitespace().map(|text| text.parse().unwrap_or_else(|_| panic!("{said}"))).collect()
        };
        let last = said.split("after\n").last().unwrap_or_default();
        let counts = last.lines().map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [by, ok, failed, waiting, ..] = words[..] else { panic!("{line}") };
            (by.to_owned(), [ok, failed, waiting].map(|number| number.parse().unwrap()))
        });
        let [used, sampled] = ["used ", "sampled "].map(|word| [0, 1].map(|at| numbers(word)[at]));
        Ended {
            took: Duration::from_millis(numbers("ended ")[0]),
            used,
            sampled: sampled.map(|number| number as i64),
            counts: counts.collect(),
            said: said.clone(),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
