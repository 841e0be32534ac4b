//! Channels and queues.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

use super::closures::{Question, question};
use super::durations::{Durations, Stopwatch};
use super::kind::Kind;
use super::registry::{Entry, Measured, Registry};
use super::stripes::Counts;
use crate::reading::{Description, Sheet, Unit};
use crate::record;
use crate::snapshot::Distribution;

static SENT: Description = Description::counter("queue_sent_total", Unit::Count, "Items put into a queue.");
static RECEIVED: Description = Description::counter("queue_received_total", Unit::Count, "Items taken from a queue.");
static DISCARDED: Description = Description::counter(
    "queue_discarded_total",
    Unit::Count,
    "Items that were dropped without being taken from a queue, or could not be put into it.",
);
static SEND_BLOCKED_SECONDS: Description = Description::counter(
    "queue_send_blocked_seconds_total",
    Unit::Seconds,
    "Time that senders spent putting items into a queue.",
);
static RECEIVE_BLOCKED_SECONDS: Description = Description::counter(
    "queue_receive_blocked_seconds_total",
    Unit::Seconds,
    "Time that receivers spent waiting for items of a queue.",
);
const DEPTH: Description =
    Description::gauge("queue_depth", Unit::Count, "Items in a queue, with those that senders are putting into it.");
static DEPTH_NOW: Description = DEPTH;
/// What the closure tells.
static DEPTH_TOLD: [Description; 1] = [DEPTH];
static HIGH_WATER: Description =
    Description::gauge("queue_depth_high_water", Unit::Count, "The highest depth of a queue so far.");
static CAPACITY: Description =
    Description::gauge("queue_capacity", Unit::Count, "Items that a queue can hold, as its program says.");

const DURATION: (&str, &str) =
    ("queue_wait_duration_seconds", "Time of each item from the begin of its sending until it was taken from a queue.");

const SENT_COUNT: usize = 0;
const DISCARDED_COUNT: usize = 1;
const SEND_NS: usize = 2;
const RECEIVE_NS: usize = 3;

/// What is counted of a queue.
#[derive(Debug)]
pub(crate) struct Flow {
    counts: Counts<4>,
    /// The number of them is that of the received items.
    waits: Durations,
    depth: AtomicI64,
    high_water: AtomicI64,
    /// 0: not given.
    capacity: AtomicU64,
    /// Whether a closure tells the depth.
    is_told: AtomicBool,
}

static QUEUES: Registry<Flow> = Registry::new(Kind::Queue);

impl Measured for Flow {
    fn read(entry: &Entry<Self>, into: &mut Sheet) {
        let [sent, discarded, send_ns, receive_ns] = entry.counts.sums();
        let (is_told, capacity) = (entry.is_told.load(Relaxed), entry.capacity.load(Relaxed));
        let received = entry.waits.count();
        if !is_told || sent + received > 0 {
            into.push_of(&SENT, &entry.labels, sent as f64);
            into.push_of(&RECEIVED, &entry.labels, received as f64);
            into.push_of(&DISCARDED, &entry.labels, discarded as f64);
            into.push_of(&SEND_BLOCKED_SECONDS, &entry.labels, send_ns as f64 / 1e9);
            into.push_of(&RECEIVE_BLOCKED_SECONDS, &entry.labels, receive_ns as f64 / 1e9);
        }
        if !is_told {
            into.push_of(&DEPTH_NOW, &entry.labels, entry.depth.load(Relaxed).max(0) as f64);
        }
        let high_water = entry.high_water.load(Relaxed);
        if !is_told || high_water > 0 {
            into.push_of(&HIGH_WATER, &entry.labels, high_water as f64);
        }
        if capacity > 0 {
            into.push_of(&CAPACITY, &entry.labels, capacity as f64);
        }
    }

    fn distributions(entry: &Entry<Self>, into: &mut Vec<Distribution>) {
        into.extend(entry.distribution(DURATION, &[], entry.waits.read()));
    }

    /// The depth stays: the items are in the queue of the child too.
    fn reset(&self) {
        self.counts.reset();
        self.waits.reset();
    }
}

