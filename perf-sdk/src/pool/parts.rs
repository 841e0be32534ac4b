//! A thread's own part of an arena or a pool.
//!
//! It outlives the thread, and passes to the next one that needs a part.
#![allow(unsafe_code)]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex};

use crate::base::unpoisoned::Unpoisoned as _;

/// The number of places in a thread's table. If a thread uses more arenas and pools, some are
/// looked up in a list.
const PLACES: usize = 64;

/// The next id. Ids are never reused. 0 is not an id.
static IDS: AtomicU64 = AtomicU64::new(1);

/// The data that a thread owns. The owning thread and readers get shared references to it.
pub(super) trait Part: Send + Sync + 'static {
    /// Called when the owning thread ends.
    fn leave(&self);
}

/// The parts of all threads.
#[derive(Debug)]
pub(super) struct Parts<P> {
    id: u64,
    all: Mutex<Vec<Arc<Held<P>>>>,
}

#[derive(Debug)]
struct Held<P> {
    id: u64,
    is_taken: AtomicBool,
    part: P,
}

/// Parts of any type.
trait AnyHeld: Any {
    fn id(&self) -> u64;
    fn leave(&self);
}

impl<P: Part> AnyHeld for Held<P> {
    fn id(&self) -> u64 {
        self.id
    }

    fn leave(&self) {
        self.part.leave();
        self.is_taken.store(false, Release);
    }
}

/// The parts that this thread owns.
struct Own(Vec<Arc<dyn AnyHeld>>);

impl Drop for Own {
    fn drop(&mut self) {
        TABLE.with(|table| table.iter().for_each(|place| place.set((0, ptr::null()))));
        self.0.iter().for_each(|held| held.leave());
    }
}

thread_local! {
    // Const and without a destructor, for the fast path. The entries are valid as long as `OWN` is
    // alive.
    static TABLE: [Cell<(u64, *const ())>; PLACES] = const { [const { Cell::new((0, ptr::null())) }; PLACES] };
    static OWN: RefCell<Own> = const { RefCell::new(Own(Vec::new())) };
}

impl<P: Part> Parts<P> {
    pub(super) fn new() -> Self {
        Self { id: IDS.fetch_add(1, Relaxed), all: Mutex::default() }
    }

    /// Calls `f` with this thread's part, which is made by `make` if there is no free one. `None`
    /// while the thread ends.
    #[inline]
    pub(super) fn with<R>(&self, make: impl FnOnce() -> P, f: impl FnOnce(Option<&P>) -> R) -> R {
        let (id, part) = TABLE.with(|table| table[self.id as usize % PLACES].get());
        if id == self.id {
            // SAFETY: all parts with this id have this type. They are held by `OWN`, which empties
            // the table before it releases them.
            return f(unsafe { part.cast::<P>().as_ref() });
        }
        self.with_other(make, f)
    }

    #[cold]
    #[inline(never)]
    fn with_other<R>(&self, make: impl FnOnce() -> P, f: impl FnOnce(Option<&P>) -> R) -> R {
        let found = OWN.try_with(|own| {
            let mut own = own.try_borrow_mut().ok()?;
            if let Some(held) = own.0.iter().find(|held| held.id() == self.id) {
                return (&**held as &dyn Any).downcast_ref::<Held<P>>().map(|held| ptr::from_ref(&held.part));
            }
            // Parts of dropped arenas and pools are released occasionally.
            own.0.retain(|held| Arc::strong_count(held) > 1);
            let held = self.take(make);
            own.0.push(held.clone());
            Some(ptr::from_ref(&held.part))
        });
        let Ok(Some(part)) = found else { return f(None) };
        TABLE.with(|table| table[self.id as usize % PLACES].set((self.id, part.cast())));
        // SAFETY: it is held by `OWN` now.
        f(unsafe { part.as_ref() })
    }

    fn take(&self, make: impl FnOnce() -> P) -> Arc<Held<P>> {
        let mut all = self.lock();
        let is_free = |held: &&Arc<Held<P>>| held.is_taken.compare_exchange(false, true, Acquire, Relaxed).is_ok();
        if let Some(held) = all.iter().find(is_free) {
            return held.clone();
        }
        let held = Arc::new(Held { id: self.id, is_taken: AtomicBool::new(true), part: make() });
        all.push(held.clone());
        held
    }

    /// Calls `f` with each part, including those that no thread owns.
    pub(super) fn each(&self, mut f: impl FnMut(&P)) {
        self.lock().iter().for_each(|held| f(&held.part));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Held<P>>>> {
        self.all.lock().unpoisoned()
    }
}

/// A counter that only its thread writes.
#[derive(Debug, Default)]
pub(super) struct Single(AtomicU64);

impl Single {
    #[inline]
    pub(super) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    #[inline]
    pub(super) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Count(Single, AtomicBool);

    impl Part for Count {
        fn leave(&self) {
            self.1.store(true, Relaxed);
        }
    }

    #[test]
    fn each_thread_has_its_own_and_they_pass_on() {
        let parts: Arc<Parts<Count>> = Arc::new(Parts::new());
        let count = |parts: &Parts<Count>| parts.with(Count::default, |part| part.unwrap().0.add(1));
        (0..10).for_each(|_| count(&parts));
        for _ in 0..5 {
            let parts = parts.clone();
            std::thread::spawn(move || (0..10).for_each(|_| count(&parts))).join().unwrap();
        }
        let mut counts = Vec::new();
        parts.each(|part| counts.push((part.0.get(), part.1.load(Relaxed))));
        assert_eq!(counts, [(10, false), (50, true)], "the second and the third thread had the same part, in turn");
    }

    #[test]
    fn more_parts_than_places_in_the_table_work_too() {
        let all: Vec<Parts<Count>> =
            (0..if cfg!(miri) { PLACES + 2 } else { 3 * PLACES }).map(|_| Parts::new()).collect();
        for _ in 0..3 {
            all.iter().for_each(|parts| parts.with(Count::default, |part| part.unwrap().0.add(1)));
        }
        for parts in &all {
            parts.each(|part| assert_eq!(part.0.get(), 3));
        }
    }
}
