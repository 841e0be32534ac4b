//! The connections of one listener: which are kept, and which one is closed when another one comes.
//!
//! A connection that waits for a request, or sends one slowly, occupies nothing but a place. If all
//! were kept until their timeouts, some dozens of them would delay a scrape for minutes.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::base::unpoisoned::Unpoisoned as _;
use crate::collect;

/// A connection whose writes have been blocked for this long may be closed, if none waits for a
/// request.
const STALLED: Duration = Duration::from_secs(1);
/// A connection that has taken this long since its writes were first blocked may be closed if there
/// is none of the above: its peer reads a little now and then.
const SLOW: Duration = Duration::from_secs(10);

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// It was not polled yet, so there may be a request in it.
    New,
    /// It has no complete request. The number gives the order in which connections began to wait. A
    /// request that arrives slowly counts from its beginning.
    Waiting(u64),
    /// It is processing a request.
    Busy,
    /// Its peer does not read the response, since this time.
    Stalled(Instant),
}

#[derive(Debug)]
struct Seated {
    number: u64,
    state: State,
    /// Whether a request is being answered, including the response body.
    is_answering: bool,
    /// When the peer first blocked the writes of this response.
    slow_since: Option<Instant>,
    task: Option<AbortHandle>,
}

#[derive(Debug, Default)]
struct Table {
    seated: Vec<Seated>,
    next: u64,
}

/// The connections of one listener.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    table: Mutex<Table>,
    /// Notified when a place is free, or when a connection may be closed.
    changed: Notify,
}

/// The place of one connection, which is released when this drops.
#[derive(Debug)]
pub(super) struct Seat {
    connections: Arc<Connections>,
    number: u64,
}

impl Connections {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, table: Mutex::default(), changed: Notify::new() })
    }

    /// Takes a place for a new connection. If all are taken, it closes another connection: the one
    /// that has waited longest for a request, else the one that has been stalled longest, else the
    /// one that has been slow longest. If all are busy, it waits.
    pub(super) async fn seat(self: &Arc<Self>) -> Seat {
        loop {
            if let Some(seat) = self.try_seat(Instant::now()) {
                return seat;
            }
            // No notification comes when a blocked connection becomes stalled.
            let _ = tokio::time::timeout(STALLED, self.changed.notified()).await;
        }
    }

    fn try_seat(self: &Arc<Self>, now: Instant) -> Option<Seat> {
        let mut table = self.table();
        if table.seated.len() >= self.most {
            table.evict(now)?;
        }
        let number = table.number();
        table.seated.push(Seated { number, state: State::New, is_answering: false, slow_since: None, task: None });
        drop(table);
        Some(Seat { connections: Arc::clone(self), number })
    }

    /// Closes the connection that has waited longest, if there is one, because the process has no
    /// file descriptor left.
    pub(super) fn make_room(&self) {
        self.table().evict(Instant::now());
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unpoisoned()
    }
}

impl Table {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Closes a connection. `None` if all are busy.
    fn evict(&mut self, now: Instant) -> Option<()> {
        let waiting = self.seated.iter().enumerate().filter_map(|(at, seated)| match seated.state {
            State::Waiting(since) => Some((since, at)),
            _ => None,
        });
        let longest = waiting.min().map(|(_, at)| at);
        let stalled = || {
            let stalled = self.seated.iter().enumerate().filter_map(|(at, seated)| match seated.state {
                State::Stalled(since) if now.saturating_duration_since(since) >= STALLED => Some((since, at)),
                _ => None,
            });
            stalled.min().map(|(_, at)| at)
        };
        let slow = || {
            let slow = self.seated.iter().enumerate().filter_map(|(at, seated)| Some((seated.slow_since?, at)));
            slow.filter(|(since, _)| now.saturating_duration_since(*since) >= SLOW).min().map(|(_, at)| at)
        };
        let at = longest.or_else(stalled).or_else(slow)?;
        let evicted = self.seated.swap_remove(at);
        collect::count_eviction();
        if let Some(task) = evicted.task {
            task.abort();
        }
        Some(())
    }
}

impl Seat {
    /// Sets the task that serves this connection. It is aborted when the connection is closed for
    /// another one.
    pub(super) fn is_served_by(&self, task: AbortHandle) {
        self.update(|seated, _| {
            seated.task = Some(task.clone());
            false
        });
    }

    /// Called when there was nothing to read.
    pub(super) fn reads_nothing(&self) {
        self.update(|seated, number| {
            let begins_to_wait = !seated.is_answering && !matches!(seated.state, State::Waiting(_) | State::Stalled(_));
            if begins_to_wait {
                seated.state = State::Waiting(number);
            }
            begins_to_wait
        });
    }