impl Flow {
    #[inline]
    fn enter(&self) {
        self.raise(self.depth.fetch_add(1, Relaxed) + 1);
    }

    /// The highest depth is written only when it rises, so that its cache line is rarely written.
    #[inline]
    fn raise(&self, depth: i64) {
        if depth > self.high_water.load(Relaxed) {
            self.high_water.fetch_max(depth, Relaxed);
        }
    }
}

/// A queue or a channel that is measured: see [`watch_queue`]. A clone is the same queue.
#[derive(Clone, Debug)]
pub struct Queue {
    entry: &'static Entry<Flow>,
    question: Option<Arc<Question>>,
}

/// An item on its way through a watched queue, with the time at which its sending began.
///
/// What it holds is accessible by [`into_inner`](Self::into_inner), for an item that comes back
/// with an error.
#[derive(Debug)]
pub struct Queued<T> {
    item: T,
    in_queue: InQueue,
}

/// Counts an item out of the queue when it drops.
#[derive(Debug)]
struct InQueue {
    entry: &'static Entry<Flow>,
    since: Stopwatch,
    was_received: bool,
}

impl Drop for InQueue {
    #[inline]
    fn drop(&mut self) {
        self.entry.depth.fetch_sub(1, Relaxed);
        if !self.was_received {
            self.entry.counts.add(DISCARDED_COUNT, 1);
        }
    }
}

impl<T> Queued<T> {
    /// The item. It counts as discarded, not as received: for that, see [`Queue::receive`].
    pub fn into_inner(self) -> T {
        self.item
    }
}

/// Measures a queue or a channel of any kind, by a wrapper of each item.
///
/// ```
/// use perf_sdk::instrument::Queued;
/// use std::sync::mpsc;
///
/// let jobs = perf_sdk::watch_queue("jobs").capacity(16);
/// let (sender, receiver) = mpsc::sync_channel::<Queued<&str>>(16);
///
/// jobs.send("sweep", |job| sender.send(job))?;
/// assert_eq!(jobs.receive(|| receiver.recv())?, "sweep");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The channel stays what it is: it holds as many items as before, and blocks when it did. Each
/// item is 24 bytes larger. A second call with the same name joins the first: their depths are
/// added. Where only the depth is wanted, see [`Queue::depth`].
///
/// **Cost.** A lock and a comparison with the names of all queues: keep the result.
#[must_use]
pub fn watch_queue(name: &str) -> Queue {
    let entry = QUEUES.join(name, || Flow {
        counts: Counts::new(),
        waits: Durations::new(),
        depth: AtomicI64::new(0),
        high_water: AtomicI64::new(0),
        capacity: AtomicU64::new(0),
        is_told: AtomicBool::new(false),
    });
    Queue { entry, question: None }
}

impl Queue {
    /// Shows how many items the queue can hold.
    #[must_use]
    pub fn capacity(self, items: u64) -> Self {
        self.entry.capacity.store(items, Relaxed);
        self
    }

    /// Asks `depth` for the number of items once a second, on a thread of the profiler, until the
    /// last clone of the result drops: `move || receiver.len() as u64`. It replaces the count of
    /// wrapped items.
    ///
    /// A closure that panics is not asked again. One that blocks delays no other, and is asked less
    /// often.
    #[must_use = "the closure is asked until the result drops"]
    pub fn depth(mut self, mut depth: impl FnMut() -> u64 + Send + 'static) -> Self {
        let entry = self.entry;
        entry.is_told.store(true, Relaxed);
        let ask = move |answers: &mut [f64]| {
            let depth = depth();
            entry.raise(i64::try_from(depth).unwrap_or(i64::MAX));
            answers[0] = depth as f64;
        };
        self.question = Some(question(&DEPTH_TOLD, entry.labels.clone(), ask));
        self
    }

    /// Wraps `item`, and sends it by `send`, such as `|item| sender.send(item)` or
    /// `|item| sender.try_send(item)`. Counts it as sent if the result is `Ok`, and records how
    /// long that took.
    ///
    /// **Cost.** Some 45 ns.
    ///
    /// # Errors
    /// That of `send`.
    #[inline]
    pub fn send<T, S, E>(&self, item: T, send: impl FnOnce(Queued<T>) -> Result<S, E>) -> Result<S, E> {
        let queued = self.wrap(item);
        let since = queued.in_queue.since;
        let sent = send(queued);
        self.note_sent(sent.is_ok(), since);
        sent
    }

