//! Everything that one thread records. A record outlives its thread and passes to the next one,
//! including its sums.
#![allow(unsafe_code)]

use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use super::arena::Arena;
use super::cost::OwnPart;
use super::counter::Counter;
use super::dropped::{self, Reason};
use super::held::HeldLocks;
use super::home::Home;
use super::in_place_timing::InPlace;
use super::index::Index;
use super::node::Node;
use super::open_roots::OpenRoots;
use super::owner::Owner;
use super::ring::{Ended, Finished, Ring};
use super::rules;
use super::shard::{Missed, SiteShard};
use super::shared::SharedSite;
use super::stack::Stack;
use crate::clock::{self, Absence, ThreadCpu, Wall};
use crate::scope::{LabelSet, Options, Sample, Scopes, Site, Slot, Source};

/// The maximum number of nodes in one thread's tree. Further paths are not recorded.
const MAX_NODES: u64 = 1 << 17;
/// The maximum number of steps from a node to the root. A deeper call is folded into the outermost
/// open call of its site.
pub(crate) const MAX_TREE_DEPTH: u32 = 256;

/// One thread's record.
#[repr(C)]
pub(crate) struct ThreadRecord {
    /// The first field, because the thread-local slot points to it.
    scopes: Scopes,
    pub(crate) wall: &'static Wall,
    pub(in crate::record) home: Home,
    /// The instrumentation overhead in a call's reading.
    pub(in crate::record) own: OwnPart,
    /// Owner only.
    cpu: UnsafeCell<ThreadCpu>,
    cpu_sampled: AtomicBool,
    /// The offset from ticks to CPU time, valid until the owner leaves the CPU.
    cpu_offset: AtomicU64,
    /// Whether the global allocator is a counting one.
    pub(crate) counting: bool,
    /// Whether the trace hook, which may be profiled itself, is being called. Owner only.
    pub(in crate::record) asking: Cell<bool>,
    /// Owner only.
    random: Cell<u64>,
    /// Owner only.
    serial: Cell<u32>,
    pub(in crate::record) in_place: InPlace,
    pub(crate) ring: Ring,
    /// The calls of roots that run here. Owner only.
    pub(in crate::record) roots: OpenRoots,
    /// Owner only.
    pub(in crate::record) held: HeldLocks,
    pub(crate) stack: Stack,
    pub(crate) arena: Arena,
    root: &'static Node,
    newest_node: AtomicPtr<Node>,
    newest_shard: AtomicPtr<SiteShard>,
    nodes: Index<Node>,
    shards: Index<SiteShard>,
    node_count: Counter,
    owner: Owner,
    /// The latest owner that ended while functions rested, and its CPU time in nanoseconds.
    ended: (AtomicU32, AtomicU64),
    /// Whether a thread that has returned its own record has borrowed this one, for one outermost
    /// call. Owner only.
    pub(crate) borrowed: Cell<bool>,
    /// The record that was made before this one.
    older: AtomicPtr<ThreadRecord>,
    /// The node of warm-up calls, which is in no list. Owner only.
    rehearsal: Cell<Option<&'static Node>>,
    /// Whether there was no memory for a page of a histogram.
    full: AtomicBool,
    /// The number of warm-up calls before sampled ones.
    pub(crate) rehearsals: Counter,
}

// SAFETY: readers access the atomic fields, the ring and the stack (which are atomics), and
// immutable fields. Cells, the index, the arena and `cpu` are accessed by the owner only, and
// `owner` transfers them with acquire and release.
unsafe impl Sync for ThreadRecord {}
impl std::panic::RefUnwindSafe for ThreadRecord {}

