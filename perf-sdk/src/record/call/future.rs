//! A future that is measured while it is polled.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

use super::absence;
use super::fast::{self, Closed, Exit};
use super::guard;
use super::root;
use super::slow::{self, leave_for_good, pop, push};
use crate::clock;
use crate::outcome::Outcome;
use crate::record::locks::holding;
use crate::record::registry;
use crate::record::store::dropped::{self, Reason};
use crate::record::store::exemplar;
use crate::record::store::home::Here;
use crate::record::store::in_place_timing::Part;
use crate::record::store::measured::Measured;
use crate::record::store::node::Node;
use crate::record::store::place::Place;
use crate::record::store::ring::{Ended, Finished};
use crate::record::store::shard::SiteShard;
use crate::record::store::shared::SharedSite;
use crate::record::store::stack::Kind;
use crate::record::store::thread::ThreadRecord;
use crate::record::store::trail::{Trail, Whole};
use crate::record::switch;
use crate::scope::{Site, Slot};

pin_project! {
    /// A future measured as one call: from its first poll to its completion, or to its drop, which
    /// counts as cancelled. A future that is never polled is not a call.
    ///
    /// **What it records.** Total, busy (inside `poll`) and idle time, polls, the longest poll, and
    /// CPU time and allocations summed over the polls on all threads. Its parent is the scope of
    /// its first poll.
    ///
    /// **Cost.** Two clock reads for each poll, no allocation, no boxing, 64 bytes besides the
    /// inner future.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Profiled<F, J> {
        // Before `call`, because the future's own destructor is not part of the call.
        #[pin]
        future: F,
        call: Call,
        judge: J,
    }
}

const _: () = assert!(size_of::<Profiled<(), Judged<()>>>() <= 64);

impl<F, J> Profiled<F, J> {
    pub(crate) fn new(site: Option<&'static Site>, future: F, judge: J) -> Self {
        Self { future, call: Call::new(site), judge }
    }

    /// A future that is recorded as a callee of the scope at `under`.
    pub(in crate::record) fn new_under(
        site: Option<&'static Site>,
        under: Option<&'static Node>,
        future: F,
        judge: J,
    ) -> Self {
        Self { future, call: Call::new_under(site, under), judge }
    }
}

/// Derives the outcome of a completed future from its output.
pub trait Judge<T> {
    /// Called at the completion.
    fn outcome(&self, value: &T) -> Outcome;
}

/// Every completion counts as [`Outcome::Ok`].
#[derive(Clone, Copy, Debug)]
pub struct Returned;

impl<T> Judge<T> for Returned {
    #[inline(always)]
    fn outcome(&self, _: &T) -> Outcome {
        Outcome::Ok
    }
}

/// A closure determines the outcome.
#[derive(Clone, Copy, Debug)]
pub struct Judged<O>(O);

impl<O> Judged<O> {
    pub(crate) fn new(outcome: O) -> Self {
        Self(outcome)
    }
}

impl<T, O: Fn(&T) -> Outcome> Judge<T> for Judged<O> {
    #[inline(always)]
    fn outcome(&self, value: &T) -> Outcome {
        (self.0)(value)
    }
}

impl<F: Future, J: Judge<F::Output>> Future for Profiled<F, J> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let entered = Entered { open: this.call.enter(), call: this.call };
        let polled = this.future.poll(context);
        match &polled {
            Poll::Ready(value) => {
                let outcome = this.judge.outcome(value);
                entered.leave(Some(outcome));
            }
            Poll::Pending => entered.leave(None),
        }
        polled
    }
}

/// A running poll. It is dropped if it unwinds.
struct Entered<'a> {
    /// `None` if it is not measured.
    open: Option<OpenPoll>,
    call: &'a mut Call,
}