    /// As [`send`](Self::send), for a channel whose sending is a future.
    ///
    /// # Errors
    /// That of `send`.
    pub async fn send_async<T, S, E, F>(&self, item: T, send: impl FnOnce(Queued<T>) -> F) -> Result<S, E>
    where
        F: Future<Output = Result<S, E>>,
    {
        let queued = self.wrap(item);
        let since = queued.in_queue.since;
        let sent = send(queued).await;
        self.note_sent(sent.is_ok(), since);
        sent
    }

    /// Receives an item by `receive`, such as `|| receiver.recv()`, and unwraps it. Records how
    /// long that took, and how long the item was in the queue.
    ///
    /// `receive` returns a `Result` or an `Option` of an item.
    ///
    /// **Cost.** Some 45 ns.
    #[inline]
    pub fn receive<R: Received>(&self, receive: impl FnOnce() -> R) -> R::Item {
        let since = Stopwatch::start();
        let received = receive();
        let now = Stopwatch::start();
        self.note_received(since, now);
        received.unwrap_item(now.ticks())
    }

    /// As [`receive`](Self::receive), for a future.
    pub async fn receive_async<R: Received>(&self, receive: impl Future<Output = R>) -> R::Item {
        let since = Stopwatch::start();
        let received = receive.await;
        let now = Stopwatch::start();
        self.note_received(since, now);
        received.unwrap_item(now.ticks())
    }

    #[inline]
    fn wrap<T>(&self, item: T) -> Queued<T> {
        let since = Stopwatch::start();
        self.entry.enter();
        Queued { item, in_queue: InQueue { entry: self.entry, since, was_received: false } }
    }

    #[inline]
    fn note_sent(&self, is_sent: bool, since: Stopwatch) {
        if record::is_off() {
            return;
        }
        let ns = since.elapsed_ns();
        let _operation = record::operation();
        if is_sent {
            self.entry.counts.add(SENT_COUNT, 1);
        }
        self.entry.counts.add(SEND_NS, ns);
        self.entry.charge(1, 0, ns);
    }

    #[inline]
    fn note_received(&self, since: Stopwatch, now: Stopwatch) {
        if record::is_off() {
            return;
        }
        let ns = since.until_ns(now);
        let _operation = record::operation();
        self.entry.counts.add(RECEIVE_NS, ns);
        self.entry.charge(1, 0, ns);
    }
}

/// What a channel returns to a receiver: a `Result` or an `Option` of a [`Queued`] item.
pub trait Received: sealed::Sealed {
    /// The same, of the item itself.
    type Item;

    #[doc(hidden)]
    fn unwrap_item(self, now: u64) -> Self::Item;
}

impl<T, E> Received for Result<Queued<T>, E> {
    type Item = Result<T, E>;

    #[inline]
    fn unwrap_item(self, now: u64) -> Result<T, E> {
        self.map(|queued| receive(queued, now))
    }
}

impl<T> Received for Option<Queued<T>> {
    type Item = Option<T>;

    #[inline]
    fn unwrap_item(self, now: u64) -> Option<T> {
        self.map(|queued| receive(queued, now))
    }
}

#[inline]
fn receive<T>(queued: Queued<T>, now: u64) -> T {
    let Queued { item, mut in_queue } = queued;
    in_queue.was_received = true;
    if !record::is_off() {
        in_queue.entry.waits.record(in_queue.since.until_ns(Stopwatch::of_ticks(now)));
    }
    item
}

mod sealed {
    use super::Queued;

    /// Implemented here only.
    pub trait Sealed {}

    impl<T, E> Sealed for Result<Queued<T>, E> {}
    impl<T> Sealed for Option<Queued<T>> {}
}

/// Everything that a queue may have.
pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    let counters = [&SENT, &RECEIVED, &DISCARDED, &SEND_BLOCKED_SECONDS, &RECEIVE_BLOCKED_SECONDS];
    counters.into_iter().chain([&DEPTH_NOW, &HIGH_WATER, &CAPACITY])
}

