//! A call begins, a call ends: all cases. The usual ones are decided in [`usual`].

use std::ptr;
use std::thread;

use super::dropped::{self, Reason};
use super::exemplar;
use super::guard::{Guard, Place};
use super::node::Node;
use super::outcome::Outcome;
use super::registry;
use super::ring::Finished;
use super::stack::Frame;
use super::thread::ThreadRecord;
use super::usual::on_cpu;
use crate::clock::{self, ThreadCpu};
use crate::memory::Tallies;
use crate::scope::{Sample, Site, Slot};

/// What an ended frame measured, in ticks.
pub(super) struct Measured {
    pub(super) wall: u64,
    pub(super) cpu: u64,
    pub(super) cpu_weight: u32,
    pub(super) timed: bool,
    /// `None`: nothing was allocated or freed.
    pub(super) tallies: Option<Tallies>,
    pub(super) end: u64,
    /// The node of the frame below.
    pub(super) below: &'static Node,
}

/// Begins a call of `site`.
#[cold]
#[inline(never)]
pub(super) fn begin(site: &'static Site) -> Guard {
    let slot = Slot::get();
    let record = if slot.is_record() {
        ThreadRecord::of(slot.as_ptr())
    } else {
        match arrive(slot) {
            Some(record) => record,
            None => return Guard::nothing(),
        }
    };
    Slot::BUSY.set();
    let top = record.top();
    let node = match top.last_child() {
        Some(child) if child.is(site) => Some(child),
        _ => record.child(top, site),
    };
    let place = match node {
        Some(node) => push(record, node, site, None),
        None => {
            dropped::count(Reason::Memory);
            None
        }
    };
    leave_busy(record);
    place.map_or_else(Guard::nothing, |place| Guard::new(record, place))
}

/// This thread's record when the slot does not hold one: a new one, a borrowed one, or none inside the recorder.
#[cold]
#[inline(never)]
pub(super) fn arrive(slot: Slot) -> Option<&'static ThreadRecord> {
    let record = match slot {
        Slot::NEW => {
            Slot::BUSY.set();
            let record = registry::enrol();
            if record.is_none() {
                Slot::NEW.set();
            }
            record
        }
        Slot::DEAD => {
            Slot::BUSY.set();
            let record = registry::borrow();
            if record.is_none() {
                Slot::DEAD.set();
            }
            record
        }
        _ => {
            dropped::count(Reason::Reentered);
            return None;
        }
    };
    match record {
        Some(record) => leave_busy(record),
        None => dropped::count(Reason::Memory),
    }
    record
}

#[inline]
pub(super) fn leave_busy(record: &'static ThreadRecord) {
    Slot::of(record.scopes()).set();
}

/// Opens a frame for `node`. The slot is BUSY. With the `syscall` CPU clock, `cpu_weight` says whether the clock is asked;
/// `None` leaves it to the site's blocks.
pub(super) fn push(
    record: &'static ThreadRecord,
    node: &'static Node,
    site: &'static Site,
    cpu_weight: Option<u32>,
) -> Option<Place> {
    let depth = record.stack.depth() + 1;
    let Some(frame) = record.stack.frame_or_new(depth, &record.arena) else {
        dropped::count(Reason::Memory);
        return None;
    };
    let serial = record.next_serial();
    frame.open(node, serial, Tallies::now());
    if thread::panicking() {
        frame.note_panicking();
    }
    if site.options().sample == Sample::Never {
        frame.begin_untimed();
    } else if record.cpu_sampled() {
        let weight = cpu_weight.unwrap_or_else(|| next_cpu_weight(record, node));
        let cpu_ns = if weight > 0 { ThreadCpu::cpu_now_ns() } else { 0 };
        frame.begin_asked(record.wall.ticks(), cpu_ns, weight);
    } else {
        let (ticks, offset) = record.cpu().enter(record.wall);
        frame.begin(ticks, offset);
    }
    record.set_top(node);
    record.stack.set_depth(depth);
    Some(Place::new(depth, serial))
}

/// How many calls the next call's CPU time stands for; 0 when it is not measured.
pub(super) fn next_cpu_weight(record: &'static ThreadRecord, node: &'static Node) -> u32 {
    match node.shard() {
        Some(shard) if !record.cpu_sampled() => u32::from(shard.site.options().cpu),
        Some(shard) if shard.site.options().cpu => {
            shard.next_cpu_weight(clock::DEFAULT_INTERVAL, record.wall, || record.random())
        }
        _ => 0,
    }
}

/// Closes the frame at `place`, which ended at `end`, and takes its readings; frames above it are closed too and counted
/// as out of order. `None` if it was closed already. The slot is BUSY.
pub(super) fn pop(record: &'static ThreadRecord, place: Place, end: u64) -> Option<(&'static Node, Measured)> {
    let depth = place.depth();
    let frame = record.stack.frame(depth)?;
    if record.stack.depth() != depth || !frame.is(place.serial()) {
        close_above(record, place)?;
    }
    let node = frame.node()?;
    let below = record.stack.frame(depth - 1)?.node()?;
    let tallies = frame.tallies();
    let timed = frame.start() != 0;
    let wall = if timed { elapsed(record, frame.start(), end) } else { 0 };
    let cpu = if !timed {
        0
    } else if frame.cpu_asked() {
        sampled_cpu(record, frame)
    } else {
        on_cpu(wall, frame.cpu(), record.cpu().exit(record.wall, end))
    };
    // Closed first, summed later: a reader in between misses the call for a moment; the other way round it would count
    // it twice.
    record.set_top(below);
    record.stack.set_depth(depth - 1);
    Some((node, Measured { wall, cpu, cpu_weight: frame.cpu_weight(), timed, tallies, end, below }))
}

