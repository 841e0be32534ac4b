//! Reads one thread's record from outside, while its owner continues to run.

use std::ptr;

use crate::base::hash::mixed;
use crate::base::places::Places;
use crate::base::prefetch::prefetch_guess;
use crate::clock;
use crate::histogram::Histogram;
use crate::record::{Finished, Node, Parts, Real, SiteShard, Spread, Sums, ThreadRecord};
use crate::snapshot::{Basis, FunctionPart, Totals};

/// The number of readings that are repeated because a long call ended meanwhile.
const TRIES: u32 = 3;
/// A call shorter than this may be missed in one reading.
const SHORT_NS: u64 = 1_000_000;
/// A shorter time off the CPU is ignored.
const LEAST_ABSENT_NS: u64 = 5_000;
/// Attempts to read one histogram, after which its pending calls are left to the next reading.
const LOOKS: u32 = 100;

/// No entry.
const NONE: u32 = u32::MAX;

/// The call tree of one thread. Uses its memory again for each thread.
#[derive(Default)]
pub(super) struct ThreadReading {
    /// The newest first, so callees before their callers.
    nodes: Vec<NodeReading>,
    /// What few nodes have, or none.
    spreads: Vec<SpreadReading>,
    detours: Vec<[Totals; 2]>,
    /// The nodes by address.
    places: Places,
    open: Vec<OpenCall>,
}

pub(super) struct NodeReading {
    pub(super) node: &'static Node,
    /// Its caller's place in the reading. [`NONE`] for a root, and if it was not read.
    parent: u32,
    /// An index into `spreads`, or none.
    spread: u32,
    /// An index into `detours`, or none.
    detour: u32,
    pub(super) outcomes: [u64; 4],
    /// The number of finished calls that were measured.
    pub(super) samples: u64,
    /// Including the elapsed part of open calls.
    pub(super) sums: Totals,
    /// The number of open calls.
    pub(super) running: u64,
    /// Time off the CPU, in nanoseconds.
    absent: f64,
    /// Calls that the node made of itself.
    pub(super) recursions: u64,
}

/// Sums over calls with a weight other than 1, with times in nanoseconds: see [`Basis`].
#[derive(Default)]
struct SpreadReading {
    calls: u64,
    picked: u64,
    stand_for: u64,
    picked_cpu: f64,
    moments: [f64; 3],
}

struct OpenCall {
    depth: usize,
    node: &'static Node,
    /// The node of the frame below.
    below: &'static Node,
    start: u64,
    cpu: u64,
    /// The weight of the call. 0: it is count-only.
    weight: u32,
    cpu_weight: u32,
    cpu_asked: bool,
    /// Whether it is counted in a shared record, not in its node.
    is_shared: bool,
}

impl OpenCall {
    fn is_still_open(&self, record: &ThreadRecord) -> bool {
        let frame = record.stack.frame(self.depth);
        record.stack.depth_for_reader() >= self.depth
            && frame.is_some_and(|frame| frame.start() == self.start)
            && frame.and_then(|frame| frame.node()).is_some_and(|node| ptr::eq(node, self.node))
    }
}

/// The elapsed parts of a thread's open calls, read before and after its ended calls. Uses its
/// memory again for each thread.
#[derive(Default)]
pub(super) struct OpenParts {
    calls: Vec<OpenCall>,
    now: u64,
    offset: u64,
    /// The thread's CPU time. `None` if no call is open, or if it is unknown.
    cpu_now_ns: Option<u64>,
}

impl OpenParts {
    /// Before the ended calls are read.
    pub(super) fn begin(&mut self, record: &'static ThreadRecord) {
        open_calls(record, &mut self.calls);
        self.now = record.wall.ticks();
        self.offset = record.cpu_offset();
        self.cpu_now_ns = record.owner().filter(|_| !self.calls.is_empty()).and_then(clock::thread_cpu_ns_of);
    }