impl Entered<'_> {
    /// The poll returned.
    #[inline]
    fn leave(self, outcome: Option<Outcome>) {
        let mut this = ManuallyDrop::new(self);
        match (this.open.take(), outcome) {
            (Some(open), outcome) => {
                if outcome.is_none() && open.record.held.is_any_fresh() {
                    this.call.note_suspension(open.record);
                }
                this.call.leave(open, outcome);
            }
            (None, Some(outcome)) => this.call.finish(outcome),
            (None, None) => {}
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        match self.open.take() {
            Some(open) => self.call.leave(open, Some(Outcome::Panic)),
            None => self.call.finish(Outcome::Panic),
        }
    }
}

/// One poll: its frame, or its caller if it is count-only.
// PERF: two words, so that it is returned in registers.
#[derive(Debug)]
pub(crate) struct OpenPoll {
    record: &'static ThreadRecord,
    place: Place,
}

/// One call that runs in pieces: a future's polls, or a span's entries.
#[derive(Debug)]
pub(crate) struct Call {
    state: State,
}

#[derive(Debug)]
enum State {
    New {
        site: &'static Site,
        /// The scope of which it is a callee, if that is not the scope of its first poll.
        under: Option<&'static Node>,
    },
    Started(Started),
    /// Count-only, because there was no room for a node.
    Shared(&'static SharedSite),
    /// Nothing more is recorded.
    Over,
}

#[derive(Debug)]
struct Started {
    /// The record of the thread that polled last.
    record: &'static ThreadRecord,
    /// The call's node in that thread's tree.
    node: &'static Node,
    /// Ticks at the first poll. 0 if the call is count-only.
    began: u64,
    busy: i64,
    cpu: i64,
    allocated_bytes: u64,
    /// The number of calls for which it stands. 0 if it is count-only.
    weight: u32,
    cpu_weight: u32,
    /// Whether no caller is a call of the same function. Otherwise that call's busy and idle time
    /// already include this one's.
    is_outermost: bool,
    /// What is recorded of it, if it is a call of a root.
    trail: Option<Trail>,
}

/// A bit of the weight of a root's CPU figure, so that the path of most pieces does not apply.
const ROOT: u32 = 1 << 31;

impl Started {
    /// Of a call that stands for itself.
    #[inline(always)]
    fn plain(record: &'static ThreadRecord, node: &'static Node) -> Self {
        Self {
            record,
            node,
            began: 0,
            busy: 0,
            cpu: 0,
            allocated_bytes: 0,
            weight: 1,
            cpu_weight: 1,
            is_outermost: true,
            trail: None,
        }
    }

    // PERF: one copy of it, which is called, takes some nanoseconds more of a measured future.
    #[inline(always)]
    fn new(record: &'static ThreadRecord, node: &'static Node, site: &'static Site) -> Self {
        let weight = slow::next_weight(record, node, site);
        let cpu_weight = if weight > 0 { slow::next_cpu_weight(record, node) } else { 0 };
        if let Some(future) = node.shard().and_then(|shard| shard.future_or_new(&record.arena)) {
            future.started.add(1);
        }
        let is_outermost = !node.path().is_within_itself && !ptr::eq(node, record.top());
        let mut started = Self { is_outermost, weight, cpu_weight, ..Self::plain(record, node) };
        if weight > 0 && site.is_root() {
            started.trail = Trail::begin();
            started.cpu_weight |= ROOT;
        }
        started
    }

    fn is_root(&self) -> bool {
        self.cpu_weight & ROOT != 0
    }
}

impl Call {
    /// `None` if there was no room for the name; then nothing is recorded.
    pub(crate) fn new(site: Option<&'static Site>) -> Self {
        Self::new_under(site, None)
    }

    /// As [`new`](Self::new), as a callee of the scope at `under`, wherever it is polled.
    fn new_under(site: Option<&'static Site>, under: Option<&'static Node>) -> Self {
        Self { state: site.map_or(State::Over, |site| State::New { site, under }) }
    }

    /// A piece begins on this thread.
    // PERF: inlined, so that the slot is read by a program as a program does.
    #[inline]
    pub(crate) fn enter(&mut self) -> Option<OpenPoll> {
        match ThreadRecord::of(Slot::get()) {
            Some(record) => self.enter_on(record),
            None => self.enter_any(),
        }
    }

