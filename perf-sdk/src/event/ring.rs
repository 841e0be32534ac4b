//! The last events, and who waits for the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use super::kind::{Event, EventRecord};
use crate::base::fork::Lock;
use crate::base::process_identity::Process;
use crate::memory;

/// The number of events that are kept: a slow reader may be behind by so many.
pub(super) const MOST: usize = 512;

/// Whether a profiler runs, so that nothing is made of what happens without one.
static IS_OPEN: AtomicBool = AtomicBool::new(false);
/// The number of readers.
static READERS: AtomicU32 = AtomicU32::new(0);
static RING: Lock<Ring> = Lock::new(Ring::new());

#[derive(Debug)]
pub(super) struct Ring {
    /// The process whose events these are. `None` while no profiler runs.
    process: Option<Process>,
    /// Tells those of one profiler from those of the next one, and of another process: when it
    /// started, in nanoseconds since the Unix epoch.
    start: u64,
    /// The number of the latest event.
    latest: u64,
    /// The oldest first. They have consecutive numbers up to the latest.
    kept: VecDeque<Arc<EventRecord>>,
    waiting: Vec<(u64, Waker)>,
    next_reader: u64,
}

impl Ring {
    const fn new() -> Self {
        Self { process: None, start: 0, latest: 0, kept: VecDeque::new(), waiting: Vec::new(), next_reader: 0 }
    }

    fn is_current(&self) -> bool {
        self.process.is_some_and(Process::is_current)
    }

    fn add(&mut self, event: Event) -> Vec<(u64, Waker)> {
        self.latest += 1;
        if self.kept.len() == MOST {
            self.kept.pop_front();
        }
        self.kept.push_back(Arc::new(EventRecord { number: self.latest, at_unix_ns: unix_ns(), event }));
        std::mem::take(&mut self.waiting)
    }