    /// After that: the calls that were open all the time, each with the node below it and its time
    /// so far, on the CPU and by the clock. A call that ended meanwhile is missing until the next
    /// reading.
    pub(super) fn end(
        &self,
        record: &'static ThreadRecord,
        mut each: impl FnMut(&'static Node, &'static Node, [f64; 2]),
    ) {
        for call in self.calls.iter().filter(|call| call.is_still_open(record)) {
            if ptr::eq(call.below, call.node) || call.weight == 0 {
                continue;
            }
            let elapsed = self.now.saturating_sub(call.start);
            let times = [open_cpu_ns(record, call, elapsed, self.cpu_now_ns), record.wall.ns(elapsed)];
            each(call.node, call.below, times.map(|ns| ns as f64 * f64::from(call.weight)));
        }
    }

    /// The innermost open call, and for how long it has been off the CPU now.
    pub(super) fn absent(&self, record: &ThreadRecord) -> Option<(&'static Node, f64)> {
        let absent_ns = absent_now(record, self.now, self.offset, self.cpu_now_ns?);
        let top = record.top_for_reader();
        let call = self.calls.last().filter(|call| ptr::eq(call.node, top) && record.cpu_offset() == self.offset)?;
        Some((call.node, absent_ns as f64))
    }
}

fn hash_of(node: *const Node) -> u64 {
    mixed(node.addr(), 0)
}

impl ThreadReading {
    /// Reads the tree of `record`, including open calls.
    pub(super) fn read(&mut self, record: &'static ThreadRecord) {
        let mut tries = 1;
        loop {
            let mut open = std::mem::take(&mut self.open);
            open_calls(record, &mut open);
            let now = record.wall.ticks();
            let offset = record.cpu_offset();
            let cpu_now_ns = record.owner().filter(|_| !open.is_empty()).and_then(clock::thread_cpu_ns_of);
            self.closed_calls(record);
            let absent_ns = cpu_now_ns.map_or(0, |cpu_ns| absent_now(record, now, offset, cpu_ns));
            let top = record.top_for_reader();
            // Otherwise the time off the CPU was counted in the meantime.
            if record.cpu_offset() == offset
                && absent_ns > 0
                && let Some(top) = self.find(top)
            {
                self.nodes[top].absent += absent_ns as f64;
            }
            self.add_passed(record, &open);
            let mut missed_long = false;
            for call in &open {
                let elapsed = now.saturating_sub(call.start);
                if call.is_still_open(record) {
                    self.add_open(record, call, elapsed, cpu_now_ns);
                } else {
                    missed_long |= record.wall.ns(elapsed) > SHORT_NS;
                }
            }
            self.open = open;
            if !missed_long || tries == TRIES {
                if record.cpu_sampled() {
                    self.estimate_absence();
                }
                return;
            }
            tries += 1;
        }
    }

    /// The number of nodes. Their places are below it.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// All nodes with their places, callers before their callees.
    pub(super) fn callers_first(&self) -> impl Iterator<Item = (usize, &NodeReading)> {
        self.nodes.iter().enumerate().rev()
    }

    /// The place of a node's caller, which is read before it.
    pub(super) fn parent(&self, node: &NodeReading) -> Option<usize> {
        (node.parent != NONE).then_some(node.parent as usize)
    }

    /// The part that is not in its parent's sums, and the part that belongs to nodes other than its
    /// children.
    pub(super) fn detours(&self, node: &NodeReading) -> Option<&[Totals; 2]> {
        self.detours.get(node.detour as usize)
    }

    /// The basis of a node's times, without what recording took.
    pub(super) fn basis(&self, node: &NodeReading) -> Basis {
        let mut basis = Basis { absent: node.absent, single: node.samples, ..Basis::default() };
        if let Some(spread) = self.spreads.get(node.spread as usize) {
            basis.single = node.samples.saturating_sub(spread.calls);
            (basis.picked, basis.stand_for) = (spread.picked, spread.stand_for);
            (basis.picked_cpu, basis.moments) = (spread.picked_cpu, spread.moments);
        }
        basis.single_cpu = node.sums.cpu_ns as f64 - basis.picked_cpu;
        if let Some(detours) = self.detours(node) {
            [basis.outside, basis.foreign] = detours.map(|totals| [totals.cpu_ns as f64, totals.off_cpu_ns() as f64]);
        }
        basis
    }