    /// A piece begins on this record's thread.
    // PERF: as the begin of a call, it calls what is rare last.
    #[inline(never)]
    fn enter_on(&mut self, record: &'static ThreadRecord) -> Option<OpenPoll> {
        match self.enter_plain(record) {
            Some(open) => Some(open),
            None => self.enter_not_plain(record),
        }
    }

    #[inline(never)]
    fn enter_not_plain(&mut self, record: &'static ThreadRecord) -> Option<OpenPoll> {
        match self.enter_passed(record) {
            Some(open) => Some(open),
            None => self.enter_any(),
        }
    }

    /// As [`enter_any`](Self::enter_any), of most pieces: that of a call which stands for itself.
    /// `None` if this path does not apply; then nothing has changed.
    #[inline(always)]
    fn enter_plain(&mut self, record: &'static ThreadRecord) -> Option<OpenPoll> {
        let top = record.top();
        let (node, began) = match &self.state {
            State::New { site, under: None } if !site.rests() && !switch::is_off() => {
                let node = top.last_child();
                if !node.is(site) || ptr::eq(node, top) || node.blocks.ahead() > 0 || !node.blocks.stays_at_one() {
                    return None;
                }
                (node, None)
            }
            State::Started(started)
                if ptr::eq(started.record, record) && started.weight == 1 && started.cpu_weight == 1 =>
            {
                (started.node, Some(started.began))
            }
            _ => return None,
        };
        let shard = node.shard()?;
        let future = shard.future()?;
        if !shard.has_cpu || record.in_place.is_due(record.serial()) {
            return None;
        }
        let here = record.home.here()?;
        here.slot().set(Slot::BUSY);
        let opened = fast::enter_plain(record, here, top, node, Kind::Poll);
        if let Some((_, frame)) = opened {
            let start = frame.start();
            frame.set_future_call(slow::future_call(began.unwrap_or(start), ptr::from_ref(self).addr()));
            if began.is_none() {
                future.started.add(1);
                let is_outermost = !node.path().is_within_itself;
                let started = Started { began: start, is_outermost, ..Started::plain(record, node) };
                self.state = State::Started(started);
            }
        }
        here.slot().set(record.slot());
        opened.map(|(place, _)| OpenPoll { record, place })
    }

    /// As [`enter_any`](Self::enter_any), of most pieces that are count-only: the thread has not
    /// left the CPU. `None` if this path does not apply; then nothing has changed.
    #[inline(always)]
    fn enter_passed(&mut self, record: &'static ThreadRecord) -> Option<OpenPoll> {
        if clock::may_have_left()
            || thread::panicking()
            || record.borrowed.get()
            || record.in_place.is_due(record.serial())
        {
            return None;
        }
        let top = record.top();
        let node = match &self.state {
            State::Started(started) if started.weight == 0 && ptr::eq(started.record, record) => {
                started.node.is_child_of(top).then_some(started.node)?
            }
            State::New { site, under: None } if !site.rests() && !switch::is_off() => {
                let node = top.last_child();
                let ahead = node.blocks.ahead();
                if !node.is(site) || !node.is_child_of(top) || ahead == 0 {
                    return None;
                }
                let future = node.shard()?.future()?;
                node.blocks.pass(ahead);
                future.started.add(1);
                let is_outermost = !node.path().is_within_itself;
                let started = Started { weight: 0, cpu_weight: 0, is_outermost, ..Started::plain(record, node) };
                self.state = State::Started(started);
                node
            }
            _ => return None,
        };
        record.set_top(node);
        Some(OpenPoll { record, place: Place::passed(top) })
    }

    #[inline(never)]
    pub(in crate::record) fn enter_any(&mut self) -> Option<OpenPoll> {
        if let Some(record) = ThreadRecord::of(Slot::get())
            && record.in_place.is_due(record.serial())
        {
            return self.time_beginning(record);
        }
        self.enter_here()
    }