/// A guard that is not the innermost one drops: the calls opened after it end with it. `None` if the guard's own call has
/// ended in that way before.
#[cold]
fn close_above(record: &'static ThreadRecord, place: Place) -> Option<()> {
    dropped::count(Reason::OutOfOrder);
    let own = record.stack.frame(place.depth())?;
    if record.stack.depth() < place.depth() || !own.is(place.serial()) {
        return None;
    }
    while record.stack.depth() > place.depth() {
        let above = record.stack.depth();
        let frame = record.stack.frame(above)?;
        let counts = !frame.is_poll();
        let (node, measured) = pop(record, Place::new(above, frame.serial()), record.wall.ticks())?;
        measured.add_to(node);
        if counts {
            node.count(Outcome::Ok);
            measured.finish(record, node);
        }
    }
    Some(())
}

fn elapsed(record: &ThreadRecord, start: u64, end: u64) -> u64 {
    let wall = end.wrapping_sub(start);
    // Longer than a second, or backwards: believed only if a second clock agrees.
    if wall > record.wall.suspicious_ticks() { record.wall.plausible(start, end) } else { wall }
}

fn sampled_cpu(record: &ThreadRecord, frame: &Frame) -> u64 {
    if frame.cpu_weight() == 0 {
        return 0;
    }
    record.wall.ticks_of_ns(ThreadCpu::cpu_now_ns().saturating_sub(frame.cpu()))
}

impl Measured {
    /// The call as a whole into its histograms.
    fn finish(&self, record: &'static ThreadRecord, node: &'static Node) {
        if let Some(shard) = node.shard()
            && self.timed
        {
            if record.cpu_sampled() {
                shard.note_duration(self.wall);
            }
            record.finish(&Finished {
                shard,
                wall: self.wall,
                cpu: self.cpu,
                bytes: self.tallies.map_or(0, |tallies| tallies.allocated_bytes),
                cpu_weight: self.cpu_weight,
            });
        }
    }

    /// Adds the readings to `node`, unless the frame below is the same node: of direct recursion only the outermost
    /// call counts.
    pub(super) fn add_to(&self, node: &'static Node) {
        if !ptr::eq(self.below, node) {
            node.sums.wall.add(self.wall);
            node.sums.cpu.add(self.cpu.wrapping_mul(u64::from(self.cpu_weight)));
            if let Some(tallies) = &self.tallies {
                node.sums.add_tallies(tallies);
            }
        }
    }
}

/// Makes a frame one poll of a future.
pub(super) fn note_poll(record: &'static ThreadRecord, place: Place) {
    if let Some(frame) = record.stack.frame(place.depth()) {
        frame.note_poll();
    }
}

/// Ends the call at `place`, at `ticks`.
#[cold]
#[inline(never)]
pub(super) fn end(record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>, ticks: u64) {
    if Slot::get() != Slot::of(record.scopes()) {
        return dropped::count(Reason::Stale);
    }
    Slot::BUSY.set();
    if let Some((node, measured)) = pop(record, place, ticks) {
        let outcome = outcome.unwrap_or_else(|| unnamed(record, place));
        node.count(outcome);
        measured.add_to(node);
        measured.finish(record, node);
        if let Some(hook) = exemplar::hook() {
            leave_busy(record);
            note_trace(record, node, measured.wall, measured.end, hook);
            Slot::BUSY.set();
        }
    }
    leave_for_good(record);
}

/// The outcome of a guard that simply dropped.
fn unnamed(record: &ThreadRecord, place: Place) -> Outcome {
    let was_panicking = record.stack.frame(place.depth()).is_some_and(Frame::began_panicking);
    if thread::panicking() && !was_panicking { Outcome::Panic } else { Outcome::Ok }
}

/// Makes the record the thread's again, or gives a borrowed one back after its outermost call.
#[inline]
pub(super) fn leave_for_good(record: &'static ThreadRecord) {
    if record.borrowed.get() && record.stack.depth() == 0 {
        give_back(record);
    } else {
        leave_busy(record);
    }
}

#[cold]
fn give_back(record: &'static ThreadRecord) {
    Slot::DEAD.set();
    registry::release(record);
}

/// Keeps the trace of this call as its bucket's exemplar. The slot holds the record: the hook may call anything.
#[cold]
#[inline(never)]
pub(super) fn note_trace(
    record: &'static ThreadRecord,
    node: &'static Node,
    wall: u64,
    end: u64,
    hook: exemplar::TraceHook,
) {
    if record.asking.replace(true) {
        return;
    }
    if let Some(exemplars) = node.shard().and_then(|shard| shard.exemplars_or_new(&record.arena)) {
        exemplars.note(record.wall.ns(wall), record.wall.ns(end), hook);
    }
    record.asking.set(false);
}
