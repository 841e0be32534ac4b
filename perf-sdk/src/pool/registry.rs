//! All existing pools.

use std::sync::{Arc, Weak};

use super::out::Out;
use crate::accounts::{BumpAccount, Checkout, PoolAccount};
use crate::base::fork::Lock;
use crate::clock;
use crate::scope::Site;

/// A pool of any type.
pub(super) trait AnyPool: Send + Sync {
    fn name(&self) -> &str;
    fn account(&self) -> PoolAccount;
    /// All checkouts.
    fn outs(&self) -> Vec<Out>;
    /// Drops idle objects that need not be kept. Returns how many.
    fn trim(&self) -> usize;
    /// The account as bump arenas, for pools of those.
    fn bumps(&self, _pool: PoolAccount) -> Option<BumpAccount> {
        None
    }
}

static POOLS: Lock<Vec<Weak<dyn AnyPool>>> = Lock::new(Vec::new());

/// Registers a pool. `false` if its name is already used.
pub(super) fn add(pool: &Arc<dyn AnyPool>) -> bool {
    let mut pools = POOLS.lock();
    pools.retain(|known| known.strong_count() > 0);
    if pools.iter().any(|known| known.upgrade().is_some_and(|known| known.name() == pool.name())) {
        return false;
    }
    pools.push(Arc::downgrade(pool));
    true
}

/// All pools, by name.
pub(super) fn all() -> Vec<Arc<dyn AnyPool>> {
    let pools = POOLS.lock();
    let mut pools: Vec<Arc<dyn AnyPool>> = pools.iter().filter_map(Weak::upgrade).collect();
    pools.sort_by(|a, b| a.name().cmp(b.name()));
    pools
}

/// The accounts of all pools: of objects, and of bump arenas.
pub(crate) fn accounts() -> (Vec<PoolAccount>, Vec<BumpAccount>) {
    let (mut objects, mut bumps) = (Vec::new(), Vec::new());
    for pool in all() {
        let account = pool.account();
        let oldest = pool.outs().into_iter().min_by_key(|out| out.taken.unwrap_or(u64::MAX)).map(checkout);
        let account = PoolAccount { oldest, ..account };
        match pool.bumps(account.clone()) {
            Some(account) => bumps.push(account),
            None => objects.push(account),
        }
    }
    (objects, bumps)
}

fn checkout(out: Out) -> Checkout {
    let sites = sites(&out);
    let label = sites.last().map(|site| site.label());
    Checkout {
        age_ns: out.taken.map_or(0, age_ns),
        function: label.map_or_else(String::new, |label| label.name.clone()),
        module: label.map_or_else(String::new, |label| label.module.clone()),
        scopes: sites.iter().map(|site| site.label().name.clone()).collect(),
    }
}

fn age_ns(taken: u64) -> u64 {
    let wall = clock::wall();
    wall.ns(wall.ticks().saturating_sub(taken))
}

fn sites(out: &Out) -> Vec<&'static Site> {
    out.callers()
}

/// One checkout, for the leak detector: of which pool, taken by whom and when.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) pool: String,
    pub(crate) sites: Vec<&'static Site>,
    /// In ticks; `None` if no clock ran.
    pub(crate) at: Option<u64>,
}

/// All checkouts.
pub(crate) fn taken() -> Vec<Taken> {
    let of = |pool: Arc<dyn AnyPool>| {
        let name = pool.name().to_owned();
        pool.outs().into_iter().map(move |out| Taken { pool: name.clone(), sites: sites(&out), at: out.taken })
    };
    all().into_iter().flat_map(of).collect()
}
