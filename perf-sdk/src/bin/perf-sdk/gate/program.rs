//! A program with operations, run once for each request.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::bench::{Answer, Counts, REQUEST, Request, Task, Times};

use super::left::Running;
use super::scratch::Scratch;

/// Settings of a program that starts the profiler all the same: nothing is sampled or served.
const SETTINGS: &[(&str, &str)] =
    &[("PERF_BUDGET", "off"), ("PERF_HOT", "count"), ("PERF_LISTEN", "off"), ("PERF_REPORT", "false")];
/// The last lines of a program that failed, which are shown.
const LINES: usize = 20;

/// A program with operations, and how it is called.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Such as the name of a test.
    pub(crate) arguments: Vec<OsString>,
    /// How long one process may take.
    pub(crate) timeout: Duration,
}

impl Program {
    /// The names of its operations.
    pub(super) fn operations(&self, scratch: &Scratch) -> Result<Vec<String>, String> {
        let answer = self.ask(scratch, |path| Request::new(Task::List, "", path))?;
        if answer.operations.is_empty() {
            return Err(format!("{} has no operations: add some with Bench::operation", self.path.display()));
        }
        Ok(answer.operations)
    }

    pub(super) fn counts(&self, scratch: &Scratch, operation: &str, round: (u32, u32)) -> Result<Counts, String> {
        let request = |path: &Path| Request {
            warm_up: round.0,
            iterations: round.1,
            ..Request::new(Task::Counts, operation, path)
        };
        self.ask(scratch, request)?.counts.ok_or_else(|| self.odd("no counts"))
    }

    pub(super) fn times(&self, scratch: &Scratch, request: impl Fn(&Path) -> Request) -> Result<Times, String> {
        self.ask(scratch, request)?.times.ok_or_else(|| self.odd("no times"))
    }

    fn odd(&self, what: &str) -> String {
        format!("{} answered with {what}: is it built with the library of this command's version?", self.path.display())
    }

    fn ask(&self, scratch: &Scratch, request: impl Fn(&Path) -> Request) -> Result<Answer, String> {
        self.ask_by(scratch, Command::new(&self.path), request)
    }

    /// Runs the program by a command that may be another program with this one as an argument.
    pub(super) fn ask_by(
        &self,
        scratch: &Scratch,
        mut command: Command,
        request: impl Fn(&Path) -> Request,
    ) -> Result<Answer, String> {
        let (answer, said) = (scratch.file("answer.json"), scratch.file("said.txt"));
        // That of the request before.
        let _ = fs::remove_file(&answer);
        let unwritable = |error| format!("cannot write {}: {error}", said.display());
        let out = File::create(&said).map_err(unwritable)?;
        let both = out.try_clone().map_err(unwritable)?;
        command
            .args(&self.arguments)
            .env(REQUEST, request(&answer).to_text())
            .envs(SETTINGS.iter().copied())
            // Of a program with the test harness: one test at a time.
            .env("RUST_TEST_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(both);
        let status = self.run(&mut command)?;
        if !status.success() {
            return Err(format!("{} ended with {status}; it said:\n{}", self.path.display(), last_lines(&said)));
        }
        if !answer.exists() {
            return Err(format!(
                "{} did not answer: it must end in Bench::run or Bench::test, and with the test harness the name of \
                 the test comes after `--`; it said:\n{}",
                self.path.display(),
                last_lines(&said)
            ));
        }
        Answer::read(&answer)
    }

    fn run(&self, command: &mut Command) -> Result<ExitStatus, String> {
        let cannot = |error| format!("cannot run {}: {error}", self.path.display());
        let mut running = Running::start(command).map_err(cannot)?;
        let start = Instant::now();
        loop {
            if let Some(status) = running.ended().map_err(cannot)? {
                return Ok(status);
            }
            if start.elapsed() > self.timeout {
                running.kill();
                return Err(format!(
                    "{} ran for more than {} s for one request: --timeout allows more",
                    self.path.display(),
                    self.timeout.as_secs()
                ));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn last_lines(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LINES)..];
    if shown.is_empty() { "  (nothing)".to_owned() } else { format!("  {}", shown.join("\n  ")) }
}
