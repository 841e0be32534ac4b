//! Reusable bump arenas.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use bumpalo::Bump;

use super::error::PoolError;
use super::object::{Pool, Pooled};
use super::out::Out;
use super::parts::Single;
use super::registry::{self, AnyPool};
use crate::accounts::{BumpAccount, PoolAccount};
use crate::base::unpoisoned::Unpoisoned as _;

/// An arena with more than this many bytes is not kept when it returns.
const KEPT_BYTES: usize = 1 << 20;

/// Bump arenas, one for each request. An allocation is an addition to a pointer, and everything is
/// freed at once when the request ends. Based on bumpalo.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::pool::PoolError> {
/// use perf_sdk::pool::BumpPool;
///
/// let requests = BumpPool::new("requests")?;
/// {
///     let arena = requests.get();
///     let name = arena.alloc_str("a request");
///     assert_eq!(name.len(), 9);
/// }
/// assert_eq!(requests.account().high_water_bytes, 9);
/// # Ok(())
/// # }
/// ```
///
/// **Blind spots.** As for bumpalo, values that are allocated here are freed without running their
/// destructors. The bytes of an arena are counted when it returns; its last allocation is not
/// included if it was freed before.
#[derive(Clone)]
pub struct BumpPool {
    inside: Arc<Inside>,
}

struct Inside {
    pool: Pool<Recycled>,
    all: Arc<Mutex<All>>,
}

/// The counts of all arenas of a pool.
#[derive(Debug, Default)]
struct All {
    living: Vec<Arc<Counts>>,
    /// The counts of arenas that were dropped.
    gone: Sums,
}

/// The counts of one arena. Shared atomic counters would take as long as a dozen allocations for
/// each arena.
#[derive(Debug, Default)]
struct Counts {
    used: Single,
    held: Single,
    high: Single,
    idle: Single,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    used: u64,
    held: u64,
    high: u64,
    idle: u64,
}

impl Sums {
    fn add(&mut self, counts: &Counts) {
        self.used += counts.used.get();
        self.held += counts.held.get();
        self.high = self.high.max(counts.high.get());
        self.idle += counts.idle.get();
    }
}

impl All {
    /// The sum of all counts. Moves those of dropped arenas to `gone`.
    fn sums(&mut self) -> Sums {
        let gone = &mut self.gone;
        self.living.retain(|counts| {
            let lives = Arc::strong_count(counts) > 1;
            if !lives {
                gone.add(counts);
            }
            lives
        });
        gone.idle = 0;
        let mut sums = *gone;
        self.living.iter().for_each(|counts| sums.add(counts));
        sums
    }
}

/// A bump arena with its counts.
struct Recycled {
    bump: Bump,
    counts: Arc<Counts>,
}

impl Recycled {
    /// Resets the arena. Returns whether it is kept.
    fn reset(&mut self, kept_bytes: usize) -> bool {
        let held = self.bump.allocated_bytes();
        let used: usize = self.bump.iter_allocated_chunks().map(<[_]>::len).sum();
        self.counts.used.add(used as u64);
        self.counts.held.add(held as u64);
        if used as u64 > self.counts.high.get() {
            self.counts.high.set(used as u64);
        }
        self.bump.reset();
        let idle = self.bump.allocated_bytes();
        self.counts.idle.set(idle as u64);
        idle <= kept_bytes
    }
}

impl fmt::Debug for BumpPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BumpPool").field(&self.account()).finish()
    }
}

