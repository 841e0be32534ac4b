//! A jemalloc arena for one subsystem.
#![allow(unsafe_code)]

mod account;
mod bins;
mod control;
mod error;
mod locals;
mod quota;

use std::alloc::Layout;
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use allocator_api2::alloc::{AllocError, Allocator};

pub(crate) use account::accounts;
pub(super) use account::own_indices;
pub use error::ArenaError;

use super::is_name;
use crate::accounts::ArenaAccount;
use account::Account;
use control::Index;
use locals::Locals;
use quota::Quota;

/// A jemalloc arena with a name: memory that is separate from that of other code, with an account
/// and limits.
///
/// A reference to it is an [`Allocator`] of `allocator-api2` 0.2, for that crate's `Vec` and `Box`,
/// for hashbrown and others.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::pool::ArenaError> {
/// use allocator_api2::vec::Vec;
/// use perf_sdk::pool::Arena;
///
/// let arena = Arena::builder("index").hard_limit(16 << 20).build()?;
/// let mut postings: Vec<u64, &Arena> = Vec::new_in(&arena);
/// postings.extend(0..1_000);
/// assert!(arena.account().allocated_bytes >= 8_000);
/// // Beyond the limit, functions that can return an error do so.
/// assert!(postings.try_reserve(4 << 20).is_err());
/// # Ok(())
/// # }
/// ```
///
/// **Cost.** Creating one takes some 40 µs and 150 KB, so create one for a subsystem, not for a
/// request. An allocation costs about as much as from the default arena.
///
/// **Blind spots.** If the program's global allocator is another one, jemalloc is used beside it,
/// for arenas only. Allocations here are not in a function's `allocated_bytes`, which the global
/// allocator counts. Blocks of up to 32 KiB are not in the live heap either, because threads keep
/// freed ones and hand them out again.
pub struct Arena {
    name: Arc<str>,
    arena: Index,
    locals: Arc<Locals>,
    account: Arc<Account>,
    on_soft_limit: Option<OnLimit>,
    is_scoped: AtomicBool,
}

type OnLimit = Box<dyn Fn(&str, u64) + Send + Sync>;

/// Builds an [`Arena`].
#[must_use = "call build() to create the arena"]
pub struct ArenaBuilder {
    name: String,
    soft_limit: Option<(usize, OnLimit)>,
    hard_limit: Option<usize>,
}

impl fmt::Debug for ArenaBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArenaBuilder").field("name", &self.name).field("hard_limit", &self.hard_limit).finish()
    }
}

impl ArenaBuilder {
    /// Calls `f` with the name and the allocated bytes each time that these rise above `bytes`, on
    /// the thread that allocates. `f` must be quick, and must not allocate in this arena. For each
    /// thread, the call may be late by a 64th of the limit, or by 64 KiB if that is less.
    pub fn soft_limit(mut self, bytes: usize, f: impl Fn(&str, u64) + Send + Sync + 'static) -> Self {
        self.soft_limit = Some((bytes, Box::new(f)));
        self
    }

    /// Limits what the arena maps: an allocation beyond the limit fails. The minimum is 2 MiB,
    /// which jemalloc maps at first. Functions that cannot return an error abort the process, as
    /// Rust does when memory runs out. Use those that can, such as `try_reserve`.
    pub fn hard_limit(mut self, bytes: usize) -> Self {
        self.hard_limit = Some(bytes);
        self
    }

    /// Creates the arena.
    ///
    /// # Errors
    /// [`ArenaError::Name`] for a name that is empty, too long or already used,
    /// [`ArenaError::Limit`] for a limit that is too low, [`ArenaError::Refused`] if jemalloc
    /// cannot create another arena.
    pub fn build(self) -> Result<Arena, ArenaError> {
        let limits = [
            ("soft_limit", self.soft_limit.as_ref().map(|(bytes, _)| *bytes), 1),
            ("hard_limit", self.hard_limit, quota::LEAST_BYTES),
        ];
        for (which, bytes, least) in limits {
            if let Some(bytes) = bytes.filter(|bytes| *bytes < least) {
                return Err(ArenaError::Limit { which, bytes, least });
            }
        }
        if !is_name(&self.name) {
            return Err(ArenaError::Name(self.name));
        }
        let name: Arc<str> = self.name.into();
        let soft_limit = self.soft_limit.as_ref().map(|(bytes, _)| *bytes);
        let arena = control::create_arena()?;
        let opened = self.hard_limit.map(|bytes| Quota::install(arena, bytes)).transpose().and_then(|quota| {
            let locals = Arc::new(Locals::new(arena, soft_limit));
            Ok((Account::open(name.clone(), arena, locals.clone(), soft_limit, quota)?, locals))
        });
        match opened {
            Ok((account, locals)) => Ok(Arena {
                name,
                arena,
                locals,
                account,
                on_soft_limit: self.soft_limit.map(|(_, f)| f),
                is_scoped: AtomicBool::new(false),
            }),
            Err(error) => {
                // SAFETY: nobody has used the arena yet.
                let _ = unsafe { control::destroy_arena(arena) };
                Err(error)
            }
        }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("name", &self.name).field("account", &self.account()).finish()
    }
}

impl Arena {
    /// An arena without limits.
    ///
    /// # Errors
    /// As [`ArenaBuilder::build`].
    pub fn new(name: impl Into<String>) -> Result<Self, ArenaError> {
        Self::builder(name).build()
    }

    /// A builder, to set limits.
    pub fn builder(name: impl Into<String>) -> ArenaBuilder {
        ArenaBuilder { name: name.into(), soft_limit: None, hard_limit: None }
    }

    /// The arena's current figures.
    #[must_use]
    pub fn account(&self) -> ArenaAccount {
        control::refresh();
        self.account.read()
    }

