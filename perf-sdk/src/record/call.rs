//! The hot path: a call begins, a call ends.

use std::marker::PhantomData;
use std::ptr;
use std::thread;

use super::dropped::{self, Reason};
use super::exemplar;
use super::node::Node;
use super::outcome::Outcome;
use super::registry;
use super::ring::Finished;
use super::stack::Frame;
use super::thread::ThreadRecord;
use crate::clock::{self, ThreadCpu};
use crate::memory::Tallies;
use crate::scope::{Sample, Site, Slot};

/// An open call: dropping it ends the call, as a panic if the thread is unwinding, as [`Outcome::Ok`] otherwise.
///
/// Not `Send`: it belongs to its thread's stack of open calls. Guards that drop out of order are repaired and counted.
#[derive(Debug)]
#[must_use = "the call ends when the guard drops"]
pub struct Guard {
    /// `None`: nothing to end.
    record: Option<&'static ThreadRecord>,
    depth: u32,
    serial: u32,
    not_send: PhantomData<*mut ()>,
}

/// What an ended frame measured, in ticks.
pub(super) struct Measured {
    pub(super) wall: u64,
    pub(super) cpu: u64,
    pub(super) cpu_weight: u32,
    pub(super) timed: bool,
    pub(super) tallies: Tallies,
    /// Whether the tallies are not all zero.
    pub(super) allocated: bool,
    pub(super) end: u64,
    /// The node of the frame below.
    pub(super) below: &'static Node,
}

