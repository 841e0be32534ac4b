//! Counters that many threads write: most threads have a stripe of their own, to which they add
//! without an atomic addition.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Stripes that belong to one thread each.
const OWNED: usize = 24;
/// Those of all further threads.
const SHARED: usize = 8;

/// Keeps stripes on cache lines of their own; two lines, because some processors fetch pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Padded<T>(T);

/// One `T` for each stripe.
#[derive(Debug)]
pub(crate) struct Stripes<T>(Box<[Padded<T>]>);

/// The owned stripes that some thread has, as bits.
static TAKEN: AtomicU32 = AtomicU32::new(0);

const NONE: usize = usize::MAX;

thread_local! {
    /// The thread's stripe, or [`NONE`]. Without a destructor, so it is readable at any time.
    static STRIPE: Cell<usize> = const { Cell::new(NONE) };
    /// Gives the stripe back at the end of the thread.
    static GIVES_BACK: GivesBack = const { GivesBack };
}

struct GivesBack;

impl Drop for GivesBack {
    fn drop(&mut self) {
        let stripe = STRIPE.replace(OWNED);
        if stripe < OWNED {
            // `Release` pairs with `take`: the next owner sees what this one wrote.
            TAKEN.fetch_and(!(1 << stripe), Release);
        }
    }
}

#[cold]
fn take() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let shared = OWNED + NEXT.fetch_add(1, Relaxed) % SHARED;
    // A thread that is being torn down would not give it back.
    let is_alive = GIVES_BACK.try_with(|_| ()).is_ok();
    let free = |taken: u32| {
        let lowest = (!taken).trailing_zeros() as usize;
        (lowest < OWNED).then(|| taken | 1 << lowest)
    };
    let claim = || TAKEN.fetch_update(Acquire, Relaxed, free).ok().map(|taken| (!taken).trailing_zeros() as usize);
    let stripe = is_alive.then(claim).flatten().unwrap_or(shared);
    STRIPE.set(stripe);
    stripe
}

impl<T> Stripes<T> {
    pub(crate) fn new(make: impl Fn() -> T) -> Self {
        Self((0..OWNED + SHARED).map(|_| Padded(make())).collect())
    }

    /// The stripe of this thread, and whether no other thread writes to it.
    #[inline]
    pub(crate) fn own(&self) -> (&T, bool) {
        let stripe = STRIPE.get();
        let stripe = if stripe == NONE { take() } else { stripe };
        (&self.0[stripe & (OWNED + SHARED - 1)].0, stripe < OWNED)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }
}

const _: () = assert!((OWNED + SHARED).is_power_of_two() && OWNED < 32);

/// `N` counters.
#[derive(Debug)]
pub(crate) struct Counts<const N: usize>(Stripes<[AtomicU64; N]>);

impl<const N: usize> Counts<N> {
    pub(crate) fn new() -> Self {
        Self(Stripes::new(|| [const { AtomicU64::new(0) }; N]))
    }

    /// Adds to the counter at this place, wrapping; a place from `N` on has no counter.
    #[inline]
    pub(crate) fn add(&self, at: usize, n: u64) {
        let (stripe, is_owned) = self.0.own();
        let Some(count) = stripe.get(at) else { return };
        if is_owned {
            count.store(count.load(Relaxed).wrapping_add(n), Relaxed);
        } else {
            count.fetch_add(n, Relaxed);
        }
    }

    /// The sums over all threads.
    pub(crate) fn sums(&self) -> [u64; N] {
        let mut sums = [0_u64; N];
        for stripe in self.0.iter() {
            sums.iter_mut().zip(stripe).for_each(|(sum, count)| *sum = sum.wrapping_add(count.load(Relaxed)));
        }
        sums
    }

    pub(crate) fn reset(&self) {
        self.0.iter().flatten().for_each(|count| count.store(0, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, LazyLock, Mutex};
    use std::thread;

    use super::*;

    #[test]
    fn nothing_is_lost_when_more_threads_count_than_there_are_stripes() {
        const THREADS: u64 = 40;
        let counts = Counts::<3>::new();
        let rounds = if cfg!(miri) { 9 } else { 9_000 };
        for _ in 0..2 {
            let together = Barrier::new(THREADS as usize);
            thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        counts.add(0, 0);
                        together.wait();
                        (0..rounds).for_each(|round| counts.add((round % 3) as usize, round));
                    });
                }
            });
        }
        let of = |at: u64| 2 * THREADS * (0..rounds).filter(|round| round % 3 == at).sum::<u64>();
        assert_eq!(counts.sums(), [of(0), of(1), of(2)]);
        counts.reset();
        assert_eq!(counts.sums(), [0; 3]);
    }

    #[test]
    fn a_stripe_has_one_owner_at_a_time() {
        static STRIPES: LazyLock<Stripes<u8>> = LazyLock::new(|| Stripes::new(|| 0));
        let owned = || {
            let (stripe, is_owned) = STRIPES.own();
            is_owned.then(|| std::ptr::from_ref(stripe).addr())
        };
        let all = Mutex::new(Vec::new());
        let together = Barrier::new(40);
        thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    all.lock().unwrap().extend(owned());
                    together.wait();
                });
            }
        });
        let mut all = all.into_inner().unwrap();
        let number = all.len();
        all.sort_unstable();
        all.dedup();
        assert!(all.len() == number && number <= OWNED, "{number}");
    }
}