    /// Begins a piece whose begin and end are timed.
    #[cold]
    #[inline(never)]
    fn time_beginning(&mut self, record: &'static ThreadRecord) -> Option<OpenPoll> {
        // It calls the code that runs each time. A separate copy would run rarely and not be in the
        // caches.
        let (open, took) = record.time(|_| self.enter());
        let open = open.flatten()?;
        if record.borrowed.get() {
            return Some(open);
        }
        record.timed(took, if self.is_measured() { Part::BeginPoll } else { Part::BeginPollPassed });
        Some(OpenPoll { place: open.place.timed(), ..open })
    }

    #[cold]
    #[inline(never)]
    fn time_end(&mut self, record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>, ticks: u64) {
        let is_measured = self.is_measured();
        let (_, took) = record.time(|start| {
            if place.is_plain() {
                slow::delay(record, place, start.wrapping_sub(ticks).wrapping_add(record.pair()));
            }
            self.leave(OpenPoll { record, place }, outcome);
        });
        record.timed(took, if is_measured { Part::EndPoll } else { Part::EndPollPassed });
    }

    fn is_measured(&self) -> bool {
        matches!(&self.state, State::Started(started) if started.weight > 0)
    }

    #[inline(always)]
    fn enter_here(&mut self) -> Option<OpenPoll> {
        let is_first = match self.state {
            State::Started(_) => false,
            State::New { site, .. } if !site.rests() && !switch::is_off() => true,
            _ => return None,
        };
        let Some(record) = self.record() else {
            self.share();
            return None;
        };
        let address = ptr::from_ref(self).addr();
        Slot::BUSY.set();
        let open = self.place(record).and_then(|started| {
            let node = started.node;
            let top = record.top();
            // PERF: a count-only piece moves the scope there and back, as a call does. This does
            // not apply if another scope polls than the one that polled first, because readers find
            // the callers of a piece without a frame by its place in the tree.
            if started.weight == 0 && node.is_child_of(top) && !thread::panicking() && !record.borrowed.get() {
                absence::note_switch(record, top);
                record.set_top(node);
                return Some(OpenPoll { record, place: Place::passed(top) });
            }
            let depth = record.stack.depth();
            if started.is_root() {
                root::resume(record, depth + 1, started.trail);
            }
            let place = push(record, node, started.weight, Some(started.cpu_weight & !ROOT)).or_else(|| {
                record.roots.forget_above(depth);
                dropped::count(Reason::Memory);
                None
            })?;
            let start = slow::note_poll(record, place, address, (!is_first).then_some(started.began));
            if is_first {
                started.began = start;
            }
            Some(OpenPoll { record, place })
        });
        if open.is_none() {
            self.share();
        }
        record.leave_busy();
        open
    }

    /// A poll ends that did not complete it, while its thread holds locks.
    #[cold]
    fn note_suspension(&self, record: &'static ThreadRecord) {
        if let State::Started(started) = &self.state {
            holding::note_suspension(record, started.node);
        }
    }

    /// There is no room for a call that begins: it is counted, not measured.
    fn share(&mut self) {
        let State::New { site, .. } = self.state else { return };
        let slot = Slot::get();
        if slot == Slot::DEAD {
            return;
        }
        Slot::BUSY.set();
        match SharedSite::of(site) {
            Some(shared) => {
                shared.begin();
                self.state = State::Shared(shared);
            }
            None => dropped::count(Reason::Memory),
        }
        slot.set();
    }

    /// This thread's record.
    fn record(&self) -> Option<&'static ThreadRecord> {
        let slot = Slot::get();
        ThreadRecord::of(slot).or_else(|| registry::arrive(slot, guard::empty_call))
    }

    /// The node of this call in the tree of `record`. If it was not polled before, the call starts.
    /// The slot is BUSY.
    #[inline(always)]
    fn place(&mut self, record: &'static ThreadRecord) -> Option<&mut Started> {
        if let State::New { site, under } = self.state {
            let caller = under.map_or_else(|| Some(record.top()), |under| record.same_path(under))?;
            let node = match caller.last_child() {
                last if last.is(site) => last,
                _ => record.child(caller, site)?,
            };
            self.state = State::Started(Started::new(record, node, site));
        }
        let State::Started(started) = &mut self.state else { return None };
        if !ptr::eq(started.record, record) {
            started.node = record.same_path(started.node)?;
            started.record = record;
        }
        Some(started)
    }

