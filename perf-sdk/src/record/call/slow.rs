//! The begin and the end of a call, for all cases. Most calls take the [`fast`](super::fast) path.

use std::ptr;
use std::thread;

use super::absence::{note_absence, note_asked, note_switch};
use super::root;
use crate::clock::{self, ThreadCpu};
use crate::memory::Tallies;
use crate::outcome::Outcome;
use crate::record::registry;
use crate::record::store::dropped::{self, Reason};
use crate::record::store::empty_call::EmptyCall;
use crate::record::store::exemplar;
use crate::record::store::measured::Measured;
use crate::record::store::node::Node;
use crate::record::store::place::Place;
use crate::record::store::ring::{Ended, Finished};
use crate::record::store::shared::SharedSite;
use crate::record::store::stack::{Frame, on_cpu};
use crate::record::store::thread::ThreadRecord;
use crate::record::store::trail::Whole;
use crate::scope::{Site, Slot};
use crate::trace::TraceHook;

/// Begins a call of `site`.
pub(in crate::record) fn begin(site: &'static Site, empty_call: EmptyCall) -> Option<(&'static ThreadRecord, Place)> {
    let slot = Slot::get();
    let record = ThreadRecord::of(slot).or_else(|| registry::arrive(slot, empty_call));
    let Some(record) = record else { return begin_without_record(site) };
    Slot::BUSY.set();
    let top = record.top();
    let node = match top.last_child() {
        child if child.is(site) => Some(child),
        _ => record.child(top, site),
    };
    let place = node.map_or_else(
        || begin_shared(record, top, site),
        |node| {
            let weight = next_weight(record, node, site);
            // If the thread is unwinding, or the record is borrowed, the call needs a frame to
            // store that.
            if weight == 0 && !thread::panicking() && !record.borrowed.get() {
                note_switch(record, top);
                record.set_top(node);
                Some(Place::passed(top))
            } else if weight > 0 && site.is_root() {
                push_root(record, node, weight)
            } else {
                push(record, node, weight, None)
            }
        },
    );
    if place.is_none() {
        dropped::count(Reason::Memory);
    }
    record.leave_busy();
    place.map(|place| (record, place))
}

/// As [`push`], of a call of a root.
#[cold]
#[inline(never)]
fn push_root(record: &'static ThreadRecord, node: &'static Node, weight: u32) -> Option<Place> {
    let depth = record.stack.depth() + 1;
    root::begin(record, depth);
    let place = push(record, node, weight, None);
    match record.stack.frame(depth) {
        Some(frame) if place.is_some() => frame.note_root(),
        _ => record.roots.forget_above(depth - 1),
    }
    place
}

/// Begins a call for which there is no room for a node.
///
/// The current scope does not change: the call's callees count as its caller's, and so does its
/// time in the tree. If there is no caller, its time is that of the overflow node. The slot is
/// BUSY.
#[cold]
#[inline(never)]
fn begin_shared(record: &'static ThreadRecord, top: &'static Node, site: &'static Site) -> Option<Place> {
    let shared = SharedSite::of(site)?;
    shared.begin();
    let rate = site.rate();
    // Blocks belong to a node, so here each call is drawn independently.
    let is_due = rate > 0 && ((record.random() >> 32) * u64::from(rate)) >> 32 == 0;
    let weight = if is_due { rate } else { 0 };
    if weight == 0 {
        return Some(Place::shared(shared));
    }
    let node = if ptr::eq(top, record.root()) { record.overflow().unwrap_or(top) } else { top };
    // System calls for CPU time are limited by blocks too, so the clock is not asked.
    let frame = push(record, node, weight, Some(0)).and_then(|place| Some((place, record.stack.frame(place.depth())?)));
    let Some((place, frame)) = frame else { return Some(Place::shared(shared)) };
    frame.count_in(shared);
    Some(place)
}

