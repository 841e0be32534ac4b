//! The fast path of a call's begin and end: everything needed is at hand, and no function is
//! called. All other cases are left to [`slow`](super::slow), which handles every case.
//!
//! The slot is BUSY.

use std::ptr;

use crate::memory::Tallies;
use crate::outcome::Outcome;
use crate::record::store::exemplar;
use crate::record::store::home::Here;
use crate::record::store::node::Node;
use crate::record::store::place::Place;
use crate::record::store::ring::{Ended, Finished};
use crate::record::store::shard::SiteShard;
use crate::record::store::stack::{Frame, Kind, on_cpu};
use crate::record::store::thread::ThreadRecord;
use crate::scope::Site;

/// Opens a frame of a call that stands for itself. `None` if this path does not apply; then nothing
/// has changed.
///
/// It applies where [`enter`] does, if the kernel need not be asked for CPU time.
#[inline(always)]
pub(in crate::record) fn enter_plain(
    record: &'static ThreadRecord,
    here: Here,
    top: &'static Node,
    node: &'static Node,
    kind: Kind,
) -> Option<(Place, &'static Frame)> {
    let depth = record.stack.depth() + 1;
    let frame = record.stack.near(depth)?;
    let place = Place::frame(depth, record.next_serial());
    frame.open_plain(node, top, kind, place, here.tallies());
    // Read last, so that the work before is not included in the call's time.
    let ticks = record.wall.counter();
    let offset = record.cpu_offset_at(ticks)?;
    frame.begin(ticks.wrapping_add(record.own.usual), offset);
    record.set_top(node);
    record.stack.set_depth(depth);
    Some((place, frame))
}

