//! What must go when a signal ends a check: its folders, and the program that runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::signals::is_ignored;

/// Signals that end the check.
const ENDS: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

struct Left {
    folders: Vec<PathBuf>,
    /// The program that runs, which may not get the signal.
    program: Option<Pid>,
}

static LEFT: Mutex<Left> = Mutex::new(Left { folders: Vec::new(), program: None });
static WATCHED: Once = Once::new();

fn left() -> MutexGuard<'static, Left> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn add(folder: &Path) {
    left().folders.push(folder.to_owned());
}

pub(super) fn remove(folder: &Path) {
    left().folders.retain(|one| one != folder);
    // What is left in the temporary folder hurts nobody.
    let _ = fs::remove_dir_all(folder);
}

/// A program that a signal ends together with the check.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let mut left = left();
        let child = command.spawn()?;
        left.program = Some(Pid::from_child(&child));
        Ok(Self(child))
    }

    /// `None` while it runs.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        // Within the lock, since its number may be another one's from then on.
        let mut left = left();
        let status = self.0.try_wait();
        if !matches!(status, Ok(None)) {
            left.program = None;
        }
        status
    }

    pub(super) fn kill(&mut self) {
        let _ = self.0.kill();
        let mut left = left();
        let _ = self.0.wait();
        left.program = None;
    }
}

/// From now on, what is left goes when a signal ends the process, which then ends as it would have
/// without. What is ignored stays ignored.
pub(super) fn watch() {
    WATCHED.call_once(start);
}

fn start() {
    let (ready, is_ready) = mpsc::channel();
    let watching = move || {
        let Ok(mut signals) = Signals::new(ENDS.into_iter().filter(|signal| !is_ignored(*signal))) else { return };
        let _ = ready.send(());
        for signal in signals.forever() {
            // Kept, so that neither a folder is made nor a program started.
            let left = left();
            if let Some(program) = left.program {
                let _ = kill_process(program, Signal::KILL);
                // Until then it may write once more. Its number stays its own.
                let _ = waitid(WaitId::Pid(program), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            }
            left.folders.iter().for_each(|folder| drop(fs::remove_dir_all(folder)));
            let _ = emulate_default_handler(signal);
        }
    };
    // Without the thread, signals do what they did.
    if thread::Builder::new().name("signals".to_owned()).spawn(watching).is_ok() {
        let _ = is_ready.recv();
    }
}