    /// A piece ends. With an outcome, the whole call ends.
    // PERF: as the end of a call, it calls what is rare last.
    pub(crate) fn leave(&mut self, open: OpenPoll, outcome: Option<Outcome>) {
        let OpenPoll { record, place } = open;
        let Some(here) = record.home.here().filter(|_| place.is_plain()) else {
            return self.leave_without_clock(record, place, outcome);
        };
        let ticks = record.wall.counter();
        if here.slot().get() != record.slot() {
            return dropped::count(Reason::Stale);
        }
        here.slot().set(Slot::BUSY);
        match self.leave_plain(record, here, place, outcome, ticks) {
            Exit::Done => here.slot().set(record.slot()),
            Exit::Full | Exit::Allocated(..) => guard::flush(record),
            Exit::Elsewhere(place) => self.leave_any(record, place, outcome, ticks),
        }
    }

    /// As [`leave_any`](Self::leave_any), of most pieces. The slot is BUSY.
    #[inline(always)]
    fn leave_plain(
        &mut self,
        record: &'static ThreadRecord,
        here: Here,
        place: Place,
        outcome: Option<Outcome>,
        ticks: u64,
    ) -> Exit {
        let State::Started(started) = &mut self.state else { return Exit::Elsewhere(place) };
        // A span may be open on several threads. Then the node may be another thread's.
        if !ptr::eq(started.record, record) || started.cpu_weight != 1 {
            return Exit::Elsewhere(place);
        }
        let Some(future) = started.node.shard().and_then(SiteShard::future) else { return Exit::Elsewhere(place) };
        let total = ticks.wrapping_sub(started.began) as i64;
        if outcome.is_some() && !record.wall.is_plain(total) {
            return Exit::Elsewhere(place);
        }
        let Closed { node, wall, has_tallies } = match fast::close_plain(record, here, place, ticks, Kind::Poll) {
            Ok(closed) => closed,
            Err(place) => return Exit::Elsewhere(place),
        };
        if has_tallies {
            let bytes = fast::add_tallies(record, node);
            started.allocated_bytes = started.allocated_bytes.wrapping_add(bytes);
        }
        started.busy = started.busy.wrapping_add(wall);
        started.cpu = started.cpu.wrapping_add(wall);
        future.polls.add(1);
        if started.is_outermost {
            future.busy.add(wall as u64);
        }
        if wall > future.longest_poll.get_signed() {
            future.longest_poll.set(wall as u64);
        }
        let Some(outcome) = outcome else { return Exit::Done };
        let Started { busy, cpu, allocated_bytes, is_outermost, .. } = *started;
        self.state = State::Over;
        node.count(outcome);
        node.count_sample();
        future.finished.add(1);
        if is_outermost {
            // A plain total is at most a second.
            future.idle.add(total.wrapping_sub(busy).max(0) as u64);
        }
        let is_full = if total <= busy && cpu == busy && allocated_bytes == 0 {
            record.ring.push_plain(Ended { node, at: ticks, outcome }, busy)
        } else {
            push_finished(record, node, total.max(busy), cpu, allocated_bytes, ticks, outcome)
        };
        if is_full { Exit::Full } else { Exit::Done }
    }

    /// A piece ends, of most that are count-only.
    #[inline(never)]
    fn leave_without_clock(&mut self, record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>) {
        if !self.leave_counted(record, place, outcome) {
            self.leave_elsewhere(record, place, outcome);
        }
    }

    /// As [`leave_elsewhere`](Self::leave_elsewhere), of most pieces that are count-only. False if
    /// this path does not apply; then nothing has changed.
    #[inline(always)]
    fn leave_counted(&mut self, record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>) -> bool {
        let Some(below) = place.below().filter(|_| place.untimed().is_none()) else { return false };
        let State::Started(Started { node, .. }) = self.state else { return false };
        if clock::may_have_left()
            || Slot::get() != record.slot()
            || record.borrowed.get()
            || !ptr::eq(record.top(), node)
        {
            return false;
        }
        let Some(future) = node.shard().and_then(SiteShard::future) else { return false };
        record.set_top(below);
        future.polls.add(1);
        if let Some(outcome) = outcome {
            self.state = State::Over;
            node.count(outcome);
            future.finished.add(1);
        }
        true
    }

