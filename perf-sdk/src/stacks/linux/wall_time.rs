//! Wall time by stack: at each tick, every chosen thread is asked for its stack, unless it is known
//! to be still asleep at the same place.
//!
//! A signal interrupts a thread's wait. So a sleeping thread is asked twice in one sleep, not at
//! each tick. Its answer stays valid under three conditions: the thread had not run for a while
//! when it was asked, it ran no longer after that than answering takes, and its CPU time has not
//! changed since.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::sample::Sample;
use super::super::stack_counts::{Key, Seen};
use super::super::stack_table::{Resolve, Table};
use super::super::totals::WallTotals;
use super::super::wall_request::Wish;
use super::handler;
use super::kernel_threads;
use super::slot::Slot;
use crate::clock;

/// The time after a tick by which threads have answered, and sleep again if they slept before.
const SETTLE: Duration = Duration::from_millis(5);
/// A thread that has not answered within this time is asked again.
const PATIENCE: Duration = Duration::from_millis(100);
/// The maximum CPU time that a sleeping thread needs to answer: leaving its system call, the
/// handler, and returning.
const ANSWER_NS: u64 = 500_000;

/// The state while wall time is requested.
pub(super) struct Wall {
    pub(super) table: Table,
    wanted: Vec<Wish>,
    threads: HashMap<u32, Watched>,
    ticked: Instant,
    is_settled: bool,
    /// Keyed by the number of the name in this table.
    missed: HashMap<u32, Missed>,
}

/// Time, of threads with one name, that is not attributed to a stack.
#[derive(Clone, Copy, Default)]
struct Missed {
    /// The threads could not be asked.
    unasked_ns: u64,
    /// The threads ended before they answered.
    lost_ns: u64,
}

/// A thread as the sampler knows it.
#[derive(Clone, Copy)]
pub(super) struct Thread<'a> {
    pub(super) id: u32,
    pub(super) slot: &'static Slot,
    /// The number of its name in the sampler's table, and the name.
    pub(super) number: u32,
    pub(super) name: &'a str,
}

/// The state of a thread between ticks.
struct Watched {
    slot: &'static Slot,
    /// The number of its name in the sampler's table.
    number: u32,
    /// The number in this table. `None` if no request includes the thread.
    name: Option<u32>,
    /// When it was last evaluated, and the CPU time that was accounted for then.
    at_ns: u64,
    cpu_ns: u64,
    /// Its CPU time a while after it answered. If it is the same later, the thread has not run
    /// since.
    settled_cpu_ns: Option<u64>,
    /// Whether it is asleep where it answered, for as long as it does not run.
    is_asleep: bool,
    /// Its latest answer.
    last: Option<(Arc<Key>, Option<[u64; 3]>)>,
    /// Time that will be attributed to the next answer.
    pending: Seen,
    asked: Option<Asked>,
    /// The request to which the latest answer belongs.
    answered: Option<Asked>,
    /// When it was last found to block the signal.
    deaf: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Asked {
    at: Instant,
    cpu_ns: u64,
    /// Whether it had not run between the evaluation after its previous answer and this request.
    was_idle: bool,
}

impl Wall {
    pub(super) fn new() -> Self {
        Self {
            table: Table::default(),
            wanted: Vec::new(),
            threads: HashMap::new(),
            ticked: Instant::now(),
            is_settled: true,
            missed: HashMap::new(),
        }
    }

    pub(super) fn want(&mut self, wish: Wish) {
        self.wanted.push(wish);
        self.choose_again();
    }

    /// `false` if there is no request left.
    pub(super) fn want_no_more(&mut self, wish: &Wish) -> bool {
        if let Some(at) = self.wanted.iter().position(|wanted| wanted == wish) {
            self.wanted.swap_remove(at);
        }
        self.choose_again();
        !self.wanted.is_empty()
    }

    /// The threads that are included in requests may have changed.
    fn choose_again(&mut self) {
        let wanted = &self.wanted;
        let is_wanted = |name: &str| wanted.iter().any(|wish| wish.means(name));
        let table = &self.table;
        self.threads.retain(|_, watched| watched.name.is_some_and(|name| is_wanted(table.name(name))));
    }

    /// Evaluates the threads if that is due, and returns the time until the next evaluation. The
    /// time of new threads begins now.
    pub(super) fn turn<'a>(&mut self, threads: impl Iterator<Item = Thread<'a>>) -> Duration {
        let hz = self.wanted.iter().map(|wish| wish.hz).max().unwrap_or(1).max(1);
        let tick = Duration::from_secs(1) / hz;
        let since = self.ticked.elapsed();
        if since >= tick {
            self.tick(threads);
            return SETTLE.min(tick);
        }
        if !self.is_settled && since >= SETTLE {
            self.settle();
        }
        tick.saturating_sub(self.ticked.elapsed())
    }

