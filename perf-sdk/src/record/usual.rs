//! The usual case of a call's begin and end: all that it needs is at hand, and nothing has to be called. The unusual ones
//! are left to [`call`](super::call), which does the same for every case.
//!
//! The slot is BUSY.

use std::ptr;

use super::exemplar;
use super::guard::Place;
use super::outcome::Outcome;
use super::ring::Finished;
use super::thread::ThreadRecord;
use crate::memory::Tallies;
use crate::scope::Site;

/// Opens a frame. `None`: this is an unusual case, and nothing has changed.
///
/// Usual: the call that was made from here before, timed, no deeper than the first frames, on a CPU that was not left, or
/// without a need to ask the kernel for CPU time.
#[inline(always)]
pub(super) fn enter(record: &'static ThreadRecord, site: &'static Site) -> Option<Place> {
    let node = record.top().last_child()?;
    if !node.is(site) || !node.is_timed() {
        return None;
    }
    let depth = record.stack.depth() + 1;
    let frame = record.stack.near(depth)?;
    let serial = record.next_serial();
    frame.open(node, serial, Tallies::now());
    // Last: what came before is not the call's time.
    let ticks = record.wall.ticks();
    match record.cpu().offset_at(ticks) {
        Some(offset) => frame.begin(ticks, offset),
        None if record.cpu_sampled() && node.shard()?.skips_cpu() => frame.begin_unasked(ticks),
        None => return None,
    }
    record.set_top(node);
    record.stack.set_depth(depth);
    Some(Place::new(depth, serial))
}

/// Closes the frame at `place`, which ended at `ticks`. False: this is an unusual case, and nothing has changed.
///
/// Usual: the innermost call, begun in the usual way, a second long at most, on a CPU that was not left, without a hook for
/// traces.
#[inline(always)]
pub(super) fn exit(record: &'static ThreadRecord, place: Place, outcome: Outcome, ticks: u64) -> bool {
    let depth = place.depth();
    let Some((below, frame)) = record.stack.near_pair(depth) else { return false };
    if record.stack.depth() != depth || !frame.is(place.serial()) {
        return false;
    }
    let wall = ticks.wrapping_sub(frame.start());
    if wall > record.wall.suspicious_ticks() || record.borrowed.get() || exemplar::hook().is_some() {
        return false;
    }
    let (Some(node), Some(below)) = (frame.node(), below.node()) else { return false };
    let Some(shard) = node.shard() else { return false };
    let (cpu, cpu_weight) = if frame.has_offset() {
        let Some(offset) = record.cpu().offset_at(ticks) else { return false };
        (on_cpu(wall, frame.cpu(), offset), 1)
    } else if frame.is_unasked() {
        shard.note_duration(wall);
        (0, 0)
    } else {
        return false;
    };
    // Closed first, summed later: a reader in between misses the call for a moment; the other way round it would count
    // it twice.
    record.set_top(below);
    record.stack.set_depth(depth - 1);
    node.count(outcome);
    let tallies = frame.tallies();
    // Of direct recursion only the outermost call counts.
    if !ptr::eq(below, node) {
        node.sums.wall.add(wall);
        node.sums.cpu.add(cpu);
        if let Some(tallies) = &tallies {
            node.sums.add_tallies(tallies);
        }
    }
    let bytes = tallies.map_or(0, |tallies| tallies.allocated_bytes);
    record.finish(&Finished { shard, wall, cpu, bytes, cpu_weight });
    true
}

/// CPU ticks of a call: the offset shrinks by what the thread was off the CPU.
#[inline]
pub(super) fn on_cpu(wall: u64, offset_before: u64, offset: u64) -> u64 {
    let off = offset_before.wrapping_sub(offset);
    if off as i64 <= 0 { wall.wrapping_sub(off) } else { wall.saturating_sub(off) }
}