    /// The event after one that was read, or how many are lost in between.
    fn after(&self, read: u64) -> Option<EventRecord> {
        let oldest = self.kept.front()?;
        if read + 1 < oldest.number {
            let lost = oldest.number - 1 - read;
            let (number, at_unix_ns) = (oldest.number - 1, oldest.at_unix_ns);
            return Some(EventRecord { number, at_unix_ns, event: Event::Lost(lost) });
        }
        let at = usize::try_from(read + 1 - oldest.number).ok()?;
        self.kept.get(at).map(|record| EventRecord::clone(record))
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// While it exists, events are kept and handed out.
#[derive(Debug)]
pub(crate) struct Opened {
    start: u64,
}

impl Opened {
    pub(crate) fn new() -> Self {
        let mut ring = RING.lock();
        let is_inherited = ring.process.is_some_and(|process| !process.is_current());
        let former = std::mem::take(&mut ring.waiting);
        ring.kept.clear();
        (ring.process, ring.latest, ring.start) = (Some(Process::current()), 0, unix_ns().max(ring.start + 1));
        let start = ring.start;
        drop(ring);
        if is_inherited {
            // They are of a runtime of the parent's, which is not in this process: neither woken
            // nor dropped.
            std::mem::forget(former);
            READERS.store(0, Relaxed);
        } else {
            wake(former);
        }
        IS_OPEN.store(true, Relaxed);
        Self { start }
    }
}

impl Drop for Opened {
    /// Readers are told that there is nothing more to come.
    fn drop(&mut self) {
        let mut ring = RING.lock();
        if ring.start != self.start || !ring.is_current() {
            return;
        }
        IS_OPEN.store(false, Relaxed);
        ring.process = None;
        let waiting = std::mem::take(&mut ring.waiting);
        drop(ring);
        wake(waiting);
    }
}

fn wake(waiting: Vec<(u64, Waker)>) {
    waiting.into_iter().for_each(|(_, waker)| waker.wake());
}

/// Notes what `event` returns, which is not called while no profiler runs.
///
/// **Cost.** A load without a profiler; with one, a lock, and an allocation or two.
pub(crate) fn emit(event: impl FnOnce() -> Event) {
    if !IS_OPEN.load(Relaxed) {
        return;
    }
    memory::uncounted(|| {
        let event = event();
        let mut ring = RING.lock();
        if !ring.is_current() {
            return;
        }
        let waiting = ring.add(event);
        drop(ring);
        wake(waiting);
    });
}

/// Whether somebody reads events now. Those that are frequent are made for readers only.
pub(crate) fn is_listened() -> bool {
    READERS.load(Relaxed) > 0 && IS_OPEN.load(Relaxed)
}

/// Whether a profiler runs in this process.
#[cfg(feature = "serve")]
pub(crate) fn is_open() -> bool {
    RING.lock().is_current()
}

/// Tells the profiler that runs from others. 0 if none does.
#[cfg(feature = "serve")]
pub(crate) fn start() -> u64 {
    let ring = RING.lock();
    if ring.is_current() { ring.start } else { 0 }
}

/// The place of one reader.
#[derive(Debug)]
pub(super) struct Reader {
    id: u64,
    /// Of which start. 0 if no profiler ran.
    pub(super) start: u64,
    /// The number of the event that was read last.
    pub(super) read: u64,
}

impl Reader {
    /// It reads what happens from now on.
    pub(super) fn new() -> Self {
        READERS.fetch_add(1, Relaxed);
        let mut ring = RING.lock();
        ring.next_reader += 1;
        let start = if ring.is_current() { ring.start } else { 0 };
        Self { id: ring.next_reader, start, read: ring.latest }
    }

    /// Goes back by so many events, as far as they are kept.
    pub(super) fn go_back(&mut self, number: u64) {
        let ring = RING.lock();
        let oldest = ring.kept.front().map_or(ring.latest + 1, |oldest| oldest.number);
        self.read = self.read.saturating_sub(number).max(oldest - 1).min(self.read);
    }

    /// The next event. Ready with `None` after the end of the profiler, once all was read.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<EventRecord>> {
        memory::uncounted(|| {
            // Neither made nor dropped under the lock: it may be of the program.
            let mut waker = context.waker().clone();
            let mut ring = RING.lock();
            if ring.start != self.start {
                return Poll::Ready(None);
            }
            if let Some(record) = ring.after(self.read) {
                drop(ring);
                self.read = record.number;
                return Poll::Ready(Some(record));
            }
            if !ring.is_current() {
                return Poll::Ready(None);
            }
            match ring.waiting.iter_mut().find(|(id, _)| *id == self.id) {
                Some((_, known)) => std::mem::swap(known, &mut waker),
                None => {
                    ring.waiting.push((self.id, waker));
                    return Poll::Pending;
                }
            }
            drop(ring);
            drop(waker);
            Poll::Pending
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // One of a parent's is not counted.
        let _ = READERS.fetch_update(Relaxed, Relaxed, |readers| readers.checked_sub(1));
        let mut ring = RING.lock();
        let at = ring.waiting.iter().position(|(id, _)| *id == self.id);
        let waker = at.map(|at| ring.waiting.swap_remove(at));
        drop(ring);
        // Not under the lock: it may be of the program.
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_is_behind_is_told_how_many_it_lost() {
        let mut ring = Ring::new();
        assert!(ring.after(0).is_none());
        for lost in 1..=MOST as u64 + 10 {
            assert!(ring.add(Event::Lost(lost)).is_empty());
        }
        let record = ring.after(3).unwrap();
        assert_eq!((record.number, record.event), (10, Event::Lost(7)));
        let record = ring.after(10).unwrap();
        assert_eq!((record.number, record.event), (11, Event::Lost(11)));
        assert_eq!(ring.after(521).unwrap().number, 522);
        assert!(ring.after(522).is_none());
        assert_eq!(ring.kept.len(), MOST);
    }
}
