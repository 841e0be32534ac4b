//! Signals, and a terminal that is gone.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

use crate::failure::Status;

/// As if SIGHUP had ended the process.
pub(super) const HUNG_UP: Status = Status::Of(128 + SIGHUP as u8);

/// The signal that came, or 0.
pub(super) struct Ends(Arc<AtomicUsize>);

impl Ends {
    pub(super) fn watch() -> io::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        for one in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            flag::register_usize(one, Arc::clone(&signal), one as usize)?;
        }
        Ok(Self(signal))
    }

    /// The status to end with, if it is time.
    pub(super) fn asked(&self) -> Option<Status> {
        match self.0.load(Relaxed) {
            0 if self.is_hung_up() => Some(HUNG_UP),
            0 => None,
            signal => Some(Status::Of(u8::try_from(128 + signal).unwrap_or(128))),
        }
    }

    /// Whether nobody is at the other end of the terminal. SIGHUP says so too, unless it is
    /// ignored, as nohup has it.
    pub(super) fn is_hung_up(&self) -> bool {
        let stdin = io::stdin();
        let mut terminal = [PollFd::new(&stdin, PollFlags::empty())];
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        poll(&mut terminal, Some(&none)).is_ok_and(|ready| ready > 0) && terminal[0].revents().intersects(gone)
    }
}
