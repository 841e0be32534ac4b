//! Reads one thread's record from outside, while its owner continues to run.

use std::collections::HashMap;
use std::ptr;

use crate::clock;
use crate::histogram::Histogram;
use crate::record::{Finished, Node, Parts, Real, SiteShard, Sums, ThreadRecord};
use crate::snapshot::{Basis, FunctionPart, Totals};

/// The number of readings that are repeated because a long call ended meanwhile.
const TRIES: u32 = 3;
/// A call shorter than this may be missed in one reading.
const SHORT_NS: u64 = 1_000_000;
/// A shorter time off the CPU is ignored.
const LEAST_ABSENT_NS: u64 = 5_000;
/// Attempts to read one histogram, after which its pending calls are left to the next reading.
const LOOKS: u32 = 100;

/// The call tree of one thread, parents first.
pub(super) struct ThreadReading {
    pub(super) nodes: Vec<NodeReading>,
}

pub(super) struct NodeReading {
    pub(super) node: &'static Node,
    pub(super) outcomes: [u64; 4],
    /// The number of finished calls that were measured.
    pub(super) samples: u64,
    /// Including the elapsed part of open calls.
    pub(super) sums: Totals,
    /// The part that is not in its parent's sums, and the part that belongs to nodes other than its
    /// children.
    pub(super) detours: Option<Box<(Totals, Totals)>>,
    /// The number of open calls.
    pub(super) running: u64,
    pub(super) basis: Basis,
    /// Calls that the node made of itself.
    pub(super) recursions: u64,
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

/// Reads the tree of `record`, including open calls.
pub(super) fn read(record: &'static ThreadRecord) -> ThreadReading {
    let mut tries = 1;
    loop {
        let mut open = Vec::new();
        open_calls(record, &mut open);
        let now = record.wall.ticks();
        let offset = record.cpu_offset();
        let cpu_now_ns = record.owner().filter(|_| !open.is_empty()).and_then(clock::thread_cpu_ns_of);
        let mut nodes = closed_calls(record);
        let absent_ns = cpu_now_ns.map_or(0, |cpu_ns| absent_now(record, now, offset, cpu_ns));
        let top = record.top_for_reader();
        // Otherwise the time off the CPU was counted in the meantime.
        if record.cpu_offset() == offset
            && let Some(top) = nodes.iter_mut().find(|reading| ptr::eq(reading.node, top))
        {
            top.basis.absent += absent_ns as f64;
        }
        add_passed(record, &mut nodes, &open);
        let mut missed_long = false;
        for call in &open {
            let elapsed = now.saturating_sub(call.start);
            if call.is_still_open(record) {
                add_open(record, &mut nodes, call, elapsed, cpu_now_ns);
            } else {
                missed_long |= record.wall.ns(elapsed) > SHORT_NS;
            }
        }
        if !missed_long || tries == TRIES {
            if record.cpu_sampled() {
                estimate_absence(&mut nodes);
            }
            return ThreadReading { nodes };
        }
        tries += 1;
    }
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

/// Counts open calls without a frame: the nodes from the current scope up to the next frame.
fn add_passed(record: &ThreadRecord, nodes: &mut [NodeReading], mut open: &[OpenCall]) {
    let mut top = record.top_for_reader();
    // Searched among the nodes that were read, because a newer one may not be fully visible yet.
    while let Some(reading) = nodes.iter_mut().find(|reading| ptr::eq(reading.node, top)) {
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

/// For how long the owner has been off the CPU since its clock was last read.
fn absent_now(record: &ThreadRecord, now: u64, offset: u64, cpu_ns: u64) -> u64 {
    if record.cpu_sampled() {
        return 0;
    }
    let absent_ns = record.wall.ns(now.wrapping_add(offset)).saturating_sub(cpu_ns);
    // The difference between two clocks that are read one after the other is ignored.
    if absent_ns < LEAST_ABSENT_NS { 0 } else { absent_ns }
}

fn closed_calls(record: &'static ThreadRecord) -> Vec<NodeReading> {
    let newest = record.newest_node();
    let all = || std::iter::successors(newest, |node| node.older());
    // A vector that grows would take thrice as much where there are many.
    let mut nodes: Vec<NodeReading> = Vec::with_capacity(all().count());
    nodes.extend(all().map(|node| NodeReading {
        node,
        outcomes: node.outcomes(),
        samples: node.samples(),
        sums: totals(record, &node.sums),
        detours: node.detours().map(|d| Box::new((totals(record, &d.outside_parent), totals(record, &d.foreign)))),
        running: 0,
        basis: basis(record, node),
        recursions: node.recursions(),
    }));
    nodes.reverse();
    nodes
}

/// Estimates time off the CPU where it cannot be detected: as the time that is neither CPU time nor
/// a callee's.
fn estimate_absence(nodes: &mut [NodeReading]) {
    let places: HashMap<*const Node, usize> =
        nodes.iter().enumerate().map(|(at, reading)| (ptr::from_ref(reading.node), at)).collect();
    nodes.iter_mut().for_each(|reading| reading.basis.absent = 0.0);
    for at in 0..nodes.len() {
        let NodeReading { sums, detours, node, .. } = &nodes[at];
        let (outside, foreign) = detours.as_deref().copied().unwrap_or_default();
        let absent = sums.off_cpu_ns() as f64;
        let parent = node.parent().and_then(|parent| places.get(&ptr::from_ref(parent)).copied());
        nodes[at].basis.absent += absent - foreign.off_cpu_ns() as f64;
        if let Some(parent) = parent {
            nodes[parent].basis.absent -= absent - outside.off_cpu_ns() as f64;
        }
    }
}

/// The basis without the times of calls with weight 1, which are the remainder.
pub(super) fn basis(record: &ThreadRecord, node: &Node) -> Basis {
    let absent = record.wall.signed_ns(node.absent.get_signed()) as f64;
    let Some(spread) = node.spread() else { return Basis { absent, single: node.samples(), ..Basis::default() } };
    let tick = record.wall.ns_a_tick();
    let [zeroth, first, second] = spread.moments.each_ref().map(Real::get);
    Basis {
        absent,
        single: node.samples().saturating_sub(spread.calls.get()),
        picked: spread.picked.get(),
        stand_for: spread.stand_for.get(),
        picked_cpu: record.wall.signed_ns(spread.cpu.get_signed()) as f64,
        moments: [zeroth, first * tick, second * tick * tick],
        ..Basis::default()
    }
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

/// Adds the elapsed part of an open call. Its allocations are added when it ends.
fn add_open(record: &ThreadRecord, nodes: &mut [NodeReading], call: &OpenCall, elapsed: u64, cpu_now_ns: Option<u64>) {
    let find = |nodes: &[NodeReading], wanted: &Node| nodes.iter().position(|n| ptr::eq(n.node, wanted));
    let Some(at) = find(nodes, call.node) else { return };
    nodes[at].running += u64::from(!call.is_shared);
    if ptr::eq(call.below, call.node) || call.weight == 0 {
        return;
    }
    let part = Totals {
        wall_ns: record.wall.ns(elapsed) as i64 * i64::from(call.weight),
        cpu_ns: open_cpu_ns(record, call, elapsed, cpu_now_ns) as i64 * i64::from(call.weight),
        ..Totals::default()
    };
    nodes[at].sums += part;
    let weight = f64::from(call.weight);
    if call.weight > 1 {
        let basis = &mut nodes[at].basis;
        let (cpu, spread) = (part.cpu_ns as f64 / weight, weight * (weight - 1.0));
        basis.picked_cpu += part.cpu_ns as f64;
        basis.moments[1] += spread * cpu;
        basis.moments[2] += spread * cpu * cpu;
    }
    let parent_is_below = call.node.parent().is_none_or(|parent| ptr::eq(parent, call.below));
    if !parent_is_below {
        nodes[at].detours.get_or_insert_default().0 += part;
        if let Some(below) = find(nodes, call.below) {
            nodes[below].detours.get_or_insert_default().1 += part;
        }
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