    /// A piece ends that is count-only, or is timed, or by the operating system's clock.
    #[inline(never)]
    fn leave_elsewhere(&mut self, record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>) {
        let untimed = place.untimed();
        if let Some(below) = place.below()
            && untimed.is_none()
        {
            return self.leave_passed(record, below, outcome);
        }
        let ticks = record.wall.ticks();
        if Slot::get() != record.slot() {
            return dropped::count(Reason::Stale);
        }
        if let Some(place) = untimed {
            return self.time_end(record, place, outcome, ticks);
        }
        Slot::BUSY.set();
        self.leave_any(record, place, outcome, ticks);
    }

    /// As [`leave`](Self::leave), never by the path of most pieces.
    #[cfg(test)]
    pub(in crate::record) fn leave_by_any_clock(&mut self, open: OpenPoll, outcome: Option<Outcome>) {
        self.leave_elsewhere(open.record, open.place, outcome);
    }

    /// A piece with a frame ends. The slot is BUSY.
    #[inline(never)]
    fn leave_any(&mut self, record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>, ticks: u64) {
        if let Some((node, measured)) = pop(record, place, ticks) {
            measured.add_to(record, node);
            let parent = node.parent().unwrap_or(node);
            let elsewhere = !ptr::eq(measured.below, parent) && !ptr::eq(measured.below, node);
            if elsewhere {
                // PERF: a copy, which is made in this branch only. By reference, the readings would
                // be in memory always.
                detour(record, node, measured);
            }
            let State::Started(started) = &mut self.state else {
                record.roots.forget_above(place.depth() - 1);
                return leave_for_good(record);
            };
            if started.is_root() {
                root::pause(record, place.depth(), &measured);
            }
            started.busy = started.busy.wrapping_add(measured.wall);
            started.cpu = started.cpu.wrapping_add(measured.cpu);
            if let Some(tallies) = &measured.tallies {
                started.allocated_bytes = started.allocated_bytes.wrapping_add(tallies.allocated_bytes);
            }
            if let Some(future) = node.shard().and_then(|shard| shard.future_or_new(&record.arena)) {
                future.polls.add(1);
                if started.is_outermost {
                    future.busy.add_signed(measured.wall, started.weight);
                }
                if measured.wall > future.longest_poll.get_signed() {
                    future.longest_poll.set(measured.wall as u64);
                }
            }
            if let Some(outcome) = outcome {
                self.complete(record, node, measured.end, outcome);
            }
        }
        leave_for_good(record);
    }

    /// A count-only piece ends.
    fn leave_passed(&mut self, record: &'static ThreadRecord, below: &'static Node, outcome: Option<Outcome>) {
        if Slot::get() != record.slot() {
            return dropped::count(Reason::Stale);
        }
        let State::Started(Started { node, .. }) = self.state else { return };
        Slot::BUSY.set();
        if ptr::eq(record.top(), node) || slow::repair(record, node) {
            absence::note_switch(record, node);
            record.set_top(below);
        }
        if let Some(future) = node.shard().and_then(|shard| shard.future_or_new(&record.arena)) {
            future.polls.add(1);
        }
        if let Some(outcome) = outcome {
            self.complete(record, node, 0, outcome);
        }
        leave_for_good(record);
    }

