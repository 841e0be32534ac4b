//! One reader of events.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::kind::EventRecord;
use super::ring::Reader;

/// What happens from now on, in its order: see [`Handle::events`](crate::Handle::events).
///
/// As an iterator it waits for the next event, and ends with the profiler. In async code,
/// [`poll_next`](Self::poll_next) and [`recv`](Self::recv) wait without a thread.
#[derive(Debug)]
pub struct Events(Reader);

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Events {
    pub(crate) fn new() -> Self {
        Self(Reader::new())
    }

    /// What happened after this event of a profiler, or all that is kept if it was another
    /// profiler's.
    #[cfg(feature = "serve")]
    pub(crate) fn after((start, number): (u64, u64)) -> Self {
        let mut reader = Reader::new();
        reader.go_back(if reader.start == start { reader.read.saturating_sub(number) } else { u64::MAX });
        if reader.start == start {
            // What is not kept any more is lost, and said to be.
            reader.read = reader.read.min(number);
        }
        Self(reader)
    }

    /// Hands out the `number` events before the next one first, as far as they are kept: 512 at
    /// most.
    #[must_use]
    pub fn with_last(mut self, number: u64) -> Self {
        self.0.go_back(number);
        self
    }

    /// The next event, if it is there. `None` does not tell whether more will come.
    pub fn try_next(&mut self) -> Option<EventRecord> {
        match self.0.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(record) => record,
            Poll::Pending => None,
        }
    }

    /// The next event. `None` if there is none within this time, and after the end of the profiler.
    pub fn next_within(&mut self, time: Duration) -> Option<EventRecord> {
        self.wait(Some(time))
    }

    /// The next event. Ready with `None` after the end of the profiler, once all was read. Works
    /// with any executor.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<EventRecord>> {
        self.0.poll(context)
    }

    /// The next event. `None` after the end of the profiler. Nothing is lost if it is dropped
    /// before.
    ///
    /// ```
    /// # fn main() -> Result<(), perf_sdk::Error> {
    /// # let perf = perf_sdk::builder().listen("off").report(false).start()?;
    /// async fn watch(mut events: perf_sdk::event::Events) {
    ///     while let Some(record) = events.recv().await {
    ///         println!("{}", record.event.kind());
    ///     }
    /// }
    /// # drop(watch(perf.events()));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv(&mut self) -> Option<EventRecord> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Of which profiler of the process they are, and the number of the event that was read last.
    #[cfg(feature = "serve")]
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.0.start, self.0.read)
    }

    /// Waits for the next event, for this time at most.
    fn wait(&mut self, time: Option<Duration>) -> Option<EventRecord> {
        let begin = Instant::now();
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            if let Poll::Ready(record) = self.0.poll(&mut Context::from_waker(&waker)) {
                return record;
            }
            match time {
                None => thread::park(),
                Some(time) => match time.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) {
                    Some(left) => thread::park_timeout(left),
                    None => return None,
                },
            }
        }
    }
}

/// Waits for each event, and ends with the profiler.
impl Iterator for Events {
    type Item = EventRecord;

    fn next(&mut self) -> Option<EventRecord> {
        self.wait(None)
    }
}
