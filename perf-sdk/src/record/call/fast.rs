//! The fast path of a call's begin and end: everything needed is at hand, and no function is
//! called. All other cases are left to [`slow`](super::slow), which handles every case.
//!
//! The slot is BUSY.

use std::ptr;

use crate::memory::Tallies;
use crate::outcome::Outcome;
use crate::record::store::exemplar;
use crate::record::store::node::Node;
use crate::record::store::place::Place;
use crate::record::store::ring::Finished;
use crate::record::store::shard::SiteShard;
use crate::record::store::stack::{Frame, on_cpu};
use crate::record::store::thread::ThreadRecord;
use crate::scope::Site;

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
    let serial = record.next_serial();
    frame.open(node, top, weight, serial, Tallies::now());
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
    Some(Place::frame(depth, serial))
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
    record.finish(&Finished { shard, wall, cpu, bytes, weight, cpu_weight });
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