impl BumpPool {
    /// A pool whose arenas begin small, and are kept up to a mebibyte.
    ///
    /// # Errors
    /// [`PoolError::Name`] for a name that is empty, longer than 255 bytes or already used.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, PoolError> {
        Self::with_capacity(name, 0, KEPT_BYTES)
    }

    /// A pool whose arenas begin with a capacity of `bytes`, and are dropped if they have more than
    /// `kept_bytes` when they return.
    ///
    /// # Errors
    /// [`PoolError::Name`] for a name that is empty, longer than 255 bytes or already used.
    pub fn with_capacity(name: impl Into<Arc<str>>, bytes: usize, kept_bytes: usize) -> Result<Self, PoolError> {
        let all: Arc<Mutex<All>> = Arc::default();
        let known = all.clone();
        let make = move || {
            let counts: Arc<Counts> = Arc::default();
            let mut all = known.lock().unpoisoned();
            if all.living.len() == all.living.capacity() {
                // Called before the list grows, because it removes dropped arenas.
                all.sums();
            }
            all.living.push(counts.clone());
            Recycled { bump: Bump::with_capacity(bytes), counts }
        };
        let pool = Pool::builder(name, make).reset_if(move |it| it.reset(kept_bytes)).build_unlisted()?;
        let inside = Arc::new(Inside { pool, all });
        let any: Arc<dyn AnyPool> = inside.clone();
        if registry::add(&any) { Ok(Self { inside }) } else { Err(PoolError::Name(any.name().to_owned())) }
    }

    /// An empty arena.
    #[inline]
    pub fn get(&self) -> PooledBump<'_> {
        let it = self.inside.pool.get();
        it.counts.idle.set(0);
        PooledBump(it)
    }

    /// Drops idle arenas. Returns how many were dropped at once.
    pub fn trim(&self) -> usize {
        self.inside.pool.trim()
    }

    /// The pool's current figures.
    #[must_use]
    pub fn account(&self) -> BumpAccount {
        self.inside.account_of(self.inside.pool.account())
    }
}

impl Inside {
    fn account_of(&self, pool: PoolAccount) -> BumpAccount {
        let sums = self.all.lock().unpoisoned().sums();
        BumpAccount {
            pool,
            used_bytes: sums.used,
            held_bytes: sums.held,
            high_water_bytes: sums.high,
            idle_bytes: sums.idle,
        }
    }
}

impl AnyPool for Inside {
    fn name(&self) -> &str {
        self.pool.name()
    }

    fn account(&self) -> PoolAccount {
        self.pool.account()
    }

    fn outs(&self) -> Vec<Out> {
        self.pool.outs()
    }

    fn trim(&self) -> usize {
        self.pool.trim()
    }

    fn bumps(&self, pool: PoolAccount) -> Option<BumpAccount> {
        Some(self.account_of(pool))
    }
}

/// A bump arena of a pool: see [`bumpalo::Bump`]. When this drops, everything in it is freed, and
/// the arena returns to the pool.
pub struct PooledBump<'a>(Pooled<'a, Recycled>);

impl Deref for PooledBump<'_> {
    type Target = Bump;

    #[inline]
    fn deref(&self) -> &Bump {
        &self.0.bump
    }
}

impl fmt::Debug for PooledBump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PooledBump").field(&self.0.bump).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_when_they_end() {
        let requests = BumpPool::new("counted requests").unwrap();
        for size in [100, 300, 200] {
            let bump = requests.get();
            bump.alloc_slice_fill_copy(size, 1_u8);
        }
        let account = requests.account();
        assert_eq!((account.pool.taken, account.pool.made), (3, 1));
        assert_eq!((account.used_bytes, account.high_water_bytes), (600, 300));
        assert!(account.held_bytes >= 600 && account.idle_bytes >= 300, "{account:?}");
        assert!(account.waste_ratio().is_some_and(|ratio| (0.0..1.0).contains(&ratio)));
        let _out = requests.get();
        assert_eq!((requests.account().idle_bytes, requests.account().pool.outstanding), (0, 1));
    }

    #[test]
    fn large_ones_are_not_kept() {
        let requests = BumpPool::with_capacity("large requests", 1_000, 10_000).unwrap();
        requests.get().alloc_slice_fill_copy(50_000, 1_u8);
        let account = requests.account();
        assert_eq!((account.pool.unfit, account.idle_bytes, account.high_water_bytes), (1, 0, 50_000));
        assert!(matches!(BumpPool::new("large requests"), Err(PoolError::Name(_))));
    }
}
