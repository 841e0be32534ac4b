//! A program that is run: its signals, and how it ended.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::signals::is_ignored;

/// Those that are passed on.
const PASSED_ON: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// The process while it may get signals; `None` once it has ended, when its id may be another's.
type Living = Arc<Mutex<Option<Pid>>>;

/// Runs a program with these variables, and waits for its end. Signals to this process are passed
/// on; those that are ignored here stay ignored, by both.
pub(super) fn run(
    program: &OsString,
    arguments: &[OsString],
    variables: &[(&str, OsString)],
    out_to_stderr: bool,
) -> io::Result<(u32, ExitStatus)> {
    let passed_on = PASSED_ON.into_iter().filter(|signal| !is_ignored(*signal));
    // Before the program is there, so that none is lost. It gets the default actions back.
    let mut signals = Signals::new(passed_on)?;
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    if out_to_stderr {
        command.stdout(Stdio::from(std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned()?));
    }
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let living: Living = Arc::new(Mutex::new(Some(pid)));
    let passing = Arc::clone(&living);
    let handle = signals.handle();
    let thread = thread::spawn(move || signals.forever().for_each(|signal| pass_on(signal, &passing)));
    // Without taking its status, so that its id stays its own until nobody sends it anything.
    while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        .is_err_and(|error| error == Errno::INTR)
    {}
    *living.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let status = child.wait();
    handle.close();
    let _ = thread.join();
    Ok((child.id(), status?))
}

fn pass_on(signal: i32, living: &Living) {
    let living = living.lock().unwrap_or_else(PoisonError::into_inner);
    // The terminal sends these to the program too.
    let is_of_terminal = matches!(signal, SIGINT | SIGQUIT) && is_in_foreground();
    if let (Some(pid), Some(signal), false) = (*living, Signal::from_named_raw(signal), is_of_terminal) {
        // It may have ended.
        let _ = kill_process(pid, signal);
    }
}

/// Whether this process is among those to which its terminal sends Ctrl-C.
fn is_in_foreground() -> bool {
    let Ok(terminal) = File::open("/dev/tty") else { return false };
    rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// As shells have it: 128 and the signal that ended it.
pub(super) fn code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

pub(super) fn said(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_shells() {
        assert_eq!((code(ExitStatus::from_raw(7 << 8)), code(ExitStatus::from_raw(15))), (7, 143));
    }
}
