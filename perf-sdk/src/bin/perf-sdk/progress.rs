//! A bar on stderr for what takes long, if that is a terminal.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The time between two steps of the bar.
const STEP: Duration = Duration::from_millis(100);

/// It is there until this drops.
pub(crate) struct Progress {
    bar: ProgressBar,
    moving: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Of something that takes so long, and perhaps a little longer.
    pub(crate) fn of(what: &str, time: Duration) -> Self {
        let bar = ProgressBar::new(time.as_millis() as u64).with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {elapsed}") {
            bar.set_style(style);
        }
        if bar.is_hidden() {
            return Self { bar, moving: None };
        }
        let (stop, stopped) = mpsc::channel();
        let (moved, began) = (bar.clone(), Instant::now());
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                moved.set_position(began.elapsed().as_millis() as u64);
            }
        });
        Self { bar, moving: Some((stop, thread)) }
    }
}

impl Progress {
    /// Of so many steps, which [`set`](Self::set) counts.
    pub(crate) fn of_steps(what: &str, steps: u64) -> Self {
        let bar = ProgressBar::new(steps).with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len}") {
            bar.set_style(style);
        }
        Self { bar, moving: None }
    }

    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.moving.take() {
            drop(stop);
            // A panic of it leaves the bar as it was.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}
