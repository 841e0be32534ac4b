//! One function reached by one path of callers, on one thread: its exact counts and inclusive sums.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::iter;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::arena::{Arena, Zeroed};
use super::block::Blocks;
use super::counter::Counter;
use super::reserve;
use super::shard::SiteShard;
use super::spread::Spread;
use crate::memory::Tallies;
use crate::outcome::Outcome;
use crate::scope::{CallPath, Path, Site};

/// Sums over calls. Wall time and CPU time are in clock ticks.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Sums {
    pub(crate) wall: Counter,
    pub(crate) cpu: Counter,
    pub(crate) allocated_bytes: Counter,
    pub(crate) allocations: Counter,
    pub(crate) freed_bytes: Counter,
    pub(crate) frees: Counter,
    pub(crate) reallocations: Counter,
}

impl Sums {
    #[inline]
    pub(crate) fn add_tallies(&self, delta: &Tallies, weight: u32) {
        let add = |sum: &Counter, n: u64| sum.add(n.wrapping_mul(u64::from(weight)));
        add(&self.allocated_bytes, delta.allocated_bytes);
        add(&self.allocations, delta.allocations);
        add(&self.freed_bytes, delta.freed_bytes);
        add(&self.frees, delta.frees);
        add(&self.reallocations, delta.reallocations);
    }
}

/// Corrections for futures that are polled under another scope than that of their first poll. They
/// keep exclusive figures correct: the parent must not lose time that it never had, and the scope
/// that polled must not keep time that belongs to the future.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Detours {
    /// The part of this node's own sums that is not in the sums of its parent in the tree.
    pub(crate) outside_parent: Sums,
    /// The part of this node's own sums that belongs to nodes which are not its children.
    pub(crate) foreign: Sums,
}

/// A node of the call tree. It is in its thread's arena, never freed, and written by its thread
/// only.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Node {
    /// The site and its callers. The first field, see [`Path`].
    path: Path,
    /// Histograms of this node's site on this thread. Null in a root and in an overflow node.
    shard: AtomicPtr<SiteShard>,
    /// The next older node of this thread.
    older: AtomicPtr<Node>,
    /// The child that was called last, or the node itself if it recursed last. Owner only. Never
    /// null: each node is made by [`fill`](Self::fill) or [`root`](Self::root).
    last_child: Cell<*const Node>,
    detours: AtomicPtr<Detours>,
    /// Selects the calls that are measured.
    pub(crate) blocks: Blocks,
    /// Finished calls by outcome.
    outcomes: [Counter; Outcome::COUNT],
    /// Sums over measured calls, each multiplied by its weight.
    pub(crate) sums: Sums,
    /// Finished calls that were measured.
    samples: Counter,
    /// Finished calls of this node that were made by itself.
    recursions: Counter,
    /// Ticks for which the thread was off the CPU here and not in a callee: all of them, for
    /// measured and count-only calls.
    pub(crate) absent: Counter,
    /// Sums over calls with a weight other than 1. Null before the first one.
    spread: AtomicPtr<Spread>,
}

const _: () = assert!(size_of::<Node>() <= 192);

// SAFETY: all fields are atomics, or immutable after publication, except for `last_child` and the
// position of the block, which only the tree's owner thread accesses. Other threads get nodes as
// `&'static Node`, and read paths and counters.
unsafe impl Sync for Node {}
impl std::panic::RefUnwindSafe for Node {}
// SAFETY: null pointers, zero counters, `false` and `None` references are valid, and there is no
// destructor.
unsafe impl Zeroed for Node {}
// SAFETY: counters only.
unsafe impl Zeroed for Detours {}
// SAFETY: counters and numbers only.
unsafe impl Zeroed for Spread {}