impl ThreadRecord {
    /// A new record, owned by `owner`. `None` if there is no memory.
    pub(in crate::record) fn allocate(
        owner: u32,
        wall: &'static Wall,
        own: OwnPart,
        cpu: ThreadCpu,
        counting: bool,
    ) -> Option<&'static Self> {
        let arena = Arena::new();
        let root = Node::root(&arena)?;
        let room = arena.room::<Self>()?;
        // SAFETY: `room` is new memory for one record, which nobody else uses and which is never
        // freed.
        let record: &'static Self = unsafe {
            room.write(Self {
                scopes: Scopes::new(root.as_path()),
                wall,
                home: Home::new(wall),
                own,
                cpu_sampled: AtomicBool::new(cpu.sampled()),
                cpu_offset: AtomicU64::new(cpu.offset()),
                cpu: UnsafeCell::new(cpu),
                counting,
                asking: Cell::new(false),
                random: Cell::new(0),
                serial: Cell::new(0),
                in_place: InPlace::new(own.pair),
                ring: Ring::new(),
                roots: OpenRoots::new(),
                held: HeldLocks::new(),
                stack: Stack::new(),
                arena,
                root,
                newest_node: AtomicPtr::new(ptr::null_mut()),
                newest_shard: AtomicPtr::new(ptr::null_mut()),
                nodes: Index::new(),
                shards: Index::new(),
                node_count: Counter::new(),
                owner: Owner::new(owner),
                ended: (AtomicU32::new(0), AtomicU64::new(0)),
                borrowed: Cell::new(false),
                older: AtomicPtr::new(ptr::null_mut()),
                rehearsal: Cell::new(None),
                full: AtomicBool::new(false),
                rehearsals: Counter::new(),
            });
            room.as_ref()
        };
        record.random.set((ptr::from_ref(record).addr() as u64) ^ wall.ticks() | 1);
        record.reset_stack();
        Some(record)
    }

    /// The record that a slot holds; `None` where it holds none.
    #[inline]
    pub(in crate::record) fn of(slot: Slot) -> Option<&'static Self> {
        // SAFETY: `slot` is the only place that makes slots which are records, from whole records.
        slot.is_record().then(|| unsafe { &*slot.as_ptr().cast::<Self>() })
    }

    /// What its owner's slot holds.
    #[inline]
    pub(in crate::record) fn slot(&'static self) -> Slot {
        // SAFETY: the struct is `repr(C)` with the scopes as its first field, and is never freed.
        unsafe { Slot::of(ptr::from_ref(self).cast()) }
    }

    /// Owner only: the labels in effect.
    pub(in crate::record) fn labels(&self) -> Option<&'static LabelSet> {
        self.scopes.labels()
    }

    /// Owner only.
    pub(in crate::record) fn set_labels(&self, labels: Option<&'static LabelSet>) {
        self.scopes.set_labels(labels);
        if self.roots.any() {
            self.roots.note_labels(labels);
        }
    }

    /// Owner only: the trace and the span in effect.
    pub(in crate::record) fn span(&self) -> Option<[u64; 3]> {
        self.scopes.span.get()
    }

    /// Owner only: see [`SpanIds`](crate::scope::SpanIds).
    #[cfg(feature = "tracing")]
    pub(in crate::record) fn set_span(&self, words: Option<[u64; 3]>) {
        self.scopes.span.set(words);
        if self.roots.any() {
            self.roots.note_span(words);
        }
    }

    /// The scopes, for a signal handler on the owner's thread.
    #[cfg(feature = "stacks")]
    pub(crate) fn scopes_for_handler(&'static self) -> *const Scopes {
        ptr::from_ref(self).cast()
    }

    /// Calls `work` with the CPU clock. Owner only, while the slot is BUSY, so that no signal
    /// handler on the same thread comes here.
    ///
    /// # Safety
    /// `work` does not use this record.
    #[inline(always)]
    unsafe fn with_cpu<T>(&self, work: impl FnOnce(&mut ThreadCpu) -> T) -> T {
        // SAFETY: only the owner thread comes here, and only once at a time, as the caller
        // guarantees. So there is no other reference.
        work(unsafe { &mut *self.cpu.get() })
    }

    /// Owner only: the offset that converts `ticks`, just read, to CPU time. `None` if the anchor
    /// is not valid.
    #[inline(always)]
    pub(in crate::record) fn cpu_offset_at(&self, ticks: u64) -> Option<u64> {
        // SAFETY: the clock does not know the record.
        unsafe { self.with_cpu(|cpu| cpu.offset_at(ticks)) }
    }

    /// Owner only: whether a call was on the CPU all of the time. See [`ThreadCpu::was_here`].
    #[inline(always)]
    pub(in crate::record) fn cpu_was_here(&self, ticks: u64, duration: i64, offset: u64) -> bool {
        // SAFETY: as above.
        unsafe { self.with_cpu(|cpu| cpu.was_here(ticks, duration, offset)) }
    }

    /// Owner only: the ticks at the beginning of a call, and the offset that converts them.
    #[inline(always)]
    pub(in crate::record) fn cpu_enter(&self) -> (u64, u64) {
        // SAFETY: as above.
        unsafe { self.with_cpu(|cpu| cpu.enter(self.wall)) }
    }

    /// Owner only: the offset at the end of a call, at `ticks`.
    #[inline(always)]
    pub(in crate::record) fn cpu_exit(&self, ticks: u64) -> u64 {
        // SAFETY: as above.
        unsafe { self.with_cpu(|cpu| cpu.exit(self.wall, ticks)) }
    }

    /// Owner only: takes a new anchor if the thread may have left the CPU.
    #[inline(always)]
    pub(in crate::record) fn cpu_note_switch(&self) {
        // SAFETY: as above.
        unsafe { self.with_cpu(|cpu| cpu.note_switch(self.wall)) }
    }

    /// Owner only: ticks spent asking the kernel.
    #[inline(always)]
    pub(in crate::record) fn cpu_asked(&self) -> u64 {
        // SAFETY: as above.
        unsafe { self.with_cpu(|cpu| cpu.asked()) }
    }

    /// Owner only: the increase of [`cpu_asked`](Self::cpu_asked) since the last call of this.
    #[inline(always)]
    pub(in crate::record) fn cpu_take_asked(&self) -> u64 {
        // SAFETY: as above.
        unsafe { self.with_cpu(ThreadCpu::take_asked) }
    }

    /// Owner only: the time off the CPU that was not taken yet.
    #[inline(always)]
    pub(in crate::record) fn cpu_take_absence(&self) -> Absence {
        // SAFETY: as above.
        unsafe { self.with_cpu(ThreadCpu::take_absence) }
    }

    /// Owner only: releases the CPU clock's resources.
    #[inline]
    pub(in crate::record) fn cpu_detach(&self) {
        // SAFETY: as above.
        unsafe { self.with_cpu(ThreadCpu::detach) }
    }

    /// Owner only: replaces the CPU clock.
    pub(in crate::record) fn set_cpu(&self, cpu: ThreadCpu) {
        self.cpu_sampled.store(cpu.sampled(), Relaxed);
        self.cpu_offset.store(cpu.offset(), Relaxed);
        // SAFETY: as above.
        unsafe { self.with_cpu(|own| *own = cpu) };
    }

    /// From any thread: the offset from ticks to the owner's CPU time, valid until it leaves the
    /// CPU.
    pub(crate) fn cpu_offset(&self) -> u64 {
        self.cpu_offset.load(Relaxed)
    }

    /// Owner only: called after the CPU clock may have taken a new anchor.
    #[inline]
    pub(in crate::record) fn note_cpu_offset(&self) {
        // SAFETY: as above.
        let offset = unsafe { self.with_cpu(|cpu| cpu.offset()) };
        self.cpu_offset.store(offset, Relaxed);
    }

    /// Whether CPU time is measured by system call, for a sample of the calls.
    #[inline]
    pub(crate) fn cpu_sampled(&self) -> bool {
        self.cpu_sampled.load(Relaxed)
    }

    #[inline]
    pub(in crate::record) fn root(&self) -> &'static Node {
        self.root
    }

    /// Owner only: the node of the innermost open call.
    #[inline]
    pub(in crate::record) fn top(&self) -> &'static Node {
        // SAFETY: the caller is the owner.
        Node::at(unsafe { self.scopes.top() })
    }

    /// As [`top`](Self::top), for another thread, to which the node's fields may not be visible
    /// yet.
    pub(crate) fn top_for_reader(&self) -> *const Node {
        self.scopes.top_for_reader().cast()
    }

    #[inline]
    pub(in crate::record) fn set_top(&self, node: &'static Node) {
        self.scopes.set_top(node.as_path());
    }

    /// Owner only: stores this record in the slot again.
    #[inline]
    pub(in crate::record) fn leave_busy(&'static self) {
        self.slot().set();
    }

    /// Owner only: removes all open calls.
    pub(in crate::record) fn reset_stack(&self) {
        self.roots.forget_above(0);
        self.held.forget();
        self.stack.set_depth(0);
        self.set_top(self.root);
        self.scopes.set_labels(None);
        self.scopes.span.set(None);
    }

    /// Owner only: the serial number of the latest call.
    #[inline]
    pub(in crate::record) fn serial(&self) -> u32 {
        self.serial.get()
    }

    /// Owner only: a serial number for the next call.
    #[inline]
    pub(in crate::record) fn next_serial(&self) -> u32 {
        let serial = self.serial.get().wrapping_add(1);
        self.serial.set(serial);
        serial
    }

    /// Owner only.
    pub(in crate::record) fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        x
    }

    /// Owner only: the node of `site` called from `parent`.
    #[cold]
    #[inline(never)]
    pub(in crate::record) fn child(&self, parent: &'static Node, site: &'static Site) -> Option<&'static Node> {
        let child = self.find_child(parent, site)?;
        parent.set_last_child(child);
        Some(child)
    }

    fn find_child(&self, parent: &'static Node, site: &'static Site) -> Option<&'static Node> {
        if parent.is(site) {
            return Some(parent);
        }
        let mut parent = parent;
        if parent.path().depth >= MAX_TREE_DEPTH {
            // Too deep: folded into the nearest caller of the same site, or else into the node at
            // the limit.
            let mut up = Some(parent);
            while let Some(node) = up {
                if node.is(site) {
                    return Some(node);
                }
                up = node.parent();
            }
            while parent.path().depth >= MAX_TREE_DEPTH {
                parent = parent.parent()?;
            }
        }
        let key = (ptr::from_ref(parent).addr(), ptr::from_ref(site).addr());
        if let Some(node) = self.nodes.get(key) {
            return Some(node);
        }
        self.new_child(parent, site, key)
    }

    #[cold]
    #[inline(never)]
    fn new_child(&self, parent: &'static Node, site: &'static Site, key: (usize, usize)) -> Option<&'static Node> {
        if self.node_count.get() >= MAX_NODES {
            return None;
        }
        let shard = self.shard(site)?;
        self.nodes.reserve(&self.arena)?;
        let node = Node::allocate(&self.arena, site, parent, Some(shard), self.newest_node())?;
        self.nodes.insert(key, node);
        self.newest_node.store(ptr::from_ref(node).cast_mut(), Release);
        self.node_count.add(1);
        Some(node)
    }

    fn shard(&self, site: &'static Site) -> Option<&'static SiteShard> {
        let key = (ptr::from_ref(site).addr(), 0);
        if let Some(shard) = self.shards.get(key) {
            return Some(shard);
        }
        self.shards.reserve(&self.arena)?;
        let shard = SiteShard::allocate(&self.arena, site, self.counting, self.newest_shard())?;
        self.shards.insert(key, shard);
        self.newest_shard.store(ptr::from_ref(shard).cast_mut(), Release);
        rules::configure(site);
        Some(shard)
    }

    /// Owner only: the node in this record's tree with the same path as `node`, which may belong to
    /// another record.
    // PERF: its sites take two KiB of the stack, which would be of each poll if it were inlined.
    #[cold]
    #[inline(never)]
    pub(in crate::record) fn same_path(&self, node: &'static Node) -> Option<&'static Node> {
        let mut sites: [Option<&'static Site>; MAX_TREE_DEPTH as usize + 1] = [None; MAX_TREE_DEPTH as usize + 1];
        let mut length = 0;
        let mut up = Some(node);
        while let Some(node) = up {
            if let Some(site) = node.site() {
                *sites.get_mut(length)? = Some(site);
                length += 1;
            }
            up = node.parent();
        }
        let mut here = self.root;
        for site in sites[..length].iter().rev().flatten() {
            here = match here.last_child() {
                child if child.is(site) => child,
                _ => self.child(here, site)?,
            };
        }
        Some(here)
    }

    /// Owner only: the node, without a caller, of calls that have no node of their own. `None` if
    /// there is no room even for it.
    pub(in crate::record) fn overflow(&self) -> Option<&'static Node> {
        let key = (ptr::from_ref(self.root).addr(), ptr::from_ref(Site::other()).addr());
        self.nodes.get(key).or_else(|| {
            self.nodes.reserve(&self.arena)?;
            let node = Node::in_reserve(Site::other(), self.root, self.newest_node())?;
            self.nodes.insert(key, node);
            self.newest_node.store(ptr::from_ref(node).cast_mut(), Release);
            Some(node)
        })
    }

    /// Owner only: the node and the site of warm-up calls, which readers do not see.
    pub(in crate::record) fn rehearsal(&self) -> Option<(&'static Node, &'static Site)> {
        static REHEARSAL: Site = Site::new(
            Source {
                name: Some("rehearsal"),
                path: || "",
                ident: "rehearsal",
                module: "perf_sdk",
                file: file!(),
                line: 0,
            },
            Options { sample: Sample::Always, ..Options::DEFAULT },
        );
        let node = match self.rehearsal.get() {
            Some(node) => node,
            None => {
                let shard = SiteShard::allocate(&self.arena, &REHEARSAL, self.counting, None)?;
                let node = Node::allocate(&self.arena, &REHEARSAL, self.root, Some(shard), None)?;
                node.blocks.begin(|| 1, 0);
                self.rehearsal.set(Some(node));
                node
            }
        };
        Some((node, &REHEARSAL))
    }

    /// Owner only: adds one finished call.
    #[inline]
    pub(in crate::record) fn finish(&self, ended: Ended, finished: &Finished) {
        if self.ring.push(ended, finished) {
            self.flush();
        }
    }

    /// Owner only: moves pending calls to their cells.
    #[cold]
    #[inline(never)]
    pub(in crate::record) fn flush(&self) {
        self.in_place.timing_flush(self.wall, self.ring.pending(), || {
            if self.roots.any() {
                self.roots.take(&self.ring);
            }
            let tick = self.wall.tick_length();
            let plain = |shard: &SiteShard, wall| shard.record_plain(wall, tick);
            self.ring.flush(plain, |finished| {
                if let Some(missed) = finished.shard.record(finished, tick, &self.arena) {
                    self.note_missed(missed, finished);
                }
            });
        });
        // An engine may have been abandoned for the whole process.
        // SAFETY: the clock does not know the record.
        let sampled = unsafe { self.with_cpu(|cpu| cpu.sampled()) };
        self.cpu_sampled.store(sampled, Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn note_missed(&self, missed: Missed, finished: Finished) {
        self.full.store(true, Relaxed);
        match SharedSite::of(finished.shard.site) {
            Some(shared) => shared.add_missed(missed, &finished, self.wall),
            None => dropped::count(Reason::Memory),
        }
    }

    /// Whether some calls found no cell in their histogram.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Relaxed)
    }

    pub(crate) fn newest_node(&self) -> Option<&'static Node> {
        // SAFETY: null, or a node in an arena, which is never freed. `Acquire` pairs with the
        // stores in `new_child` and `overflow`.
        unsafe { self.newest_node.load(Acquire).as_ref() }
    }

    pub(crate) fn newest_shard(&self) -> Option<&'static SiteShard> {
        // SAFETY: null, or a shard in an arena, which is never freed. `Acquire` pairs with the
        // store in `shard`.
        unsafe { self.newest_shard.load(Acquire).as_ref() }
    }

    /// The kernel's id of the thread that owns this record now.
    pub(crate) fn owner(&self) -> Option<u32> {
        self.owner.get()
    }

    /// CPU time of a thread that owns this record, or owned it until it ended. `None` if it is
    /// unknown.
    pub(in crate::record) fn cpu_ns_of(&self, owner: u32) -> Option<u64> {
        if self.owner() == Some(owner) {
            return clock::thread_cpu_ns_of(owner);
        }
        let is_it = || self.ended.0.load(Acquire) == owner;
        // Checked before and after, because the next owner may end meanwhile.
        is_it().then(|| self.ended.1.load(Acquire)).filter(|_| is_it())
    }

    /// Owner only: records that it ends, with this CPU time.
    pub(in crate::record) fn note_end(&self, cpu_ns: u64) {
        self.ended.0.store(0, Relaxed);
        self.ended.1.store(cpu_ns, Release);
        self.ended.0.store(self.owner().unwrap_or(0), Release);
    }

    /// Takes a record that has no owner. Afterwards the caller is the owner.
    pub(in crate::record) fn take(&self, owner: u32) -> bool {
        let taken = self.owner.take(owner);
        if taken {
            self.home.move_in(self.wall);
        }
        taken
    }

    /// Owner only, and its last operation on the record.
    pub(in crate::record) fn give_back(&self) {
        self.home.move_out();
        self.scopes.walker.store(ptr::null_mut(), Release);
        self.owner.give_back();
    }

    pub(in crate::record) fn older(&self) -> Option<&'static Self> {
        // SAFETY: null, or a record, which is never freed.
        unsafe { self.older.load(Relaxed).as_ref() }
    }

    pub(in crate::record) fn set_older(&self, older: Option<&'static Self>) {
        self.older.store(older.map_or(ptr::null_mut(), |older| ptr::from_ref(older).cast_mut()), Relaxed);
    }
}

impl std::fmt::Debug for ThreadRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadRecord").field("owner", &self.owner()).finish_non_exhaustive()
    }
}