    /// The place of a node. Nodes that were not read are not found: they may not be fully visible
    /// yet.
    fn find(&self, node: *const Node) -> Option<usize> {
        let is_meant = |at: u32| ptr::eq(self.nodes[at as usize].node, node);
        self.places.find(hash_of(node), is_meant).map(|at| at as usize)
    }

    fn closed_calls(&mut self, record: &'static ThreadRecord) {
        self.nodes.clear();
        self.spreads.clear();
        self.detours.clear();
        self.places.clear();
        let newest = record.newest_node();
        if self.nodes.capacity() == 0 {
            // Threads have much the same nodes. A vector that grows takes up to thrice of what is
            // in it, for a moment.
            self.nodes.reserve_exact(std::iter::successors(newest, |node| node.older()).count());
        }
        let mut last = newest;
        while let Some(node) = last {
            last = node.older();
            if let Some(older) = last {
                prefetch_after(node, older);
            }
            let spread = node.spread().map_or(NONE, |spread| {
                self.spreads.push(SpreadReading::of(record, spread));
                self.spreads.len() as u32 - 1
            });
            let detour = node.detours().map_or(NONE, |detours| {
                self.detours.push([totals(record, &detours.outside_parent), totals(record, &detours.foreign)]);
                self.detours.len() as u32 - 1
            });
            self.nodes.push(NodeReading {
                node,
                parent: NONE,
                spread,
                detour,
                outcomes: node.outcomes(),
                samples: node.samples(),
                sums: totals(record, &node.sums),
                running: 0,
                absent: record.wall.signed_ns(node.absent.get_signed()) as f64,
                recursions: node.recursions(),
            });
        }
        let Self { nodes, places, .. } = self;
        // Many neighbours have one caller.
        let (mut caller, mut place): (*const Node, _) = (ptr::null(), NONE);
        for at in (0..nodes.len()).rev() {
            let parent = nodes[at].node.parent().map_or(ptr::null(), ptr::from_ref);
            if !ptr::eq(parent, caller) {
                let is_meant = |at: u32| ptr::eq(nodes[at as usize].node, parent);
                (caller, place) = (parent, places.find(hash_of(parent), is_meant).unwrap_or(NONE));
            }
            nodes[at].parent = place;
            places.insert(hash_of(nodes[at].node), at as u32, |at| hash_of(nodes[at as usize].node));
        }
    }

    /// Counts open calls without a frame: the nodes from the current scope up to the next frame.
    fn add_passed(&mut self, record: &ThreadRecord, mut open: &[OpenCall]) {
        let mut top = record.top_for_reader();
        while let Some(at) = self.find(top) {
            let reading = &mut self.nodes[at];
            // Frames above this one ended between the two readings.
            if let Some(at) = open.iter().rposition(|call| ptr::eq(call.node, reading.node)) {
                top = ptr::from_ref(open[at].below);
                open = &open[..at];
            } else {
                reading.running += 1;
                let Some(parent) = reading.node.parent() else { return };
                top = ptr::from_ref(parent);
            }
        }
    }

    /// Estimates time off the CPU where it cannot be detected: as the time that is neither CPU time
    /// nor a callee's.
    fn estimate_absence(&mut self) {
        self.nodes.iter_mut().for_each(|reading| reading.absent = 0.0);
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let [outside, foreign] = self.detours(node).copied().unwrap_or_default();
            let (absent, parent) = (node.sums.off_cpu_ns() as f64, self.parent(node));
            self.nodes[at].absent += absent - foreign.off_cpu_ns() as f64;
            if let Some(parent) = parent {
                self.nodes[parent].absent -= absent - outside.off_cpu_ns() as f64;
            }
        }
    }

    /// Adds the elapsed part of an open call. Its allocations are added when it ends.
    fn add_open(&mut self, record: &ThreadRecord, call: &OpenCall, elapsed: u64, cpu_now_ns: Option<u64>) {
        let Some(at) = self.find(call.node) else { return };
        self.nodes[at].running += u64::from(!call.is_shared);
        if ptr::eq(call.below, call.node) || call.weight == 0 {
            return;
        }
        let part = Totals {
            wall_ns: record.wall.ns(elapsed) as i64 * i64::from(call.weight),
            cpu_ns: open_cpu_ns(record, call, elapsed, cpu_now_ns) as i64 * i64::from(call.weight),
            ..Totals::default()
        };
        self.nodes[at].sums += part;
        let weight = f64::from(call.weight);
        if call.weight > 1 {
            let (cpu, spread) = (part.cpu_ns as f64 / weight, weight * (weight - 1.0));
            let basis = or_new(&mut self.spreads, &mut self.nodes[at].spread);
            basis.picked_cpu += part.cpu_ns as f64;
            basis.moments[1] += spread * cpu;
            basis.moments[2] += spread * cpu * cpu;
        }
        let parent_is_below = call.node.parent().is_none_or(|parent| ptr::eq(parent, call.below));
        if !parent_is_below {
            or_new(&mut self.detours, &mut self.nodes[at].detour)[0] += part;
            if let Some(below) = self.find(call.below) {
                or_new(&mut self.detours, &mut self.nodes[below].detour)[1] += part;
            }
        }
    }
}