    /// Evaluates all threads now.
    pub(super) fn tick<'a>(&mut self, threads: impl Iterator<Item = Thread<'a>>) {
        (self.ticked, self.is_settled) = (Instant::now(), false);
        let mut before = std::mem::take(&mut self.threads);
        for thread in threads {
            let Some(cpu_ns) = kernel_threads::thread_cpu_ns(thread.id) else { continue };
            let known = before.remove(&thread.id);
            let known = known.filter(|known| std::ptr::eq(known.slot, thread.slot) && known.number == thread.number);
            let mut watched = known.unwrap_or_else(|| {
                let is_wanted = self.wanted.iter().any(|wish| wish.means(thread.name));
                Watched::new(thread, is_wanted.then(|| self.table.thread(thread.name)), cpu_ns)
            });
            if let Some(name) = watched.name {
                watched.look(thread.id, cpu_ns, &mut self.table);
                if watched.deaf.is_some() {
                    // Its position at a later answer would say nothing about the time up to now.
                    self.missed.entry(name).or_default().unasked_ns += std::mem::take(&mut watched.pending).ns;
                }
            }
            self.threads.insert(thread.id, watched);
        }
        for (name, ended) in before.values().filter_map(|ended| Some((ended.name?, ended))) {
            self.missed.entry(name).or_default().lost_ns += ended.pending.ns;
        }
    }

    /// Threads that have answered may be asleep again by now.
    fn settle(&mut self) {
        self.is_settled = true;
        for (thread, watched) in &mut self.threads {
            if watched.name.is_some() && watched.asked.is_none() && watched.settled_cpu_ns.is_none() {
                watched.settle(kernel_threads::thread_cpu_ns(*thread));
            }
        }
    }

    /// Stores the stack of a thread's answer.
    pub(super) fn answer(&mut self, thread: u32, sample: &Sample, resolve: Resolve) {
        let Some(watched) = self.threads.get_mut(&thread) else { return };
        let (Some(name), Some(asked)) = (watched.name, watched.asked.take()) else { return };
        watched.answered = Some(asked);
        let seen = Seen { samples: 1, ..std::mem::take(&mut watched.pending) };
        let key = self.table.add(sample, name, seen, resolve);
        // A stack that could not be walked now may be walked the next time.
        watched.last = (!sample.facts.is_leaf_only).then_some((key, sample.facts.span));
    }

    /// The totals of the threads that `wish` includes.
    pub(super) fn totals(&self, wish: &Wish) -> WallTotals {
        let is_meant = |name: u32| wish.means(self.table.name(name));
        let meant = || self.threads.values().filter(|watched| watched.name.is_some_and(is_meant));
        let missed = || self.missed.iter().filter(|(name, _)| is_meant(**name)).map(|(_, missed)| missed);
        let threads = meant().count() as u64;
        let evaluated: u128 = meant().map(|watched| u128::from(watched.at_ns)).sum();
        WallTotals {
            evaluated_ns: evaluated
                .checked_div(threads.into())
                .map_or_else(|| clock::wall().now_ns(), |mean| mean as u64),
            pending_ns: meant().map(|watched| watched.pending.ns).sum(),
            unasked_ns: missed().map(|missed| missed.unasked_ns).sum(),
            lost_ns: missed().map(|missed| missed.lost_ns).sum(),
            threads,
        }
    }
}

impl Watched {
    fn new(thread: Thread<'_>, name: Option<u32>, cpu_ns: u64) -> Self {
        Self {
            slot: thread.slot,
            number: thread.number,
            name,
            at_ns: clock::wall().now_ns(),
            cpu_ns,
            settled_cpu_ns: None,
            is_asleep: false,
            last: None,
            pending: Seen::default(),
            asked: None,
            answered: None,
            deaf: None,
        }
    }

    fn look(&mut self, thread: u32, cpu_ns: u64, table: &mut Table) {
        let at_ns = clock::wall().now_ns();
        let ns = at_ns.saturating_sub(self.at_ns);
        let ran_ns = cpu_ns.saturating_sub(self.cpu_ns).min(ns);
        let seen = Seen { samples: 1, ns, off_ns: ns - ran_ns };
        // The two clocks were not read at the same moment. CPU time beyond the elapsed time is left
        // for the next evaluation.
        (self.at_ns, self.cpu_ns) = (at_ns, self.cpu_ns + ran_ns);
        let was_idle = self.settled_cpu_ns == Some(cpu_ns);
        if was_idle
            && self.is_asleep
            && let Some((key, span)) = &self.last
        {
            table.again(key, seen, *span);
            return;
        }
        (self.settled_cpu_ns, self.is_asleep) = (None, false);
        self.pending.add(seen);
        let is_due = |at: Option<Instant>| at.is_none_or(|at| at.elapsed() > PATIENCE);
        if !is_due(self.asked.map(|asked| asked.at)) || !is_due(self.deaf) {
            return;
        }
        // A thread that waits synchronously for signals would receive ours. One that answered the
        // last time does not.
        let is_known = self.answered.is_some() && self.asked.is_none();
        self.deaf = (!is_known && kernel_threads::blocks_signal(thread)).then(Instant::now);
        if self.deaf.is_none() && handler::ask(thread, self.slot) {
            self.asked = Some(Asked { at: Instant::now(), cpu_ns, was_idle });
        }
    }

    /// Called a while after its answer.
    fn settle(&mut self, cpu_ns: Option<u64>) {
        self.settled_cpu_ns = cpu_ns;
        // If it was asleep when it was asked, and has not run otherwise since, it still sleeps
        // there. If it ran before, it may have continued.
        self.is_asleep = self
            .answered
            .zip(cpu_ns)
            .is_some_and(|(asked, cpu_ns)| asked.was_idle && cpu_ns.saturating_sub(asked.cpu_ns) < ANSWER_NS);
    }
}