impl Node {
    /// A new node without a site, below all others. `None` if there is no memory.
    pub(in crate::record) fn root(arena: &Arena) -> Option<&'static Node> {
        let root: NonNull<Node> = arena.zeroed_room()?;
        // SAFETY: `root` is new memory for one node, which nobody else uses and which is never
        // freed. Zero bytes are valid in all fields but the last child, which is set before anybody
        // reads it.
        let root: &'static Node = unsafe { root.as_ref() };
        root.set_last_child(root);
        Some(root)
    }

    /// A new node, not linked yet. `None` if there is no memory.
    pub(crate) fn allocate(
        arena: &Arena,
        site: &'static Site,
        parent: &'static Node,
        shard: Option<&'static SiteShard>,
        older: Option<&'static Node>,
    ) -> Option<&'static Node> {
        Some(Self::fill(arena.zeroed_room()?, site, parent, shard, older))
    }

    /// As [`allocate`](Self::allocate), from the reserve for when threads get no more memory of
    /// their own. It has no histograms.
    pub(in crate::record) fn in_reserve(
        site: &'static Site,
        parent: &'static Node,
        older: Option<&'static Node>,
    ) -> Option<&'static Node> {
        Some(Self::fill(reserve::zeroed_room()?, site, parent, None, older))
    }

    /// Fills in a new node.
    fn fill(
        room: NonNull<Self>,
        site: &'static Site,
        parent: &'static Node,
        shard: Option<&'static SiteShard>,
        older: Option<&'static Node>,
    ) -> &'static Self {
        let is_within_itself = iter::successors(Some(parent), |node| node.parent()).any(|caller| caller.is(site));
        let depth = parent.path.depth + 1;
        let path = Path { site: Some(site), parent: Some(parent.as_path()), depth, is_within_itself };
        // SAFETY: `room` is new memory for one node, which nobody else uses and which is never
        // freed. Zero bytes are a valid node.
        let node: &'static Self = unsafe {
            (&raw mut (*room.as_ptr()).path).write(path);
            room.as_ref()
        };
        node.set_last_child(node);
        node.shard.store(shard.map_or(ptr::null_mut(), |shard| ptr::from_ref(shard).cast_mut()), Relaxed);
        node.older.store(older.map_or(ptr::null_mut(), |older| ptr::from_ref(older).cast_mut()), Relaxed);
        node
    }

    #[inline]
    pub(crate) fn path(&'static self) -> &'static Path {
        &self.path
    }

    /// The path of the node, from which [`at`](Self::at) gets the node.
    #[inline]
    pub(crate) fn as_path(&'static self) -> CallPath {
        // SAFETY: the path is the first field of a `repr(C)` node, and a `&'static Node` is never
        // freed. The pointer is one to the whole node.
        unsafe { CallPath::of(NonNull::from(self).cast()) }
    }

    /// The node of a path.
    #[inline]
    pub(crate) fn at(path: CallPath) -> &'static Node {
        // SAFETY: only `as_path` makes call paths, from a whole node that is never freed.
        unsafe { &*path.as_ptr().cast::<Node>() }
    }

    #[inline]
    pub(crate) fn is(&self, site: &'static Site) -> bool {
        self.path.site.is_some_and(|mine| ptr::eq(mine, site))
    }

    #[inline]
    pub(crate) fn site(&self) -> Option<&'static Site> {
        self.path.site
    }

    #[inline]
    pub(crate) fn parent(&self) -> Option<&'static Node> {
        self.path.parent.map(Node::at)
    }

    #[inline]
    pub(crate) fn shard(&self) -> Option<&'static SiteShard> {
        // SAFETY: null, or a shard in an arena, which is never freed.
        unsafe { self.shard.load(Relaxed).as_ref() }
    }

    pub(crate) fn older(&self) -> Option<&'static Node> {
        // SAFETY: null, or a node in an arena, which is never freed.
        unsafe { self.older.load(Relaxed).as_ref() }
    }

    #[inline]
    pub(in crate::record) fn is_child_of(&self, caller: &Node) -> bool {
        ptr::eq(self.path.parent.map_or(ptr::null(), CallPath::as_ptr), &raw const caller.path)
    }

    /// Whether `caller` may have made a call of this node: it is its parent, or the node itself in
    /// direct recursion.
    pub(in crate::record) fn is_called_by(&self, caller: &Node) -> bool {
        self.is_child_of(caller) || ptr::eq(self, caller)
    }

    /// Owner only: the child that was called last, or the node itself before the first call and
    /// after direct recursion.
    #[inline]
    pub(crate) fn last_child(&'static self) -> &'static Node {
        // SAFETY: a node in an arena, which is never freed; not null, as the field says.
        unsafe { &*self.last_child.get() }
    }

    /// Owner only.
    pub(crate) fn set_last_child(&self, child: &'static Node) {
        self.last_child.set(child);
    }

    /// Owner only.
    #[inline]
    pub(crate) fn count(&self, outcome: Outcome) {
        self.outcomes[outcome.index()].add(1);
    }

    /// Owner only.
    #[inline]
    pub(crate) fn count_sample(&self) {
        self.samples.add(1);
    }

    pub(crate) fn samples(&self) -> u64 {
        self.samples.get()
    }

    /// Owner only.
    #[inline]
    pub(in crate::record) fn count_recursion(&self) {
        self.recursions.add(1);
    }

    pub(crate) fn recursions(&self) -> u64 {
        self.recursions.get()
    }

    pub(crate) fn spread(&self) -> Option<&'static Spread> {
        // SAFETY: null, or in an arena, which is never freed. `Acquire` pairs with the store below.
        unsafe { self.spread.load(Acquire).as_ref() }
    }

    /// Owner only.
    #[inline]
    fn spread_or_new(&self, arena: &Arena) -> Option<&'static Spread> {
        self.spread().or_else(|| {
            let spread: &'static Spread = arena.zeroed()?;
            self.spread.store(ptr::from_ref(spread).cast_mut(), Release);
            Some(spread)
        })
    }

    /// Owner only: adds a part of a call whose CPU time has this weight: see [`Spread`]. False if
    /// there is no memory for it.
    #[inline]
    pub(in crate::record) fn add_spread(&self, arena: &Arena, cpu: i64, cpu_weight: u32) -> bool {
        cpu_weight == 1 || self.spread_or_new(arena).inspect(|spread| spread.add_part(cpu, cpu_weight)).is_some()
    }

    /// Owner only: adds the whole call.
    #[inline]
    pub(in crate::record) fn count_spread(&self, arena: &Arena, cpu: i64, cpu_weight: u32) {
        if cpu_weight != 1
            && let Some(spread) = self.spread_or_new(arena)
        {
            spread.count(cpu, cpu_weight);
        }
    }

    pub(crate) fn outcomes(&self) -> [u64; Outcome::COUNT] {
        self.outcomes.each_ref().map(Counter::get)
    }

    pub(crate) fn detours(&self) -> Option<&'static Detours> {
        // SAFETY: null, or in an arena, which is never freed. `Acquire` pairs with the store below.
        unsafe { self.detours.load(Acquire).as_ref() }
    }

    /// Owner only.
    pub(crate) fn detours_or_new(&self, arena: &Arena) -> Option<&'static Detours> {
        if let Some(detours) = self.detours() {
            return Some(detours);
        }
        let detours: &'static Detours = arena.zeroed()?;
        self.detours.store(ptr::from_ref(detours).cast_mut(), Release);
        Some(detours)
    }
}