/// The entry with this index, which is a new one if there is none.
fn or_new<'a, T: Default>(entries: &'a mut Vec<T>, index: &mut u32) -> &'a mut T {
    if *index == NONE {
        *index = entries.len() as u32;
        entries.push(T::default());
    }
    &mut entries[*index as usize]
}

impl SpreadReading {
    fn of(record: &ThreadRecord, spread: &Spread) -> Self {
        let tick = record.wall.ns_a_tick();
        let [zeroth, first, second] = spread.moments.each_ref().map(Real::get);
        Self {
            calls: spread.calls.get(),
            picked: spread.picked.get(),
            stand_for: spread.stand_for.get(),
            picked_cpu: record.wall.signed_ns(spread.cpu.get_signed()) as f64,
            moments: [zeroth, first * tick, second * tick * tick],
        }
    }
}

/// Prefetches what comes after these two of a list: items of a thread are mostly as far apart from
/// each other as the two before.
#[inline]
pub(super) fn prefetch_after<T>(newer: &T, older: &T) {
    /// Items ahead.
    const AHEAD: usize = 4;
    let [newer, older] = [newer, older].map(|item| ptr::from_ref(item).addr());
    let step = older.wrapping_sub(newer);
    prefetch_guess(older.wrapping_add(step.wrapping_mul(AHEAD)), size_of::<T>());
}

fn open_calls(record: &'static ThreadRecord, into: &mut Vec<OpenCall>) {
    into.clear();
    into.extend((1..=record.stack.depth_for_reader()).filter_map(|depth| {
        let frame = record.stack.frame(depth)?;
        Some(OpenCall {
            depth,
            start: frame.start(),
            cpu: frame.cpu(),
            weight: frame.weight(),
            cpu_weight: frame.cpu_weight(),
            cpu_asked: frame.cpu_asked(),
            is_shared: frame.is_shared(),
            node: frame.node()?,
            below: frame.below()?,
        })
    }));
}

/// For how long the owner has been off the CPU since its clock was last read.
fn absent_now(record: &ThreadRecord, now: u64, offset: u64, cpu_ns: u64) -> u64 {
    if record.cpu_sampled() {
        return 0;
    }
    let absent_ns = record.wall.ns(now.wrapping_add(offset)).saturating_sub(cpu_ns);
    // The difference between two clocks that are read one after the other is ignored.
    if absent_ns < LEAST_ABSENT_NS { 0 } else { absent_ns }
}

/// The basis without the times of calls with weight 1, which are the remainder.
pub(super) fn basis(record: &ThreadRecord, node: &Node) -> Basis {
    let absent = record.wall.signed_ns(node.absent.get_signed()) as f64;
    let Some(spread) = node.spread() else { return Basis { absent, single: node.samples(), ..Basis::default() } };
    let SpreadReading { calls, picked, stand_for, picked_cpu, moments } = SpreadReading::of(record, spread);
    let single = node.samples().saturating_sub(calls);
    Basis { absent, single, picked, stand_for, picked_cpu, moments, ..Basis::default() }
}

