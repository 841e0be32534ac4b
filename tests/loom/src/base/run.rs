//! What one run of a model has: its atomics, and memory that lives as long as the run.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread::{self, ThreadId};

/// Loom's atomics that a run may use.
const SUPPLY: usize = 256;

struct Run {
    /// Made before there are threads: loom takes one that a thread makes for unknown to the others.
    supply: Vec<AtomicU64>,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    /// Of the supply.
    count: usize,
    /// By its address, which of the supply an atomic has.
    atomics: HashMap<usize, usize>,
    /// By the address and a thread's place in `threads`, which of the supply stands for this
    /// thread's loads.
    loads: BTreeMap<(usize, usize), usize>,
    threads: Vec<ThreadId>,
    blocks: Vec<(NonNull<u8>, Layout)>,
    /// Memory that was given back.
    gone: Vec<Range<usize>>,
}

// SAFETY: the blocks are whose the run is.
unsafe impl Send for Used {}

loom::lazy_static! {
    static ref RUN: Run = Run {
        supply: (0..SUPPLY).map(|_| AtomicU64::new(0)).collect(),
        used: Mutex::default(),
    };
}

impl Used {
    /// The calling thread's place in `threads`.
    fn thread(&mut self) -> usize {
        let id = thread::current().id();
        self.threads.iter().position(|known| *known == id).unwrap_or_else(|| {
            self.threads.push(id);
            self.threads.len() - 1
        })
    }

    fn loads(&mut self, address: usize) -> usize {
        let thread = self.thread();
        *self.loads.entry((address, thread)).or_insert_with(|| next(&mut self.count))
    }

    fn loads_of_others(&mut self, address: usize) -> Vec<usize> {
        let thread = self.thread();
        let all = self.loads.range((address, 0)..=(address, usize::MAX));
        all.filter(|((_, other), _)| *other != thread).map(|(_, at)| *at).collect()
    }
}

fn next(count: &mut usize) -> usize {
    *count += 1;
    assert!(*count <= SUPPLY, "more atomics than the supply has");
    *count - 1
}

impl Drop for Used {
    fn drop(&mut self) {
        for (block, layout) in self.blocks.drain(..) {
            // SAFETY: allocated in `zeroed` with this layout; the run is over.
            unsafe { dealloc(block.as_ptr(), layout) };
        }
    }
}

impl Run {
    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn atomic(&self, address: usize) -> &AtomicU64 {
        let mut used = self.used();
        let used = &mut *used;
        assert!(!used.gone.iter().any(|gone| gone.contains(&address)), "memory is used that was given back");
        &self.supply[*used.atomics.entry(address).or_insert_with(|| next(&mut used.count))]
    }
}

/// Before there are threads.
pub(crate) fn begin() {
    assert_eq!(RUN.supply.len(), SUPPLY);
}

/// The atomic at this address, which the calling thread is about to load.
///
/// Loom compares a store with the last load only. So it leaves orders out where the thread that
/// stores loaded before ([#166](https://github.com/tokio-rs/loom/issues/166),
/// [#392](https://github.com/tokio-rs/loom/issues/392)). Here the loads of each thread have an
/// atomic of their own, which is always 0: a load loads it too, and a store of another thread tries
/// an exchange on it that fails.
pub(super) fn to_load(address: usize) -> &'static AtomicU64 {
    let run: &'static Run = &RUN;
    let loads = run.used().loads(address);
    run.supply[loads].load(Relaxed);
    run.atomic(address)
}

/// That one, which is about to be stored to.
pub(super) fn to_store(address: usize) -> &'static AtomicU64 {
    let run: &'static Run = &RUN;
    let loads = run.used().loads_of_others(address);
    for at in loads {
        let _ = run.supply[at].compare_exchange(1, 1, Relaxed, Relaxed);
    }
    run.atomic(address)
}

/// A block of zeros.
pub(crate) fn zeroed(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout here is empty.
    let block = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("memory");
    RUN.used().blocks.push((block, layout));
    block
}

/// In a block of its own. It is not dropped.
pub(crate) fn keep<T>(value: T) -> &'static T {
    let block = zeroed(Layout::new::<T>()).cast::<T>();
    // SAFETY: a block of this layout.
    unsafe {
        block.write(value);
        block.as_ref()
    }
}

/// The end of a block's use. It fails where a thread may be writing to the block, and whoever uses
/// it later fails.
pub(crate) fn give_back(block: Range<usize>) {
    let run: &'static Run = &RUN;
    let mut used = run.used();
    for (_, at) in used.atomics.iter().filter(|(address, _)| block.contains(address)) {
        // SAFETY: what is read is not used.
        unsafe { run.supply[*at].unsync_load() };
    }
    used.gone.push(block);
}