    /// The slot is BUSY.
    fn complete(&mut self, record: &'static ThreadRecord, node: &'static Node, end: u64, outcome: Outcome) {
        let State::Started(call) = &self.state else { return };
        // PERF: what is used of it. Moving all of it takes longer.
        let Started { began, busy, cpu, allocated_bytes, weight, cpu_weight, is_outermost, trail, .. } = *call;
        let is_root = call.is_root();
        self.state = State::Over;
        node.count(outcome);
        let Some(shard) = node.shard() else { return trail.into_iter().for_each(Trail::forget) };
        let total = if weight > 0 { slow::elapsed(record, began, end) } else { 0 };
        if let Some(future) = shard.future_or_new(&record.arena) {
            future.finished.add(1);
            if is_outermost {
                future.idle.add_signed(total.saturating_sub(busy).max(0), weight);
            }
        }
        if weight == 0 {
            return;
        }
        node.count_sample();
        let cpu_weight = (cpu_weight & !ROOT) * weight;
        node.count_spread(&record.arena, cpu, cpu_weight);
        if record.cpu_sampled() {
            shard.note_duration(busy);
        }
        let ended = Ended { node, at: end, outcome };
        record
            .finish(ended, &Finished { shard, wall: total.max(busy), cpu, bytes: allocated_bytes, weight, cpu_weight });
        if let Some(hook) = exemplar::hook() {
            record.leave_busy();
            slow::note_trace(record, node, total, end, hook);
            Slot::BUSY.set();
        }
        if is_root {
            let thread = record.owner().unwrap_or(0);
            let (wall, bytes) = (total.max(busy), allocated_bytes);
            root::end(record, trail, &Whole { node, end, wall, cpu, bytes, weight, outcome, thread });
        }
    }

    fn forget_trail(&mut self) {
        if let State::Started(started) = &mut self.state
            && let Some(trail) = started.trail.take()
        {
            trail.forget();
        }
    }

    /// The call will not continue. Does nothing if it never began.
    pub(crate) fn finish(&mut self, outcome: Outcome) {
        let site = match &self.state {
            State::Started(started) => started.node.site(),
            State::Shared(shared) => {
                shared.count(outcome);
                self.state = State::Over;
                return;
            }
            State::New { .. } | State::Over => return,
        };
        let Some(record) = self.record() else { return self.forget_trail() };
        Slot::BUSY.set();
        if let Some(Started { node, .. }) = self.place(record) {
            let node = *node;
            self.complete(record, node, record.wall.ticks(), outcome);
        } else if let Some(shared) = site.and_then(SharedSite::of) {
            self.forget_trail();
            self.state = State::Over;
            shared.begin();
            shared.count(outcome);
        } else {
            self.forget_trail();
            dropped::count(Reason::Memory);
        }
        leave_for_good(record);
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if matches!(self.state, State::Started(_) | State::Shared(_)) {
            self.finish(Outcome::Cancelled);
        }
    }
}

/// As [`ThreadRecord::finish`], of a call that stands for itself. True if the ring is
/// full and must be flushed.
// PERF: one by one, so that nothing of it is in memory if the other path is taken.
#[inline(never)]
fn push_finished(
    record: &ThreadRecord,
    node: &'static Node,
    wall: i64,
    cpu: i64,
    bytes: u64,
    at: u64,
    outcome: Outcome,
) -> bool {
    let ended = Ended { node, at, outcome };
    node.shard()
        .is_some_and(|shard| record.ring.push(ended, &Finished { shard, wall, cpu, bytes, weight: 1, cpu_weight: 1 }))
}

/// Called if another scope polls than the one of the first poll: the time belongs to the polling
/// scope, not to the parent.
#[cold]
#[inline(never)]
fn detour(record: &'static ThreadRecord, node: &'static Node, measured: Measured) {
    let add = |sums: &crate::record::store::node::Sums| {
        sums.wall.add_signed(measured.wall, measured.weight);
        sums.cpu.add_signed(measured.cpu, measured.cpu_weight);
        if let Some(tallies) = &measured.tallies {
            sums.add_tallies(tallies, measured.weight);
        }
    };
    if let Some(detours) = node.detours_or_new(&record.arena) {
        add(&detours.outside_parent);
    }
    if let Some(detours) = measured.below.detours_or_new(&record.arena) {
        add(&detours.foreign);
    }
}

/// Makes the only poll of a future.
pub(in crate::record) fn empty_poll(site: &'static Site) {
    let mut call = Call::new(Some(site));
    if let Some(open) = call.enter() {
        call.leave(open, Some(Outcome::Ok));
    }
}