fn totals(record: &ThreadRecord, sums: &Sums) -> Totals {
    Totals {
        wall_ns: record.wall.signed_ns(sums.wall.get_signed()),
        cpu_ns: record.wall.signed_ns(sums.cpu.get_signed()),
        allocated_bytes: sums.allocated_bytes.get() as i64,
        allocations: sums.allocations.get() as i64,
        freed_bytes: sums.freed_bytes.get() as i64,
        frees: sums.frees.get() as i64,
        reallocations: sums.reallocations.get() as i64,
    }
}

fn open_cpu_ns(record: &ThreadRecord, call: &OpenCall, elapsed: u64, cpu_now_ns: Option<u64>) -> u64 {
    let Some(now_ns) = cpu_now_ns else { return 0 };
    let spent_ns = match call.cpu_weight {
        0 => 0,
        weight if call.cpu_asked => now_ns.saturating_sub(call.cpu) * u64::from(weight),
        _ => {
            let start_ns = record.wall.ns(call.start.wrapping_add(call.cpu));
            now_ns.saturating_sub(start_ns)
        }
    };
    spent_ns.min(record.wall.ns(elapsed))
}

/// Reads the histograms of one thread, including calls that are not in their cells yet.
pub(super) struct ShardReader {
    record: &'static ThreadRecord,
    pending: Vec<Finished>,
    /// The sequence number of the ring when `pending` was read. `None` if it could not be read.
    sequence: Option<u32>,
    parts: Parts,
}

impl ShardReader {
    pub(super) fn of(record: &'static ThreadRecord) -> Self {
        let mut pending = Vec::new();
        let sequence = record.ring.read(&mut pending);
        Self { record, pending, sequence, parts: Parts::new() }
    }

    /// The current content of `shard`, which must belong to the same thread.
    pub(super) fn read(&mut self, shard: &'static SiteShard) -> &Parts {
        let Self { record, pending, sequence, parts } = self;
        let mut looks = 1;
        loop {
            parts.clear();
            shard.fold_into(parts);
            if sequence.is_some_and(|sequence| record.ring.unchanged(sequence)) {
                for call in pending.iter().filter(|call| ptr::eq(call.shard, shard)) {
                    shard.add_pending(call, record.wall, record.is_full(), parts);
                }
                break;
            }
            if looks == LOOKS || sequence.is_none() {
                // The calls in the ring are missing in this reading; those in the cells are not.
                crate::record::torn_read();
                break;
            }
            looks += 1;
            *sequence = record.ring.read(pending);
        }
        parts
    }
}

/// Reads a distribution of one site on one thread after the other, including calls that are not in
/// their cells yet. Uses its memory again for each.
#[derive(Debug, Default)]
pub(super) struct DistributionReader {
    pending: Vec<Finished>,
    /// Records, by address, whose thread did not end a flush while it was waited for.
    stuck: Vec<usize>,
    one: Histogram,
    spare: Vec<(u16, u64)>,
}

impl DistributionReader {
    /// Another reading begins: each thread is waited for again.
    pub(super) fn begin(&mut self) {
        self.stuck.clear();
    }

    /// Adds this part of `shard`, which must belong to the thread of `record`.
    pub(super) fn add_to(
        &mut self,
        record: &ThreadRecord,
        shard: &'static SiteShard,
        part: FunctionPart,
        sum: &mut Histogram,
    ) {
        let Self { pending, stuck, one, spare } = self;
        let place = ptr::from_ref(record).addr();
        if one.scale() != sum.scale() {
            *one = Histogram::new(sum.scale());
        }
        for look in 1.. {
            // A thread that was stopped in the middle of it is waited for once.
            let sequence = match stuck.contains(&place) {
                true => record.ring.read_of_at_once(shard, pending),
                false => record.ring.read_of(shard, pending),
            };
            if sequence.is_none() && !stuck.contains(&place) {
                stuck.push(place);
            }
            one.clear();
            shard.fold_part_into(part, one);
            if sequence.is_some_and(|sequence| record.ring.unchanged(sequence)) {
                pending.iter().for_each(|call| shard.add_pending_part(part, call, record.wall, record.is_full(), one));
                break;
            }
            if look == LOOKS || sequence.is_none() {
                crate::record::torn_read();
                break;
            }
        }
        sum.add_using(one, spare);
    }
}
