//! Wall time by stack: at each tick every chosen thread is asked where it is, unless it has not run since it was asked last.
//!
//! A signal interrupts what a thread waits in. So one that sleeps is asked once a sleep, not once a tick: as long as the CPU time that the kernel has of
//! it stays the same, it is still there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::linux;
use super::ring::Sample;
use super::slot::Slot;
use super::table::{Key, Resolve, Seen, Table};
use super::totals::WallTotals;
use super::wish::Wish;
use crate::clock;

/// After a tick: by then whoever was asked has answered, and sleeps again if it slept.
const SETTLE: Duration = Duration::from_millis(5);
/// Who has not answered after that long is asked again.
const PATIENCE: Duration = Duration::from_millis(100);

/// While somebody wants wall time.
pub(super) struct Wall {
    pub(super) table: Table,
    wanted: Vec<Wish>,
    threads: HashMap<u32, Watched>,
    ticked: Instant,
    is_settled: bool,
    sums: Seen,
}

/// A thread at a tick.
struct Watched {
    slot: &'static Slot,
    /// The number of its name; `None`: nobody wants to know of it.
    name: Option<u32>,
    /// When it was looked at last, and how much of its CPU time is accounted for.
    at_ns: u64,
    cpu_ns: u64,
    /// Its CPU time after it answered; the same later: it has not run since.
    settled_cpu_ns: Option<u64>,
    /// Its answer.
    last: Option<(Arc<Key>, Option<[u64; 3]>)>,
    /// Time that belongs to the answer that is to come.
    pending: Seen,
    asked: Option<Instant>,
}

impl Wall {
    pub(super) fn new() -> Self {
        Self {
            table: Table::default(),
            wanted: Vec::new(),
            threads: HashMap::new(),
            ticked: Instant::now(),
            is_settled: true,
            sums: Seen::default(),
        }
    }

    pub(super) fn want(&mut self, wish: Wish) {
        self.wanted.push(wish);
        self.choose_again();
    }

    /// `false`: nobody wants any more.
    pub(super) fn want_no_more(&mut self, wish: &Wish) -> bool {
        if let Some(at) = self.wanted.iter().position(|wanted| wanted == wish) {
            self.wanted.swap_remove(at);
        }
        self.choose_again();
        !self.wanted.is_empty()
    }

    /// Whom nobody wanted before may be wanted now, and the other way round.
    fn choose_again(&mut self) {
        let wanted = &self.wanted;
        let is_wanted = |name: &str| wanted.iter().any(|wish| wish.means(name));
        let table = &self.table;
        self.threads.retain(|_, watched| watched.name.is_some_and(|name| is_wanted(table.name(name))));
    }

    /// Looks at the threads if it is time to, and says when next. The time of those that are new begins now.
    pub(super) fn turn<'a>(&mut self, threads: impl Iterator<Item = (u32, &'static Slot, &'a str)>) -> Duration {
        let hz = self.wanted.iter().map(|wish| wish.hz).max().unwrap_or(1).max(1);
        let tick = Duration::from_secs(1) / hz;
        let since = self.ticked.elapsed();
        if since >= tick || self.threads.is_empty() {
            self.tick(threads);
            self.ticked = Instant::now();
            self.is_settled = false;
            return SETTLE.min(tick);
        }
        if !self.is_settled && since >= SETTLE {
            self.settle();
            self.is_settled = true;
        }
        tick.saturating_sub(self.ticked.elapsed())
    }

    /// Looks at all threads now.
    pub(super) fn tick<'a>(&mut self, threads: impl Iterator<Item = (u32, &'static Slot, &'a str)>) {
        let mut before = std::mem::take(&mut self.threads);
        for (thread, slot, name) in threads {
            let Some(cpu_ns) = linux::thread_cpu_ns(thread) else { continue };
            let watched = before.remove(&thread).filter(|watched| std::ptr::eq(watched.slot, slot));
            let mut watched = watched.unwrap_or_else(|| {
                let is_wanted = self.wanted.iter().any(|wish| wish.means(name));
                Watched::new(slot, is_wanted.then(|| self.table.thread(name)), cpu_ns)
            });
            if watched.name.is_some() {
                watched.look(thread, cpu_ns, &mut self.table, &mut self.sums);
            }
            self.threads.insert(thread, watched);
        }
    }

    /// Who has answered may sleep again by now.
    fn settle(&mut self) {
        for (thread, watched) in &mut self.threads {
            if watched.name.is_some() && watched.asked.is_none() && watched.settled_cpu_ns.is_none() {
                watched.settled_cpu_ns = linux::thread_cpu_ns(*thread);
            }
        }
    }

    /// What a thread was found at.
    pub(super) fn answer(&mut self, thread: u32, sample: &Sample, resolve: Resolve) {
        let Some(watched) = self.threads.get_mut(&thread) else { return };
        let (Some(name), Some(_)) = (watched.name, watched.asked.take()) else { return };
        let seen = Seen { samples: 1, ..std::mem::take(&mut watched.pending) };
        self.sums.add(seen);
        let key = self.table.add(sample, name, seen, resolve);
        // A stack that is not known yet may be the next time.
        watched.last = (!sample.facts.is_leaf_only).then_some((key, sample.facts.span));
    }

    pub(super) fn totals(&self) -> WallTotals {
        let wanted = || self.threads.values().filter(|watched| watched.name.is_some());
        WallTotals {
            seen: self.sums,
            unanswered_ns: wanted().map(|watched| watched.pending.ns).sum(),
            threads: wanted().count() as u64,
        }
    }
}

impl Watched {
    fn new(slot: &'static Slot, name: Option<u32>, cpu_ns: u64) -> Self {
        Self {
            slot,
            name,
            at_ns: now_ns(),
            cpu_ns,
            settled_cpu_ns: None,
            last: None,
            pending: Seen::default(),
            asked: None,
        }
    }

    fn look(&mut self, thread: u32, cpu_ns: u64, table: &mut Table, sums: &mut Seen) {
        let at_ns = now_ns();
        let ns = at_ns.saturating_sub(self.at_ns);
        let ran_ns = cpu_ns.saturating_sub(self.cpu_ns).min(ns);
        let seen = Seen { samples: 1, ns, off_ns: ns - ran_ns };
        // Both clocks were not read at the same moment: what it seems to have run beyond the time that went by is left for the next look.
        (self.at_ns, self.cpu_ns) = (at_ns, self.cpu_ns + ran_ns);
        if self.settled_cpu_ns == Some(cpu_ns)
            && let Some((key, span)) = &self.last
        {
            sums.add(seen);
            table.again(key, seen, *span);
            return;
        }
        self.settled_cpu_ns = None;
        self.pending.add(seen);
        if self.asked.is_none_or(|asked| asked.elapsed() > PATIENCE) && linux::ask(thread, self.slot) {
            self.asked = Some(Instant::now());
        }
    }
}

fn now_ns() -> u64 {
    clock::wall().ns(clock::wall().ticks())
}
