//! A program that is run: its environment, its output, its end.

use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

#[cfg(unix)]
use super::system;
use crate::alert::{AlertChange, AlertCommand, AlertEvent};
#[cfg(unix)]
use crate::base::descriptors::Kept;
#[cfg(unix)]
use crate::base::fork::Moment;
use crate::base::sandbox;
#[cfg(unix)]
use crate::base::signals::Blocked;

/// What is kept of the output.
const MOST_OUTPUT: usize = 4 * 1024;
/// What is read at a time, so that one that writes without end does not hold up others.
const MOST_READ: usize = 64 * 1024;
/// A value in the environment.
const MOST_VALUE: usize = 4 * 1024;

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Exit {
    /// What went wrong, if something did.
    pub(super) result: Result<String, String>,
    pub(super) output: String,
    pub(super) took: Duration,
    /// Another attempt may succeed.
    pub(super) may_retry: bool,
}

/// A program that runs. It is ended when this drops.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    #[cfg(unix)]
    pipe: Kept<io::PipeReader>,
    output: Vec<u8>,
    /// Bytes beyond what is kept.
    beyond: usize,
    began: Instant,
    timeout: Duration,
    is_over: bool,
}

/// What a command is told of an alert.
pub(crate) fn environment(event: &AlertEvent) -> Vec<(&'static str, String)> {
    let state = if event.change == AlertChange::Resolved { "resolved" } else { "firing" };
    let mut all = vec![
        ("PERF_ALERT_NAME", event.rule.clone()),
        ("PERF_ALERT_STATE", state.to_owned()),
        ("PERF_ALERT_SEVERITY", event.severity.name().to_owned()),
        ("PERF_ALERT_SUBJECT", event.subject.clone()),
        ("PERF_ALERT_EVIDENCE", event.evidence.clone()),
        ("PERF_ALERT_SUMMARY", event.summary.clone()),
        ("PERF_ALERT_FINGERPRINT", event.fingerprint.clone()),
        ("PERF_ALERT_SINCE", (event.since_unix_ns / 1_000_000_000).to_string()),
        ("PERF_ALERT_BUNDLE", event.bundle.clone()),
        ("PERF_ALERT_VALUE", event.value.map(|value| value.to_string()).unwrap_or_default()),
    ];
    for (_, value) in &mut all {
        // A name of the program may have any character.
        value.retain(|letter| letter != '\0');
        let end = (0..=MOST_VALUE.min(value.len())).rev().find(|at| value.is_char_boundary(*at));
        value.truncate(end.unwrap_or_default());
    }
    all
}

impl Running {
    /// # Errors
    /// Why it cannot be run.
    pub(super) fn begin(command: &AlertCommand, environment: &[(&'static str, String)]) -> Result<Self, String> {
        if sandbox::is_tighter() {
            return Err("a filter of system calls was installed after the start".to_owned());
        }
        let cannot = |error: io::Error| format!("{} cannot be run: {error}", command.program());
        let mut program = Command::new(command.program());
        program.args(command.arguments()).envs(environment.iter().map(|(name, value)| (*name, value)));
        program.stdin(Stdio::null());
        #[cfg(unix)]
        let pipe = {
            use std::os::fd::AsFd as _;
            use std::os::unix::process::CommandExt as _;
            let (pipe, end) = {
                let _moment = Moment::begin();
                let (pipe, end) = io::pipe().map_err(cannot)?;
                (Kept::new(pipe), end)
            };
            system::do_not_wait(pipe.as_fd()).map_err(cannot)?;
            program.process_group(0).stdout(end.try_clone().map_err(cannot)?).stderr(end);
            pipe
        };
        #[cfg(not(unix))]
        program.stdout(Stdio::null()).stderr(Stdio::null());
        // It inherits the mask of this thread, which lets nothing through.
        #[cfg(unix)]
        let _unblocked = Blocked::none();
        let child = program.spawn().map_err(cannot)?;
        Ok(Self {
            child,
            #[cfg(unix)]
            pipe,
            output: Vec::new(),
            beyond: 0,
            began: Instant::now(),
            timeout: command.time(),
            is_over: false,
        })
    }

    /// How it ended, if it did, or if its time is over. Does not wait.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Exit> {
        let status = self.child.try_wait();
        self.read();
        let (result, may_retry) = match status {
            Ok(Some(status)) => {
                self.is_over = true;
                (ended(status), true)
            }
            Ok(None) if now.saturating_duration_since(self.began) < self.timeout => return None,
            Ok(None) => {
                self.kill();
                (Err(format!("it was ended after {:?}", self.timeout)), false)
            }
            // The program does not let its children be waited for (SIGCHLD).
            Err(error) => {
                self.is_over = true;
                (Ok(format!("how it ended is not known: {error}")), false)
            }
        };
        let took = now.saturating_duration_since(self.began);
        Some(Exit { result, output: self.said(), took, may_retry })
    }

    /// Whether nothing of it is left, after its end was reported.
    pub(super) fn is_gone(&mut self) -> bool {
        self.is_over |= !matches!(self.child.try_wait(), Ok(None));
        self.is_over
    }

    /// Ends it with all of its group.
    pub(super) fn kill(&mut self) {
        if self.is_gone() {
            return;
        }
        #[cfg(unix)]
        if system::kill_group(self.child.id()).is_ok() {
            return;
        }
        let _ = self.child.kill();
    }

    #[cfg(unix)]
    fn read(&mut self) {
        let mut buffer = [0; 4 * 1024];
        for _ in 0..MOST_READ / buffer.len() {
            // No more for now, or the end.
            let Ok(read @ 1..) = self.pipe.read(&mut buffer) else { break };
            let kept = read.min(MOST_OUTPUT - self.output.len());
            self.output.extend_from_slice(&buffer[..kept]);
            self.beyond += read - kept;
        }
    }

    #[cfg(not(unix))]
    fn read(&mut self) {}

    fn said(&self) -> String {
        let mut said = String::from_utf8_lossy(&self.output).into_owned();
        let end = (0..=MOST_OUTPUT.min(said.len())).rev().find(|end| said.is_char_boundary(*end));
        said.truncate(end.unwrap_or(0));
        if self.beyond > 0 {
            said.push_str(&format!("… and {} bytes more", self.beyond));
        }
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_gone() {
            self.kill();
            // It is reaped, unless it is where even that does not end it.
            for _ in 0..50 {
                if self.is_gone() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

fn ended(status: ExitStatus) -> Result<String, String> {
    if status.success() { Ok("it ended well".to_owned()) } else { Err(format!("it ended with {status}")) }
}
