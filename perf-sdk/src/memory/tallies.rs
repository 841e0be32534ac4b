//! What this thread allocated and freed so far.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// A thread's allocation counters, or a difference of two readings. All wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Tallies {
    /// Bytes requested; a realloc counts its new size.
    pub(crate) allocated_bytes: u64,
    /// Bytes freed; a realloc counts its old size.
    pub(crate) freed_bytes: u64,
    pub(crate) allocations: u64,
    pub(crate) frees: u64,
    pub(crate) reallocations: u64,
}

// PERF: in the order of `Tallies`, so that they are copied unchanged. The fields to which an
// allocation adds are not adjacent, because the compiler would add both as one vector, with
// constants loaded and registers saved: 12 % of an allocation and free.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct TallyCells {
    allocated_bytes: Cell<u64>,
    freed_bytes: Cell<u64>,
    allocations: Cell<u64>,
    frees: Cell<u64>,
    reallocations: Cell<u64>,
    /// The number of allocated bytes at which the next sample is taken, where a countdown is used.
    #[cfg(feature = "heap")]
    pick_at: Cell<u64>,
}

thread_local! {
    // Const and without a destructor, because an allocator is called before a thread's first line
    // and after its last.
    static CELLS: TallyCells = const {
        TallyCells {
            allocated_bytes: Cell::new(0),
            allocations: Cell::new(0),
            freed_bytes: Cell::new(0),
            frees: Cell::new(0),
            reallocations: Cell::new(0),
            #[cfg(feature = "heap")]
            pick_at: Cell::new(0),
        }
    };
}

#[inline]
fn add(cell: &Cell<u64>, n: u64) {
    cell.set(cell.get().wrapping_add(n));
}

#[inline]
pub(super) fn allocated(bytes: usize) {
    CELLS.with(|c| {
        add(&c.allocations, 1);
        add(&c.allocated_bytes, bytes as u64);
    });
}

#[inline]
pub(super) fn freed(bytes: usize) {
    CELLS.with(|c| {
        add(&c.frees, 1);
        add(&c.freed_bytes, bytes as u64);
    });
}

#[inline]
pub(super) fn reallocated(old_bytes: usize, new_bytes: usize) {
    CELLS.with(|c| {
        add(&c.reallocations, 1);
        add(&c.allocated_bytes, new_bytes as u64);
        add(&c.freed_bytes, old_bytes as u64);
    });
}

/// Whether this thread has allocated the bytes to its next sample.
#[cfg(feature = "heap")]
#[inline]
pub(super) fn is_reached() -> bool {
    CELLS.with(|c| c.allocated_bytes.get() >= c.pick_at.get())
}

/// Sets the distance to this thread's next sample.
#[cfg(feature = "heap")]
pub(super) fn pick_after(bytes: u64) {
    CELLS.with(|c| c.pick_at.set(c.allocated_bytes.get().saturating_add(bytes)));
}

impl TallyCells {
    /// Those of the calling thread, until it ends.
    pub(crate) fn of_thread() -> NonNull<Self> {
        CELLS.with(|cells| NonNull::from(cells))
    }

    #[inline(always)]
    pub(crate) fn now(&self) -> Tallies {
        Tallies {
            allocated_bytes: self.allocated_bytes.get(),
            allocations: self.allocations.get(),
            freed_bytes: self.freed_bytes.get(),
            frees: self.frees.get(),
            reallocations: self.reallocations.get(),
        }
    }

    /// As [`Tallies::differs`].
    #[inline(always)]
    pub(crate) fn differs(&self, earlier: &Tallies) -> bool {
        self.allocated_bytes.get() != earlier.allocated_bytes || self.freed_bytes.get() != earlier.freed_bytes
    }
}

impl Tallies {
    pub(crate) const NONE: Self =
        Self { allocated_bytes: 0, allocations: 0, freed_bytes: 0, frees: 0, reallocations: 0 };

    /// This thread's counters. Costs five loads.
    #[inline]
    pub(crate) fn now() -> Self {
        CELLS.with(TallyCells::now)
    }

    /// The difference to `start`, an earlier reading.
    #[inline]
    pub(crate) fn since(&self, start: &Self) -> Self {
        self.each(start, u64::wrapping_sub)
    }

    /// Whether anything was allocated, freed or reallocated between the two.
    // PERF: no block is empty, so a difference shows in the bytes. A counter of all operations
    // would be incremented twice in a row by an allocation and its free, which costs 2 ns where the
    // pair takes 4.
    #[inline]
    pub(crate) fn differs(&self, other: &Self) -> bool {
        (self.allocated_bytes ^ other.allocated_bytes) | (self.freed_bytes ^ other.freed_bytes) != 0
    }

    #[inline]
    fn each(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            allocated_bytes: f(self.allocated_bytes, other.allocated_bytes),
            allocations: f(self.allocations, other.allocations),
            freed_bytes: f(self.freed_bytes, other.freed_bytes),
            frees: f(self.frees, other.frees),
            reallocations: f(self.reallocations, other.reallocations),
        }
    }

    fn restore(self) {
        CELLS.with(|c| {
            c.allocated_bytes.set(self.allocated_bytes);
            c.allocations.set(self.allocations);
            c.freed_bytes.set(self.freed_bytes);
            c.frees.set(self.frees);
            c.reallocations.set(self.reallocations);
        });
    }
}

/// Runs `f`, and leaves what it allocates and frees out of this thread's tallies and of the live
/// heap: the profiler's own memory does not count as the application's.
pub(crate) fn uncounted<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(Tallies, Ours);
    impl Drop for Restore {
        fn drop(&mut self) {
            self.0.restore();
        }
    }
    let _restore = Restore(Tallies::now(), Ours::enter());
    f()
}

thread_local! {
    static OURS: Cell<u32> = const { Cell::new(0) };
}

/// While it exists, this thread's allocations are the profiler's own and are not sampled.
#[derive(Debug)]
pub(crate) struct Ours(());

impl Ours {
    pub(crate) fn enter() -> Self {
        OURS.with(|depth| depth.set(depth.get() + 1));
        Self(())
    }

    #[cfg(feature = "heap")]
    pub(super) fn is_here() -> bool {
        OURS.with(Cell::get) > 0
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        OURS.with(|depth| depth.set(depth.get() - 1));
    }
}

/// Whether the global allocator is one of this crate's. It is determined once, by a small
/// allocation.
pub(crate) fn is_counting() -> bool {
    static COUNTING: OnceLock<bool> = OnceLock::new();
    *COUNTING.get_or_init(|| {
        uncounted(|| {
            let before = Tallies::now();
            let layout = Layout::new::<u64>();
            // SAFETY: the layout is not empty, and the block is freed with the layout with which it
            // was allocated. `std::alloc` calls the registered global allocator.
            unsafe {
                let block = std::alloc::alloc(layout);
                if !block.is_null() {
                    std::alloc::dealloc(std::hint::black_box(block), layout);
                }
            }
            Tallies::now() != before
        })
    })
}