/// Begins a call for which there is no room for a thread record. It is counted, if there is any
/// record with which it can begin.
#[cold]
#[inline(never)]
pub(in crate::record) fn begin_without_record(site: &'static Site) -> Option<(&'static ThreadRecord, Place)> {
    if Slot::get() != Slot::FULL {
        return None;
    }
    Slot::BUSY.set();
    let place = registry::records().next().and_then(|any| Some((any, Place::shared(SharedSite::of(site)?))));
    match &place {
        Some((_, place)) => _ = place.in_shared().map(SharedSite::begin),
        None => dropped::count(Reason::Memory),
    }
    Slot::FULL.set();
    place
}

/// The weight of the call of `site` that begins now. 0 if it is count-only. The slot is BUSY.
pub(in crate::record) fn next_weight(record: &'static ThreadRecord, node: &'static Node, site: &'static Site) -> u32 {
    let is_root = site.is_root();
    // PERF: no block is needed to measure each call.
    if is_root && site.rate() == 1 {
        return 1;
    }
    if node.blocks.skips() {
        return 0;
    }
    let weight = match node.blocks.weight() {
        Some(weight) => weight,
        None => node.blocks.begin(|| site.rate(), record.random()),
    };
    if is_root {
        node.blocks.begin_next();
    } else if weight > 0 {
        node.blocks.next(site.rate(), || record.random());
    }
    weight
}

/// Opens a frame for a call of `node` with this weight. The slot is BUSY. With the `syscall` CPU
/// clock, `cpu_weight` says whether the clock is asked; `None` leaves it to the site's blocks.
// PERF: inlined into polls.
#[inline(always)]
pub(in crate::record) fn push(
    record: &'static ThreadRecord,
    node: &'static Node,
    weight: u32,
    cpu_weight: Option<u32>,
) -> Option<Place> {
    let depth = record.stack.depth() + 1;
    let frame = record.stack.frame_or_new(depth, &record.arena)?;
    let place = Place::frame(depth, record.next_serial());
    frame.open(node, record.top(), weight, place, Tallies::now());
    if thread::panicking() {
        frame.note_panicking();
    }
    if weight == 0 {
        frame.begin_untimed();
    } else if record.cpu_sampled() {
        let weight = cpu_weight.unwrap_or_else(|| next_cpu_weight(record, node));
        let cpu_ns = if weight > 0 { ThreadCpu::cpu_now_ns() } else { 0 };
        frame.begin_asked(record.wall.ticks().wrapping_add(record.own.usual), cpu_ns, weight);
    } else {
        let (ticks, offset) = record.cpu_enter();
        note_asked(record, node);
        // This time was before the call began.
        note_absence(record, record.top(), record.top());
        frame.begin(ticks.wrapping_add(record.own.usual), offset);
    }
    record.set_top(node);
    record.stack.set_depth(depth);
    Some(place)
}

/// If the call at `place` is the one that is open there, moves its start later by this many ticks.
pub(in crate::record) fn delay(record: &ThreadRecord, place: Place, ticks: u64) {
    if let Some(frame) = record.stack.frame(place.depth())
        && frame.is(place)
        && frame.weight() > 0
    {
        frame.begin_again(frame.start().wrapping_add(ticks));
    }
}

/// The weight of the call at `place`.
pub(in crate::record) fn weight_of(record: &ThreadRecord, place: Place) -> u32 {
    record.stack.frame(place.depth()).filter(|frame| frame.is(place)).map_or(0, Frame::weight)
}

/// The weight of the next measured call's CPU time. 0 if it is not measured.
pub(in crate::record) fn next_cpu_weight(record: &'static ThreadRecord, node: &'static Node) -> u32 {
    match node.shard() {
        Some(shard) if !record.cpu_sampled() => u32::from(shard.site.options().cpu),
        Some(shard) if shard.site.options().cpu => {
            shard.next_cpu_weight(clock::DEFAULT_INTERVAL, record.wall, || record.random())
        }
        _ => 0,
    }
}

