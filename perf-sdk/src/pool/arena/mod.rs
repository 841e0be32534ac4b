//! An arena of jemalloc's for one subsystem.
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

/// A jemalloc arena with a name: memory that lies apart from everybody else's, with an account and
/// limits.
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
/// // Beyond the limit there is an error, from functions that can give one.
/// assert!(postings.try_reserve(4 << 20).is_err());
/// # Ok(())
/// # }
/// ```
///
/// **Cost.** A new one: some 40 µs and 150 KB, so one a subsystem, not one a request. An allocation
/// as from the default arena, about.
///
/// **Blind spots.** Where the program's global allocator is another one, jemalloc works beside it,
/// for arenas only. What is allocated here is not in a function's `allocated_bytes`, which the
/// global allocator counts. Blocks of up to 32 KiB are not in the live heap either: threads keep
/// freed ones for themselves and hand them out again.
pub struct Arena {
    name: Arc<str>,
    arena: Index,
    locals: Arc<Locals>,
    account: Arc<Account>,
    on_soft_limit: Option<OnLimit>,
    is_scoped: AtomicBool,
}

type OnLimit = Box<dyn Fn(&str, u64) + Send + Sync>;

/// How an arena shall be.
#[must_use = "call build() for the arena"]
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
    /// Calls `f` with the name and the bytes each time that what is allocated rises above `bytes`,
    /// on the thread that allocates: it must be quick, and must not allocate in this arena. It may
    /// come late by a 64th of the limit, or 64 KiB if that is less, for each thread.
    pub fn soft_limit(mut self, bytes: usize, f: impl Fn(&str, u64) + Send + Sync + 'static) -> Self {
        self.soft_limit = Some((bytes, Box::new(f)));
        self
    }

    /// The arena takes no more from the system: an allocation beyond it fails. At least 2 MiB,
    /// which jemalloc takes at first. Functions that cannot give an error end the process, as Rust
    /// does without memory: use those that can, such as `try_reserve`.
    pub fn hard_limit(mut self, bytes: usize) -> Self {
        self.hard_limit = Some(bytes);
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// [`ArenaError::Name`] for a name that is empty or taken, [`ArenaError::Limit`] for a limit
    /// that is too low, [`ArenaError::Refused`] where jemalloc has no more arenas.
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
                // SAFETY: nobody has seen it.
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
    /// One without limits.
    ///
    /// # Errors
    /// As [`ArenaBuilder::build`].
    pub fn new(name: impl Into<String>) -> Result<Self, ArenaError> {
        Self::builder(name).build()
    }

    /// One with limits.
    pub fn builder(name: impl Into<String>) -> ArenaBuilder {
        ArenaBuilder { name: name.into(), soft_limit: None, hard_limit: None }
    }

    /// What it holds now.
    #[must_use]
    pub fn account(&self) -> ArenaAccount {
        control::refresh();
        self.account.read()
    }

    /// Runs `f`, during which plain code on this thread allocates from the arena: `Box`, `String`
    /// and whatever else the global allocator serves, if that is jemalloc.
    ///
    /// A hard limit does not hold in here, since plain code would end the process: what is taken
    /// beyond it is counted.
    ///
    /// **Cost.** The thread's cache of jemalloc's is emptied before and after: some microseconds.
    ///
    /// **Blind spots.** What `f` frees, it may be given again, whichever arena it is of. Of what is
    /// allocated in here only the pages are in the account, as active bytes. The arena cannot be
    /// [`reset`](Self::reset) any more.
    ///
    /// # Errors
    /// [`ArenaError::Refused`]; `f` did not run then.
    pub fn scope<R>(&self, f: impl FnOnce() -> R) -> Result<R, ArenaError> {
        struct Back(Index);
        impl Drop for Back {
            fn drop(&mut self) {
                // It was this thread's arena before.
                let _ = control::enter_arena(self.0);
            }
        }
        self.is_scoped.store(true, Relaxed);
        let _back = Back(control::enter_arena(self.arena)?);
        Ok(quota::lenient(f))
    }

    /// Frees all that was allocated, at once. Nothing that borrows the arena lives then, so the
    /// borrow checker knows that nobody uses it; what was forgotten is freed too, without its
    /// destructor.
    ///
    /// # Errors
    /// [`ArenaError::Scoped`] after a [`scope`](Self::scope): what plain code allocated borrows
    /// nothing. [`ArenaError::Refused`].
    pub fn reset(&mut self) -> Result<(), ArenaError> {
        if self.is_scoped.load(Relaxed) {
            return Err(ArenaError::Scoped);
        }
        // SAFETY: whoever allocated borrows the arena, which is borrowed here as a whole.
        unsafe {
            self.locals.clear(false);
            control::reset_arena(self.arena)?;
        }
        self.account.reset();
        Ok(())
    }

    /// Gives unused pages back to the system.
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

/// jemalloc's numbers of all arenas, the program's usual ones too.
pub(super) fn indices() -> Vec<u32> {
    (0..control::arenas()).collect()
}

/// One that was never used refuses, and needs nothing.
pub(super) fn purge(index: u32) {
    let _ = control::purge_arena(index);
}

pub(super) fn decay(index: u32) {
    let _ = control::decay_arena(index);
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: nobody borrows it any more.
        unsafe {
            self.locals.clear(!self.is_scoped.load(Relaxed));
            if !self.is_scoped.load(Relaxed) {
                let _ = control::destroy_arena(self.arena);
            }
        }
        self.account.close();
    }
}

/// No bytes need no memory.
fn nothing(layout: Layout) -> NonNull<[u8]> {
    let aligned = ptr::without_provenance_mut::<u8>(layout.align());
    // An alignment is not 0.
    NonNull::slice_from_raw_parts(NonNull::new(aligned).unwrap_or(NonNull::dangling()), 0)
}

// SAFETY: blocks are jemalloc's, aligned and large enough, and stay where they are until they are
// freed or the arena, which is borrowed, is reset or dropped; a copy of the reference is the same
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
            // SAFETY: the caller's promise: it is a block of this arena's with this layout.
            unsafe { local.free(block, layout) };
            local.note_freed(layout)
        });
        if let Some(bytes) = untold {
            self.tell(bytes);
        }
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.resize(block, old, new) }
    }

    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if new.size() == 0 {
            // SAFETY: the caller's promise, passed on.
            unsafe { self.deallocate(block, old) };
            return Ok(nothing(new));
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { self.resize(block, old, new) }
    }
}

impl Arena {
    /// # Safety
    /// As of [`Allocator::grow`], with a new size that is not 0.
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return (&self).allocate(new);
        }
        let (block, untold) = self.locals.with(|local| {
            // SAFETY: the caller's promise: it is a block of this arena's.
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
