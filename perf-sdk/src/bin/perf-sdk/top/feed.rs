//! A thread that asks the endpoint, so that keys never wait for it.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::facts::alerts::{self, Alerts};
use crate::facts::functions::{self, Functions, Of, Request};
use crate::facts::overview::{self, Process};
use crate::failure::Failure;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) sort: functions::Sort,
    pub(super) filter: String,
    pub(super) seconds: u64,
}

/// What a program is at a moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Shot {
    pub(super) process: Process,
    pub(super) alerts: Alerts,
    pub(super) functions: Functions,
}

/// Functions that are asked for: more than a screen has.
const ROWS: usize = 300;

pub(super) struct Feed {
    wanted: Sender<Wanted>,
    shots: Receiver<Result<Shot, String>>,
}

impl Feed {
    /// Asks at once, then at intervals, and at once when something else is wanted.
    pub(super) fn start(client: Client, wanted: Wanted, interval: Duration) -> Self {
        let (ask, asked) = mpsc::channel();
        let (send, shots) = mpsc::channel();
        thread::spawn(move || {
            let mut wanted = wanted;
            loop {
                let shot = take(&client, &wanted).map_err(|failure| failure.to_string());
                if send.send(shot).is_err() {
                    return;
                }
                match asked.recv_timeout(interval) {
                    Ok(other) => wanted = other,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                // The last of several keys.
                wanted = asked.try_iter().last().unwrap_or(wanted);
            }
        });
        Self { wanted: ask, shots }
    }

    pub(super) fn ask(&self, wanted: Wanted) {
        // A thread that has ended is seen at the next look.
        let _ = self.wanted.send(wanted);
    }

    /// The latest answer that was not taken yet. An error if there will be none.
    pub(super) fn latest(&self) -> Result<Option<Result<Shot, String>>, ()> {
        let mut latest = None;
        loop {
            match self.shots.try_recv() {
                Ok(shot) => latest = Some(shot),
                Err(TryRecvError::Empty) => return Ok(latest),
                Err(TryRecvError::Disconnected) => return Err(()),
            }
        }
    }
}

fn take(client: &Client, wanted: &Wanted) -> Result<Shot, Failure> {
    let of = Some(Of::Last(wanted.seconds));
    let request = Request { sort: wanted.sort, search: wanted.filter.clone(), limit: ROWS, of };
    Ok(Shot {
        process: overview::ask(client)?,
        alerts: alerts::ask(client)?,
        functions: functions::ask(client, &request)?,
    })
}