/// Closes the frame at `place`, which ended at `end`, and takes its readings. Frames that are open
/// above it are closed too, and counted as out of order. `None` if it was closed already. The slot
/// is BUSY.
// PERF: inlined into polls, for which what it returns need not pass through memory.
#[inline(always)]
pub(in crate::record) fn pop(
    record: &'static ThreadRecord,
    place: Place,
    end: u64,
) -> Option<(&'static Node, Measured)> {
    let depth = place.depth();
    let frame = record.stack.frame(depth)?;
    let node = frame.node()?;
    if record.stack.depth() != depth || !frame.is(place) || !ptr::eq(record.top(), node) {
        close_above(record, place)?;
    }
    let below = frame.below()?;
    let weight = frame.weight();
    let tallies = frame.tallies().filter(|_| weight > 0);
    let wall = if weight > 0 { elapsed(record, frame.start(), end) } else { 0 };
    let cpu = if weight == 0 {
        0
    } else if frame.cpu_asked() {
        // The two CPU readings enclose the call, so at most all of its time was CPU time.
        sampled_cpu(record, frame).min(wall)
    } else {
        on_cpu(wall, frame.cpu(), record.cpu_exit(end))
    };
    note_asked(record, node);
    note_absence(record, node, below);
    // The frame is closed first and added to the sums later. So a reader in between misses the call
    // for a moment; in the reverse order it would count the call twice.
    record.set_top(below);
    record.stack.set_depth(depth - 1);
    Some((node, Measured { wall, cpu, weight, cpu_weight: frame.cpu_weight() * weight, tallies, end, below }))
}

/// Called when a guard drops that is not the innermost one: the calls that began after it end with
/// it. `None` if the guard's own call was already ended in this way.
#[cold]
fn close_above(record: &'static ThreadRecord, place: Place) -> Option<()> {
    dropped::count(Reason::OutOfOrder);
    let own = record.stack.frame(place.depth())?;
    if record.stack.depth() < place.depth() || !own.is(place) {
        return None;
    }
    while record.stack.depth() > place.depth() {
        close_top_frame(record)?;
    }
    close_passed(record, own.node()?);
    Some(())
}

fn close_top_frame(record: &'static ThreadRecord) -> Option<()> {
    let depth = record.stack.depth();
    let frame = record.stack.frame(depth)?;
    close_passed(record, frame.node()?);
    let counts = !frame.is_poll();
    let place = frame.place();
    record.roots.forget_above(depth - 1);
    let (node, measured) = pop(record, place, record.wall.ticks())?;
    measured.add_to(record, node);
    if counts {
        count(record, node, shared_of(record, place), &measured, Outcome::Ok);
    }
    Some(())
}