    /// Called when a request is complete. It counts as being answered until the result drops.
    pub(super) fn begins_answer(self: &Arc<Self>) -> Answering {
        self.update(|seated, _| {
            (seated.is_answering, seated.state, seated.slow_since) = (true, State::Busy, None);
            false
        });
        Answering(Arc::clone(self))
    }

    /// Called at each write, with whether it was blocked.
    pub(super) fn writes(&self, is_blocked: bool) {
        self.update(|seated, _| {
            match seated.state {
                State::Stalled(_) if is_blocked => return false,
                _ if is_blocked => {
                    let now = Instant::now();
                    seated.state = State::Stalled(now);
                    seated.slow_since.get_or_insert(now);
                }
                State::Stalled(_) => seated.state = State::Busy,
                _ => {}
            }
            is_blocked
        });
    }

    /// `change` returns whether another connection may now be able to get a place.
    fn update(&self, change: impl FnOnce(&mut Seated, u64) -> bool) {
        let mut table = self.connections.table();
        let number = table.number();
        let Some(seated) = table.seated.iter_mut().find(|seated| seated.number == self.number) else { return };
        let is_news = change(seated, number);
        drop(table);
        if is_news {
            self.connections.changed.notify_one();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.table().seated.retain(|seated| seated.number != self.number);
        self.connections.changed.notify_one();
    }
}

/// Marks a request as being answered.
#[derive(Debug)]
pub(super) struct Answering(Arc<Seat>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.update(|seated, _| {
            seated.is_answering = false;
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(connections: &Arc<Connections>) -> Option<Arc<Seat>> {
        connections.try_seat(Instant::now()).map(Arc::new)
    }

    fn has_place(seat: &Seat) -> bool {
        seat.connections.table().seated.iter().any(|seated| seated.number == seat.number)
    }

    #[test]
    fn the_connection_that_has_waited_longest_is_closed() {
        let connections = Connections::new(3);
        let seats: Vec<_> = (0..3).map(|_| seat(&connections).unwrap()).collect();
        assert!(seat(&connections).is_none(), "none was polled yet");
        for at in [1, 0, 2] {
            seats[at].reads_nothing();
        }
        // Another poll without a complete request does not restart the wait.
        seats[1].reads_nothing();
        let newest = seat(&connections).unwrap();
        assert_eq!([0, 1, 2].map(|at| has_place(&seats[at])), [true, false, true]);
        newest.reads_nothing();
        // After a response, the wait begins anew.
        drop(seats[0].begins_answer());
        seats[0].reads_nothing();
        let another = seat(&connections).unwrap();
        assert!(has_place(&seats[0]) && !has_place(&seats[2]) && has_place(&newest) && has_place(&another));
    }

    #[test]
    fn busy_connections_stay_and_stalled_ones_are_closed_last() {
        let connections = Connections::new(2);
        let (busy, stalled) = (seat(&connections).unwrap(), seat(&connections).unwrap());
        let answering = (busy.begins_answer(), stalled.begins_answer());
        // The server polls meanwhile whether the peer is still connected.
        busy.reads_nothing();
        stalled.writes(true);
        stalled.reads_nothing();
        assert!(seat(&connections).is_none(), "it may be blocked for a moment only");
        let later = Instant::now() + STALLED;
        let third = Arc::new(connections.try_seat(later).unwrap());
        assert!(has_place(&busy) && !has_place(&stalled) && has_place(&third));
        third.begins_answer();
        third.writes(true);
        third.writes(false);
        assert!(connections.try_seat(Instant::now() + STALLED).is_none(), "it reads again");
        let fourth = connections.try_seat(Instant::now() + SLOW);
        assert!(fourth.is_some() && has_place(&busy) && !has_place(&third), "but slowly");
        drop((answering, fourth));
        drop(busy);
        assert!(seat(&connections).is_some());
    }

    #[test]
    fn a_waiting_connection_gets_the_next_free_place() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let connections = Connections::new(1);
            let first = seat(&connections).unwrap();
            let answering = first.begins_answer();
            let waits = tokio::spawn({
                let connections = Arc::clone(&connections);
                async move { connections.seat().await }
            });
            tokio::task::yield_now().await;
            assert!(!waits.is_finished());
            drop(answering);
            first.reads_nothing();
            let second = tokio::time::timeout(Duration::from_secs(60), waits).await.unwrap().unwrap();
            assert!(!has_place(&first) && has_place(&second));
            assert!(collect::evictions() > 0);
        });
    }
}
