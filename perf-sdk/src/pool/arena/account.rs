//! Figures of arenas.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use super::control::{self, Index};
use super::error::ArenaError;
use super::locals::Locals;
use super::quota::Quota;
use crate::accounts::ArenaAccount;
use crate::base::fork::Lock;

/// All existing arenas.
static OPEN: Lock<Vec<Arc<Account>>> = Lock::new(Vec::new());

/// The account of one arena.
#[derive(Debug)]
pub(super) struct Account {
    name: Arc<str>,
    arena: Index,
    locals: Arc<Locals>,
    soft_limit: Option<usize>,
    quota: Option<&'static Quota>,
    /// Bytes that threads have reported as allocated, less those freed.
    told: AtomicI64,
    high: AtomicI64,
    refused: AtomicU64,
}

/// The accounts of all existing arenas, by name.
pub(crate) fn accounts() -> Vec<ArenaAccount> {
    let open = OPEN.lock();
    let mut accounts: Vec<ArenaAccount> = open.iter().map(|account| account.read()).collect();
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    accounts
}

/// jemalloc's indices of all existing arenas.
pub(in crate::pool) fn own_indices() -> Vec<Index> {
    OPEN.lock().iter().map(|account| account.arena).collect()
}

impl Account {
    /// # Errors
    /// [`ArenaError::Name`].
    pub(super) fn open(
        name: Arc<str>,
        arena: Index,
        locals: Arc<Locals>,
        soft_limit: Option<usize>,
        quota: Option<&'static Quota>,
    ) -> Result<Arc<Self>, ArenaError> {
        let mut open = OPEN.lock();
        if open.iter().any(|other| other.name == name) {
            return Err(ArenaError::Name(name.to_string()));
        }
        let (told, high, refused) = (AtomicI64::new(0), AtomicI64::new(0), AtomicU64::new(0));
        let account = Arc::new(Self { name, arena, locals, soft_limit, quota, told, high, refused });
        open.push(account.clone());
        Ok(account)
    }

    pub(super) fn close(&self) {
        OPEN.lock().retain(|other| other.name != self.name);
    }

    /// Adds the bytes that a thread has allocated since its last report, negative if it has freed
    /// more. If the total has just risen above the soft limit, returns the total.
    pub(super) fn tell(&self, bytes: i64) -> Option<u64> {
        let before = self.told.fetch_add(bytes, Relaxed);
        let now = before + bytes;
        self.high.fetch_max(now, Relaxed);
        let limit = i64::try_from(self.soft_limit?).unwrap_or(i64::MAX);
        (before <= limit && now > limit).then(|| now.unsigned_abs())
    }

    pub(super) fn note_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Called when everything in the arena is freed.
    pub(super) fn reset(&self) {
        self.told.store(0, Relaxed);
    }

    pub(super) fn read(&self) -> ArenaAccount {
        let (allocated, freed, allocations) = self.locals.sums();
        let allocated_bytes = allocated.saturating_sub(freed);
        let high = self.high.fetch_max(i64::try_from(allocated_bytes).unwrap_or(i64::MAX), Relaxed);
        let (refused_extents, exceeded_extents) = self.quota.map_or((0, 0), |quota| quota.refused());
        ArenaAccount {
            name: self.name.to_string(),
            index: self.arena,
            allocated_bytes,
            high_water_bytes: high.unsigned_abs().max(allocated_bytes),
            total_bytes: allocated,
            allocations,
            active_bytes: control::active_bytes(self.arena),
            mapped_bytes: self.quota.map(|quota| quota.mapped_bytes() as u64),
            soft_limit_bytes: self.soft_limit.map(|bytes| bytes as u64),
            hard_limit_bytes: self.quota.map(|quota| quota.limit_bytes() as u64),
            refused: self.refused.load(Relaxed),
            refused_extents,
            exceeded_extents,
        }
    }
}