/// Begins a call of `site`.
#[inline(never)]
pub fn enter(site: &'static Site) -> Guard {
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
    let guard = match node {
        Some(node) => push(record, node, site, None),
        None => {
            dropped::count(Reason::Memory);
            Guard::nothing()
        }
    };
    leave_busy(record);
    guard
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
#[inline]
pub(super) fn push(
    record: &'static ThreadRecord,
    node: &'static Node,
    site: &'static Site,
    cpu_weight: Option<u32>,
) -> Guard {
    let depth = record.stack.depth() + 1;
    let Some(frame) = record.stack.frame_or_new(depth, &record.arena) else {
        dropped::count(Reason::Memory);
        return Guard::nothing();
    };
    let serial = record.next_serial();
    frame.serial.set(serial);
    frame.poll.set(false);
    let options = site.options();
    frame.panicking.set(thread::panicking());
    frame.open(node, Tallies::now());
    if options.sample == Sample::Never {
        frame.begin(0, 0, 0);
    } else if record.cpu_sampled() {
        begin_sampled(record, node, frame, cpu_weight);
    } else {
        let (ticks, offset) = record.cpu().enter(record.wall);
        frame.begin(ticks, offset, 1);
    }
    record.set_top(node);
    record.stack.set_depth(depth);
    Guard { record: Some(record), depth: depth as u32, serial, not_send: PhantomData }
}

/// With the `syscall` CPU clock: the clock is asked for some calls only.
#[cold]
#[inline(never)]
fn begin_sampled(record: &'static ThreadRecord, node: &'static Node, frame: &Frame, weight: Option<u32>) {
    let weight = weight.unwrap_or_else(|| next_cpu_weight(record, node));
    let cpu_ns = if weight > 0 { ThreadCpu::cpu_now_ns() } else { 0 };
    frame.begin_asked(record.wall.ticks(), cpu_ns, weight);
}

/// How many calls the next call's CPU time stands for; 0 when it is not measured.
pub(super) fn next_cpu_weight(record: &'static ThreadRecord, node: &'static Node) -> u32 {
    match node.shard() {
        Some(shard) if !record.cpu_sampled() => u32::from(shard.site.options().cpu),
        Some(shard) if shard.site.options().cpu => shard.next_cpu_weight(clock::DEFAULT_INTERVAL, || record.random()),
        _ => 0,
    }
}

/// Closes the frame at `depth` and takes its readings; frames above it are closed too and counted as out of order.
/// `None` if it was closed already. The slot is BUSY.
#[inline]
pub(super) fn pop(record: &'static ThreadRecord, depth: usize, serial: u32) -> Option<(&'static Node, Measured)> {
    // Ticks first: what follows is the recorder's own time, not the call's.
    let sampled = record.cpu_sampled();
    let (end, offset) = if sampled { (record.wall.ticks(), 0) } else { record.cpu().exit(record.wall) };
    let tallies_now = Tallies::now();
    let frame = record.stack.frame(depth)?;
    if record.stack.depth() != depth || frame.serial.get() != serial {
        close_above(record, depth, serial)?;
    }
    let node = frame.node()?;
    let below = record.stack.frame(depth - 1)?.node()?;
    let tallies = frame.tallies_since(&tallies_now);
    let timed = frame.start() != 0;
    let wall = if timed { elapsed(record, frame.start(), end) } else { 0 };
    let cpu_weight = frame.cpu_weight();
    let cpu = if !timed {
        0
    } else if frame.cpu_asked() {
        sampled_cpu(record, frame)
    } else {
        // Begun under a clock that was given up meanwhile.
        let offset = if sampled { record.cpu().exit(record.wall).1 } else { offset };
        // The offset shrinks by what the thread was off the CPU in between.
        let off = frame.cpu().wrapping_sub(offset);
        if off as i64 <= 0 { wall.wrapping_sub(off) } else { wall.saturating_sub(off) }
    };
    // Closed first, summed later: a reader in between misses the call for a moment; the other way round it would count
    // it twice.
    record.set_top(below);
    record.stack.set_depth(depth - 1);
    let allocated = tallies != Tallies::default();
    Some((node, Measured { wall, cpu, cpu_weight, timed, tallies, allocated, end, below }))
}

/// A guard that is not the innermost one drops: the calls opened after it end with it. `None` if the guard's own call has
/// ended in that way before.
#[cold]
#[inline(never)]
fn close_above(record: &'static ThreadRecord, depth: usize, serial: u32) -> Option<()> {
    dropped::count(Reason::OutOfOrder);
    let own = record.stack.frame(depth)?;
    if record.stack.depth() < depth || own.serial.get() != serial {
        return None;
    }
    while record.stack.depth() > depth {
        let above = record.stack.depth();
        let frame = record.stack.frame(above)?;
        let counts = !frame.poll.get();
        let (node, measured) = pop(record, above, frame.serial.get())?;
        measured.add_to(node);
        if counts {
            node.count(Outcome::Ok);
            measured.finish(record, node);
        }
    }
    Some(())
}

#[inline]
fn elapsed(record: &ThreadRecord, start: u64, end: u64) -> u64 {
    let wall = end.wrapping_sub(start);
    if wall > record.wall.suspicious_ticks() { doubtful(record, start, end) } else { wall }
}

/// Longer than a second, or backwards: believed only if a second clock agrees.
#[cold]
#[inline(never)]
fn doubtful(record: &ThreadRecord, start: u64, end: u64) -> u64 {
    record.wall.plausible(start, end)
}

#[cold]
#[inline(never)]
fn sampled_cpu(record: &ThreadRecord, frame: &Frame) -> u64 {
    if frame.cpu_weight() == 0 {
        return 0;
    }
    record.wall.ticks_of_ns(ThreadCpu::cpu_now_ns().saturating_sub(frame.cpu()))
}

impl Measured {
    /// The call as a whole into its histograms.
    #[inline]
    fn finish(&self, record: &'static ThreadRecord, node: &'static Node) {
        if let Some(shard) = node.shard()
            && self.timed
        {
            if record.cpu_sampled() {
                shard.note_duration(record.wall.ns(self.wall));
            }
            record.finish(&Finished {
                shard,
                wall: self.wall,
                cpu: self.cpu,
                bytes: self.tallies.allocated_bytes,
                cpu_weight: self.cpu_weight,
            });
        }
    }

    /// Adds the readings to `node`, unless the frame below is the same node: of direct recursion only the outermost
    /// call counts.
    #[inline]
    pub(super) fn add_to(&self, node: &'static Node) {
        if !ptr::eq(self.below, node) {
            node.sums.wall.add(self.wall);
            node.sums.cpu.add(self.cpu.wrapping_mul(u64::from(self.cpu_weight)));
            if self.allocated {
                node.sums.add_tallies(&self.tallies);
            }
        }
    }
}

impl Guard {
    pub(super) fn nothing() -> Self {
        Self { record: None, depth: 0, serial: 0, not_send: PhantomData }
    }

    /// Makes this guard's frame one poll of a future: record, depth and serial number, to be handed to [`pop`].
    pub(super) fn into_poll(mut self) -> Option<(&'static ThreadRecord, usize, u32)> {
        let record = self.record.take()?;
        record.stack.frame(self.depth as usize)?.poll.set(true);
        Some((record, self.depth as usize, self.serial))
    }

    /// Ends the call.
    #[inline]
    pub fn finish(mut self, outcome: Outcome) {
        self.end(Some(outcome));
    }

    #[inline(never)]
    fn end(&mut self, outcome: Option<Outcome>) {
        let Some(record) = self.record.take() else { return };
        if Slot::get() != Slot::of(record.scopes()) {
            return dropped::count(Reason::Stale);
        }
        Slot::BUSY.set();
        if let Some((node, measured)) = pop(record, self.depth as usize, self.serial) {
            let outcome = outcome.unwrap_or_else(|| unnamed(record, self.depth as usize));
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
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        self.end(None);
    }
}

/// The outcome of a guard that simply dropped.
#[inline]
fn unnamed(record: &ThreadRecord, depth: usize) -> Outcome {
    let was_panicking = record.stack.frame(depth).is_some_and(|frame| frame.panicking.get());
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
