//! Events that never come.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::event::EventRecord;

/// No events.
#[derive(Debug)]
pub struct Events(pub(super) ());

impl Events {
    /// The same.
    #[must_use]
    pub fn with_last(self, _number: u64) -> Self {
        self
    }

    /// Always `None`.
    pub fn try_next(&mut self) -> Option<EventRecord> {
        None
    }

    /// Always `None`, at once.
    pub fn next_within(&mut self, _time: Duration) -> Option<EventRecord> {
        None
    }

    /// Always ready with `None`.
    pub fn poll_next(&mut self, _context: &mut Context<'_>) -> Poll<Option<EventRecord>> {
        Poll::Ready(None)
    }

    /// Always `None`.
    pub async fn recv(&mut self) -> Option<EventRecord> {
        None
    }
}

/// Always without events.
impl Iterator for Events {
    type Item = EventRecord;

    fn next(&mut self) -> Option<EventRecord> {
        None
    }
}