/// The shared record in which the call is counted, if it is not counted in its node. Its frame is
/// at `place`, or was just closed there.
fn shared_of(record: &'static ThreadRecord, place: Place) -> Option<&'static SharedSite> {
    record.stack.frame(place.depth()).and_then(Frame::shared)
}

/// Counts the whole call.
fn count(
    record: &'static ThreadRecord,
    node: &'static Node,
    shared: Option<&'static SharedSite>,
    measured: &Measured,
    outcome: Outcome,
) {
    match shared {
        Some(shared) => {
            shared.count(outcome);
            shared.add(measured, record.wall, record.counting);
        }
        None => {
            node.count(outcome);
            measured.finish(record, node, outcome);
        }
    }
}

/// Ends the calls without a frame above a call of `node`, and that call.
fn close_passed(record: &'static ThreadRecord, node: &'static Node) {
    let mut top = record.top();
    while !ptr::eq(top, node) {
        let Some(parent) = top.parent() else { break };
        // A poll of a future is not a call.
        if top.shard().is_none_or(|shard| shard.future().is_none()) {
            top.count(Outcome::Ok);
        }
        top = parent;
    }
    record.set_top(node);
}

/// Closes everything open above `own`, a call or poll without a frame. False if it is not open
/// itself. The slot is BUSY.
pub(in crate::record) fn repair(record: &'static ThreadRecord, own: &'static Node) -> bool {
    let is_under =
        |node: &'static Node| std::iter::successors(Some(node), |node| node.parent()).any(|up| ptr::eq(up, own));
    dropped::count(Reason::OutOfOrder);
    if !is_under(record.top()) {
        return false;
    }
    while record.stack.depth() > 0
        && let Some(node) = record.stack.frame(record.stack.depth()).and_then(Frame::node)
        && !ptr::eq(node, own)
        && is_under(node)
    {
        if close_top_frame(record).is_none() {
            return false;
        }
    }
    close_passed(record, own);
    true
}

/// Ends a call without a frame that was made from `below`. The slot is BUSY.
fn end_passed(record: &'static ThreadRecord, below: &'static Node, outcome: Outcome) {
    if !record.top().is_called_by(below) {
        let own = std::iter::successors(Some(record.top()), |node| node.parent()).find(|node| node.is_called_by(below));
        match own {
            Some(own) if repair(record, own) => {}
            Some(_) => return,
            None => return dropped::count(Reason::OutOfOrder),
        }
    }
    let node = record.top();
    note_switch(record, node);
    node.count(outcome);
    if ptr::eq(node, below) {
        node.count_recursion();
    }
    record.set_top(below);
}

pub(in crate::record) fn elapsed(record: &ThreadRecord, start: u64, end: u64) -> i64 {
    record.wall.believed(start, end)
}

fn sampled_cpu(record: &ThreadRecord, frame: &Frame) -> i64 {
    if frame.cpu_weight() == 0 {
        return 0;
    }
    record.wall.ticks_of_ns(ThreadCpu::cpu_now_ns().saturating_sub(frame.cpu())) as i64
}

impl Measured {
    fn whole(&self, record: &ThreadRecord, node: &'static Node, outcome: Outcome) -> Whole {
        Whole {
            node,
            end: self.end,
            wall: self.wall,
            cpu: self.cpu,
            bytes: self.tallies.map_or(0, |tallies| tallies.allocated_bytes),
            weight: self.weight,
            outcome,
            thread: record.owner().unwrap_or(0),
        }
    }

    /// Adds the whole call to its histograms.
    fn finish(&self, record: &'static ThreadRecord, node: &'static Node, outcome: Outcome) {
        if let Some(shard) = node.shard()
            && self.weight > 0
        {
            node.count_sample();
            let recurs = ptr::eq(self.below, node);
            if recurs {
                node.count_recursion();
            }
            node.count_spread(&record.arena, if recurs { 0 } else { self.cpu }, self.cpu_weight);
            if record.cpu_sampled() {
                shard.note_duration(self.wall);
            }
            let ended = Ended { node, at: self.end, outcome };
            record.finish(
                ended,
                &Finished {
                    shard,
                    wall: self.wall,
                    cpu: self.cpu,
                    bytes: self.tallies.map_or(0, |tallies| tallies.allocated_bytes),
                    weight: self.weight,
                    cpu_weight: self.cpu_weight,
                },
            );
        }
    }

    /// Adds the readings to `node`, unless the frame below is of the same node: in direct
    /// recursion, only the outermost call is added.
    #[inline]
    pub(in crate::record) fn add_to(&self, record: &ThreadRecord, node: &'static Node) {
        if !ptr::eq(self.below, node) && self.weight > 0 && node.add_spread(&record.arena, self.cpu, self.cpu_weight) {
            node.sums.wall.add_signed(self.wall, self.weight);
            node.sums.cpu.add_signed(self.cpu, self.cpu_weight);
            if let Some(tallies) = &self.tallies {
                node.sums.add_tallies(tallies, self.weight);
            }
        }
    }
}

/// Marks a frame as one poll of a future at this address, whose first poll began at `began`; `None`
/// if this is the first one. Returns its start in ticks.
pub(in crate::record) fn note_poll(
    record: &'static ThreadRecord,
    place: Place,
    address: usize,
    began: Option<u64>,
) -> u64 {
    record.stack.frame(place.depth()).map_or(0, |frame| {
        let start = frame.start();
        frame.note_poll(future_call(began.unwrap_or(start), address));
        start
    })
}

/// Identifies the call of a future at this address, whose first poll began at `began`; 0 if that is
/// unknown.
#[inline(always)]
pub(in crate::record) fn future_call(began: u64, address: usize) -> u64 {
    // Futures that live at the same time have different addresses; those that had one address after
    // each other began at different times. A count-only call has no time.
    if began == 0 { 0 } else { began.rotate_left(20) ^ address as u64 }
}

/// Ends the call at `place`, at `ticks`.
#[cold]
#[inline(never)]
pub(in crate::record) fn end(record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>, ticks: u64) {
    if let Some(shared) = place.in_shared() {
        let unnamed = if thread::panicking() { Outcome::Panic } else { Outcome::Ok };
        shared.count(outcome.unwrap_or(unnamed));
        // It may have borrowed a record; without any, the guard holds somebody else's.
        if Slot::get() == record.slot() {
            leave_for_good(record);
        }
        return;
    }
    if Slot::get() != record.slot() {
        return dropped::count(Reason::Stale);
    }
    Slot::BUSY.set();
    if let Some(below) = place.below() {
        let unnamed = if thread::panicking() { Outcome::Panic } else { Outcome::Ok };
        end_passed(record, below, outcome.unwrap_or(unnamed));
    } else if let Some((node, measured)) = pop(record, place, ticks) {
        let outcome = outcome.unwrap_or_else(|| unnamed(record, place));
        let shared = shared_of(record, place);
        let is_root = record.stack.frame(place.depth()).is_some_and(Frame::is_root);
        // Before the call itself is in the ring.
        let trail = if is_root { record.roots.close(&record.ring, place.depth()) } else { None };
        measured.add_to(record, node);
        count(record, node, shared, &measured, outcome);
        if measured.weight > 0
            && shared.is_none()
            && let Some(hook) = exemplar::hook()
        {
            record.leave_busy();
            note_trace(record, node, measured.wall, measured.end, hook);
            Slot::BUSY.set();
        }
        if is_root {
            root::end(record, trail, &measured.whole(record, node, outcome));
        }
    }
    leave_for_good(record);
}

/// The outcome of a guard that was dropped without one.
fn unnamed(record: &ThreadRecord, place: Place) -> Outcome {
    let was_panicking = record.stack.frame(place.depth()).is_some_and(Frame::began_panicking);
    if thread::panicking() && !was_panicking { Outcome::Panic } else { Outcome::Ok }
}

/// Stores the record in the thread's slot again, or returns a borrowed record after its outermost
/// call.
#[inline]
pub(in crate::record) fn leave_for_good(record: &'static ThreadRecord) {
    if record.borrowed.get() && record.stack.depth() == 0 {
        give_back(record);
    } else {
        record.leave_busy();
    }
}

#[cold]
fn give_back(record: &'static ThreadRecord) {
    Slot::DEAD.set();
    registry::release(record);
}

/// Stores the trace of this call as the exemplar of its bucket. The slot holds the record, because
/// the hook may call profiled functions.
#[cold]
#[inline(never)]
pub(in crate::record) fn note_trace(
    record: &'static ThreadRecord,
    node: &'static Node,
    wall: i64,
    end: u64,
    hook: TraceHook,
) {
    if record.asking.replace(true) {
        return;
    }
    if let Some(exemplars) = node.shard().and_then(|shard| shard.exemplars_or_new(&record.arena)) {
        exemplars.note(record.wall.ns(wall.max(0) as u64), record.wall.ns(end), hook);
    }
    record.asking.set(false);
}
