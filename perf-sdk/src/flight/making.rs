//! A bundle that is being made, or was made last, and who waits for it.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::shelf::Folder;
use super::trigger::Trigger;
use crate::base::stamp::Stamp;
use crate::base::unpoisoned::Unpoisoned as _;

/// What became of a bundle. One that is kept is read where it is.
#[derive(Clone, Debug)]
pub(super) enum Made {
    Kept,
    /// There is no place for it. Who waits gets it nevertheless.
    NotKept(Arc<[u8]>),
    Failed(String),
}

/// Called once with where a bundle is kept, or why it is not.
pub(super) struct Told(pub(super) Box<dyn FnOnce(Result<String, String>) + Send>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// A bundle that is being made, or the latest one.
///
/// First it is settled, under the recorder's lock, so that who joins it is in it or knows that it
/// is too late. It is over once everybody was told.
#[derive(Debug)]
pub(super) struct Making {
    /// The recorder's.
    pub(super) number: u64,
    pub(super) folder: Option<Folder>,
    pub(super) name: String,
    /// The time in its name.
    pub(super) stamp: Stamp,
    pub(super) last: Duration,
    pub(super) trigger: Trigger,
    pub(super) began: Instant,
    joined: Mutex<Vec<Trigger>>,
    made: Mutex<Option<Made>>,
    told: Mutex<Vec<Told>>,
    is_over: Mutex<bool>,
    over: Condvar,
}

impl Making {
    pub(super) fn new(
        number: u64,
        folder: Option<Folder>,
        (name, stamp): (String, Stamp),
        trigger: Trigger,
        last: Duration,
    ) -> Self {
        Self {
            number,
            folder,
            name,
            stamp,
            last,
            trigger,
            began: Instant::now(),
            joined: Mutex::default(),
            made: Mutex::default(),
            told: Mutex::default(),
            is_over: Mutex::new(false),
            over: Condvar::new(),
        }
    }

    /// The lock of the recorder is held.
    pub(super) fn join(&self, trigger: Trigger) {
        self.joined.lock().unpoisoned().push(trigger);
    }

    pub(super) fn joined(&self) -> Vec<Trigger> {
        self.joined.lock().unpoisoned().clone()
    }

    /// What it is evidence of: the first one that nobody asked for. `None` if it is only what
    /// somebody asked for.
    pub(super) fn evidence_of(&self) -> Option<Trigger> {
        let joined = self.joined.lock().unpoisoned();
        std::iter::once(&self.trigger).chain(joined.iter()).find(|trigger| !trigger.is_asked_for()).cloned()
    }

    /// From now on nobody is part of it any more. The lock of the recorder is held.
    pub(super) fn settle(&self, made: Made) {
        *self.made.lock().unpoisoned() = Some(made);
    }

    pub(super) fn is_settled(&self) -> bool {
        self.made.lock().unpoisoned().is_some()
    }

    pub(super) fn is_not_kept(&self) -> bool {
        matches!(&*self.made.lock().unpoisoned(), Some(Made::NotKept(_)))
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(&*self.made.lock().unpoisoned(), Some(Made::Failed(_)))
    }

    /// The lock of the recorder is held, and it is not settled.
    pub(super) fn tell(&self, told: Told) {
        self.told.lock().unpoisoned().push(told);
    }

    /// After it was settled, without the lock: it is over.
    pub(super) fn end(&self, result: &Result<String, String>) {
        let told = std::mem::take(&mut *self.told.lock().unpoisoned());
        told.into_iter().for_each(|Told(told)| told(result.clone()));
        *self.is_over.lock().unpoisoned() = true;
        self.over.notify_all();
    }

    pub(super) fn is_over(&self) -> bool {
        *self.is_over.lock().unpoisoned()
    }

    /// `None` if it is not over by then.
    pub(super) fn wait(&self, time: Duration) -> Option<Made> {
        let is_over = self.is_over.lock().unpoisoned();
        let (is_over, _) = self.over.wait_timeout_while(is_over, time, |is_over| !*is_over).unpoisoned();
        if *is_over { self.made.lock().unpoisoned().clone() } else { None }
    }

    /// Nobody waits any more for one that is not kept.
    pub(super) fn forget(&self) {
        let mut made = self.made.lock().unpoisoned();
        if matches!(&*made, Some(Made::NotKept(_))) {
            *made = Some(Made::Failed("it is not kept".to_owned()));
        }
    }
}