    /// Runs `f`. Meanwhile, ordinary allocations of this thread come from the arena: `Box`,
    /// `String` and everything else that the global allocator serves, if that is jemalloc.
    ///
    /// A hard limit has no effect in here, since ordinary code would abort the process. What is
    /// mapped beyond it is counted.
    ///
    /// **Cost.** jemalloc's cache of the thread is flushed before and after: some microseconds.
    ///
    /// **Blind spots.** Memory that `f` frees may be handed out to it again, whichever arena it
    /// came from. Of the allocations in here, only the pages are in the account, as active bytes.
    /// The arena cannot be [`reset`](Self::reset) any more.
    ///
    /// # Errors
    /// [`ArenaError::Refused`]; then `f` did not run.
    pub fn scope<R>(&self, f: impl FnOnce() -> R) -> Result<R, ArenaError> {
        struct Back(Index);
        impl Drop for Back {
            fn drop(&mut self) {
                // This was the thread's arena before.
                let _ = control::enter_arena(self.0);
            }
        }
        self.is_scoped.store(true, Relaxed);
        let _back = Back(control::enter_arena(self.arena)?);
        Ok(quota::lenient(f))
    }

    /// Frees all allocations at once. The borrow checker ensures that nothing which borrows the
    /// arena exists any more. Leaked values are freed too, without running their destructors.
    ///
    /// # Errors
    /// [`ArenaError::Scoped`] after a [`scope`](Self::scope), because allocations made there do not
    /// borrow the arena. [`ArenaError::Refused`].
    pub fn reset(&mut self) -> Result<(), ArenaError> {
        if self.is_scoped.load(Relaxed) {
            return Err(ArenaError::Scoped);
        }
        // SAFETY: all allocations borrow the arena, which is mutably borrowed here.
        unsafe {
            self.locals.clear(false);
            control::reset_arena(self.arena)?;
        }
        self.account.reset();
        Ok(())
    }

    /// Returns unused pages to the system.
    ///
    /// # Errors
    /// [`ArenaError::Refused`].
    pub fn purge(&self) -> Result<(), ArenaError> {
        control::purge_arena(self.arena)
    }

    #[cold]
    #[inline(never)]
    fn tell(&self, bytes: i64) {
        if let Some(now) = self.account.tell(bytes)
            && let Some(f) = &self.on_soft_limit
        {
            f(&self.name, now);
        }
    }

    #[inline]
    fn note(
        &self,
        layout: Layout,
        block: Option<NonNull<u8>>,
        untold: Option<i64>,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if let Some(bytes) = untold {
            self.tell(bytes);
        }
        match block {
            Some(block) => Ok(NonNull::slice_from_raw_parts(block, layout.size())),
            None => {
                self.account.note_refused();
                Err(AllocError)
            }
        }
    }
}

/// jemalloc's indices of all arenas, including the program's default ones.
pub(super) fn indices() -> Vec<u32> {
    (0..control::arenas()).collect()
}

/// Fails for an arena that was never used, which has no pages to return.
pub(super) fn purge(index: u32) {
    let _ = control::purge_arena(index);
}

pub(super) fn decay(index: u32) {
    let _ = control::decay_arena(index);
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: nothing borrows the arena any more.
        unsafe {
            self.locals.clear(!self.is_scoped.load(Relaxed));
            if !self.is_scoped.load(Relaxed) {
                let _ = control::destroy_arena(self.arena);
            }
        }
        self.account.close();
    }
}

/// A dangling pointer, because a size of 0 needs no memory.
fn nothing(layout: Layout) -> NonNull<[u8]> {
    let aligned = ptr::without_provenance_mut::<u8>(layout.align());
    // An alignment is never 0.
    NonNull::slice_from_raw_parts(NonNull::new(aligned).unwrap_or(NonNull::dangling()), 0)
}

// SAFETY: blocks come from jemalloc, are aligned and large enough, and do not move until they are
// freed, or the arena, which is borrowed, is reset or dropped. A copy of the reference is the same
// allocator.
unsafe impl Allocator for &Arena {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(nothing(layout));
        }
        let (block, untold) = self.locals.with(|local| {
            let block = local.allocate(layout);
            (block, block.and_then(|_| local.note_allocated(layout)))
        });
        self.note(layout, block, untold)
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(nothing(layout));
        }
        let (block, untold) = self.locals.with(|local| {
            let block = local.allocate_zeroed(layout);
            (block, block.and_then(|_| local.note_allocated(layout)))
        });
        self.note(layout, block, untold)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        let untold = self.locals.with(|local| {
            // SAFETY: as the caller guarantees: a block of this arena with this layout.
            unsafe { local.free(block, layout) };
            local.note_freed(layout)
        });
        if let Some(bytes) = untold {
            self.tell(bytes);
        }
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as the caller guarantees.
        unsafe { self.resize(block, old, new) }
    }

    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if new.size() == 0 {
            // SAFETY: as the caller guarantees.
            unsafe { self.deallocate(block, old) };
            return Ok(nothing(new));
        }
        // SAFETY: as the caller guarantees.
        unsafe { self.resize(block, old, new) }
    }
}

impl Arena {
    /// # Safety
    /// As for [`Allocator::grow`], with a new size that is not 0.
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return (&self).allocate(new);
        }
        let (block, untold) = self.locals.with(|local| {
            // SAFETY: as the caller guarantees: a block of this arena.
            let block = unsafe { local.reallocate(block, old, new) };
            let untold = block.and_then(|_| {
                let freed = local.note_freed(old);
                let allocated = local.note_allocated(new);
                freed.or(allocated).map(|_| freed.unwrap_or(0) + allocated.unwrap_or(0))
            });
            (block, untold)
        });
        self.note(new, block, untold)
    }
}