/// How [`exit_plain`] ended.
#[derive(Clone, Copy)]
pub(in crate::record) enum Exit {
    /// This path does not apply to the call at this place, and nothing has changed.
    Elsewhere(Place),
    Done,
    /// The call has ended, and the ring must be flushed.
    Full,
    /// A call of this node has ended after so many ticks, and memory was allocated or freed in it.
    /// It is to be [added](add_allocating).
    Allocated(&'static Node, i64),
}

/// Closes the frame at `place`, which ended at `ticks`: of most calls.
///
/// It applies where [`exit`] does, to a call that stands for itself, was on the CPU all of the time
/// and was not made by itself.
#[inline(always)]
pub(in crate::record) fn exit_plain(
    record: &'static ThreadRecord,
    here: Here,
    place: Place,
    outcome: Outcome,
    ticks: u64,
) -> Exit {
    match close_plain(record, here, place, ticks, Kind::Call) {
        Ok(Closed { node, wall, has_tallies }) => {
            node.count(outcome);
            node.count_sample();
            if has_tallies {
                return Exit::Allocated(node, wall);
            }
            let ended = Ended { node, at: ticks, outcome };
            if record.ring.push_plain(ended, wall) { Exit::Full } else { Exit::Done }
        }
        Err(place) => Exit::Elsewhere(place),
    }
}

/// A frame that was just closed.
#[derive(Clone, Copy)]
pub(in crate::record) struct Closed {
    pub(in crate::record) node: &'static Node,
    /// In ticks, all of them on the CPU.
    pub(in crate::record) wall: i64,
    /// Whether memory was allocated or freed. That is not added yet.
    pub(in crate::record) has_tallies: bool,
}

/// Closes the frame at `place`, which ended at `ticks`, and adds its time to the sums of its node.
/// Its place if this path does not apply; then nothing has changed.
///
/// A poll must have been made by its node's parent.
#[inline(always)]
pub(in crate::record) fn close_plain(
    record: &'static ThreadRecord,
    here: Here,
    place: Place,
    ticks: u64,
    kind: Kind,
) -> Result<Closed, Place> {
    let frame = record.stack.near(record.stack.depth()).filter(|frame| frame.is(place)).ok_or(place)?;
    // PERF: from here on the place is that of the frame, so that no register holds it.
    let elsewhere = || frame.place();
    let wall = ticks.wrapping_sub(frame.start()) as i64;
    if !frame.is_plain(kind) || !record.cpu_was_here(ticks, wall, frame.cpu()) || exemplar::hook().is_some() {
        return Err(elsewhere());
    }
    let has_tallies = frame.has_tallies(here);
    let node = record.top();
    let below = frame.below().ok_or_else(elsewhere)?;
    let fits = match kind {
        Kind::Call => !ptr::eq(below, node),
        Kind::Poll => node.is_child_of(below),
    };
    if !frame.is_of(node) || !fits {
        return Err(elsewhere());
    }
    // In this order, as in `exit`.
    record.set_top(below);
    record.stack.set_depth(record.stack.depth() - 1);
    node.sums.wall.add(wall as u64);
    node.sums.cpu.add(wall as u64);
    Ok(Closed { node, wall, has_tallies })
}

/// Adds what was allocated in the call that was just [closed](close_plain) to the sums of its node.
/// Returns the allocated bytes.
#[inline(never)]
pub(in crate::record) fn add_tallies(record: &'static ThreadRecord, node: &'static Node) -> u64 {
    // It is the frame above the innermost open one.
    let tallies = record.stack.near(record.stack.depth() + 1).and_then(Frame::tallies);
    let Some(tallies) = tallies else { return 0 };
    node.sums.add_tallies(&tallies, 1);
    tallies.allocated_bytes
}

/// Adds a call in which memory was allocated or freed.
#[inline(never)]
pub(in crate::record) fn add_allocating(
    record: &'static ThreadRecord,
    node: &'static Node,
    wall: i64,
    at: u64,
    outcome: Outcome,
) {
    let bytes = add_tallies(record, node);
    if let Some(shard) = node.shard() {
        let ended = Ended { node, at, outcome };
        record.finish(ended, &Finished { shard, wall, cpu: wall, bytes, weight: 1, cpu_weight: 1 });
    }
    record.leave_busy();
}

/// Opens a frame of a call of this weight. `None` if the fast path does not apply; then nothing has
/// changed.
///
/// It applies to frames that are not deeper than the first ones, if the thread has not left the
/// CPU, or the kernel need not be asked for CPU time.
#[inline(always)]
pub(in crate::record) fn enter(
    record: &'static ThreadRecord,
    top: &'static Node,
    node: &'static Node,
    site: &'static Site,
    weight: u32,
) -> Option<Place> {
    let depth = record.stack.depth() + 1;
    let frame = record.stack.near(depth)?;
    let place = Place::frame(depth, record.next_serial());
    frame.open(node, top, weight, place, Tallies::now());
    // Read last, so that the work before is not included in the call's time.
    let ticks = record.wall.ticks();
    let start = ticks.wrapping_add(record.own.usual);
    match record.cpu_offset_at(ticks) {
        Some(offset) => frame.begin(start, offset),
        None => begin_unasked(record, node, frame, start)?,
    }
    record.set_top(node);
    record.stack.set_depth(depth);
    if node.blocks.next(site.rate(), || record.random()) {
        // Drawing took some time, and rarely executed code takes longer.
        frame.begin_again(record.wall.ticks().wrapping_add(record.own.drawn));
    }
    Some(place)
}

/// Closes the frame at `place`, which ended at `ticks`. False if the fast path does not apply; then
/// nothing has changed.
///
/// It applies to the innermost call, begun by the fast path, at most a second long, if the thread
/// has not left the CPU and there is no trace hook.
#[inline(always)]
pub(in crate::record) fn exit(record: &'static ThreadRecord, place: Place, outcome: Outcome, ticks: u64) -> bool {
    let depth = place.depth();
    let Some(frame) = record.stack.near(depth) else { return false };
    if record.stack.depth() != depth || !frame.is(place) {
        return false;
    }
    let wall = ticks.wrapping_sub(frame.start()) as i64;
    if !record.wall.is_plain(wall) || record.borrowed.get() || exemplar::hook().is_some() {
        return false;
    }
    let (Some(node), Some(below)) = (frame.node(), frame.below()) else { return false };
    if !ptr::eq(record.top(), node) {
        return false;
    }
    let Some(shard) = node.shard() else { return false };
    let (cpu, cpu_weight) = if frame.has_offset() {
        let Some(offset) = record.cpu_offset_at(ticks) else { return false };
        (on_cpu(wall, frame.cpu(), offset), frame.weight())
    } else if frame.is_unasked() {
        note_duration(shard, wall);
        (0, 0)
    } else {
        return false;
    };
    // The frame is closed first and added to the sums later. So a reader in between misses the call
    // for a moment; in the reverse order it would count the call twice.
    record.set_top(below);
    record.stack.set_depth(depth - 1);
    node.count(outcome);
    node.count_sample();
    let weight = frame.weight();
    let tallies = frame.tallies();
    // In direct recursion, only the outermost call is added.
    let recurs = ptr::eq(below, node);
    let is_remembered = cpu_weight == 1 || note_spread(record, node, if recurs { 0 } else { cpu }, cpu_weight);
    if recurs {
        node.count_recursion();
    } else if is_remembered {
        node.sums.wall.add_signed(wall, weight);
        node.sums.cpu.add_signed(cpu, cpu_weight);
        if let Some(tallies) = &tallies {
            node.sums.add_tallies(tallies, weight);
        }
    }
    let bytes = tallies.map_or(0, |tallies| tallies.allocated_bytes);
    let ended = Ended { node, at: ticks, outcome };
    record.finish(ended, &Finished { shard, wall, cpu, bytes, weight, cpu_weight });
    true
}

/// For the `syscall` CPU clock, which measures only some calls. `None` if this one must be
/// measured.
#[inline(never)]
fn begin_unasked(record: &ThreadRecord, node: &Node, frame: &Frame, start: u64) -> Option<()> {
    if !record.cpu_sampled() || !node.shard()?.skips_cpu() {
        return None;
    }
    frame.begin_unasked(start);
    Some(())
}

/// False if there is no memory to record that the call stands for others.
#[inline(never)]
fn note_spread(record: &ThreadRecord, node: &Node, cpu: i64, cpu_weight: u32) -> bool {
    node.count_spread(&record.arena, cpu, cpu_weight);
    node.add_spread(&record.arena, cpu, cpu_weight)
}

#[inline(never)]
fn note_duration(shard: &SiteShard, wall: i64) {
    shard.note_duration(wall);
}