/// The name and the help of the histogram.
pub(super) const DISTRIBUTION: (&str, &str) = DURATION;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, TryRecvError, TrySendError};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::collect;
    use crate::instrument::testing::{all_of, used, value};
    use crate::record::measure;

    fn of(queue: &str, name: &str) -> Option<f64> {
        value(&collect::take(), name, "queue", queue)
    }

    #[test]
    fn a_full_channel_refuses_and_blocks_as_before() {
        let queue = watch_queue("full");
        let (sender, receiver) = mpsc::sync_channel(3);
        for n in 0..3 {
            queue.send(n, |item| sender.try_send(item)).unwrap();
        }
        let refused = queue.send(3, |item| sender.try_send(item));
        let Err(TrySendError::Full(item)) = refused else { panic!("the capacity is 3") };
        assert_eq!(item.into_inner(), 3);
        assert_eq!((of("full", "queue_depth"), of("full", "queue_discarded_total")), (Some(3.0), Some(1.0)));
        thread::scope(|scope| {
            let blocked = scope.spawn(|| queue.send(4, |item| sender.send(item)).is_ok());
            // The sender has wrapped its item, and cannot go on.
            while of("full", "queue_depth") != Some(4.0) {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(20));
            assert!(!blocked.is_finished());
            assert_eq!(queue.receive(|| receiver.recv()), Ok(0));
            assert!(blocked.join().unwrap());
        });
        assert!(of("full", "queue_send_blocked_seconds_total") >= Some(0.02));
        let rest: Vec<i32> = std::iter::from_fn(|| queue.receive(|| receiver.try_recv()).ok()).collect();
        assert_eq!(rest, [1, 2, 4]);
        assert_eq!(queue.receive(|| receiver.try_recv()), Err(TryRecvError::Empty));
        let figures = ["queue_sent_total", "queue_received_total", "queue_depth", "queue_depth_high_water"];
        assert_eq!(figures.map(|name| of("full", name)), [4.0, 4.0, 0.0, 4.0].map(Some));
    }

    #[test]
    fn items_that_are_lost_with_their_channel_leave_the_depth() {
        let queue = watch_queue("lost").capacity(9);
        let (sender, receiver) = mpsc::channel();
        (0..5).for_each(|n| queue.send(n, |item| sender.send(item)).unwrap());
        assert_eq!((of("lost", "queue_depth"), of("lost", "queue_capacity")), (Some(5.0), Some(9.0)));
        drop(receiver);
        assert!(queue.send(5, |item| sender.send(item)).is_err());
        let figures = ["queue_depth", "queue_sent_total", "queue_received_total", "queue_discarded_total"];
        assert_eq!(figures.map(|name| of("lost", name)), [0.0, 5.0, 0.0, 6.0].map(Some));
    }

    #[test]
    fn the_state_of_a_queue_is_bounded() {
        const ITEMS: u64 = if cfg!(miri) { 50 } else { 50_000 };
        assert_eq!(size_of::<Queued<u64>>(), size_of::<u64>() + 24);
        let queue = watch_queue("bounded");
        let (sender, receiver) = mpsc::sync_channel(8);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    measure("sends", || (0..ITEMS).for_each(|n| queue.send(n, |item| sender.send(item)).unwrap()));
                });
            }
            (0..3 * ITEMS).for_each(|_| assert!(queue.receive(|| receiver.recv()).is_ok()));
        });
        // 8 in the channel, and one in the hands of each thread.
        let highest = of("bounded", "queue_depth_high_water").unwrap();
        assert!(highest <= 12.0, "{highest}");
        let seen = collect::take();
        assert_eq!(of("bounded", "queue_depth"), Some(0.0));
        assert_eq!(used(&seen, "sends", "bounded").unwrap().operations, 3 * ITEMS);
        let waits = all_of(&seen, DURATION.0, "queue", "bounded");
        assert_eq!(waits.iter().map(|one| one.histogram.count()).collect::<Vec<_>>(), [3 * ITEMS]);
    }
}
