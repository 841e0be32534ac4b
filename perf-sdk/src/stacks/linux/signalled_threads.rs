//! The threads of the process that are signalled.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::super::rates::LEAST_LOOK;
use super::super::ring::{LARGE_WORDS, USUAL_WORDS};
use super::super::stack_table::Table;
use super::kernel_threads;
use super::signalled_thread::{Signalled, Signals};
use super::slot::Slot;
use super::wall_time::Thread;
use crate::base::sandbox;
use crate::clock;
use crate::scope::Scopes;

/// For this long, a thread is checked more often.
const NEW: Duration = Duration::from_secs(1);
/// The age from which a thread is assumed to have its final name.
const NAMED: Duration = Duration::from_millis(20);
/// A thread is signalled from this age on, or once it has run for this long.
const SETTLED: Duration = Duration::from_millis(100);
const SETTLED_CPU_NS: u64 = 200_000;
/// The interval after which threads that could not be signalled are tried again.
const RETRY: Duration = Duration::from_secs(2);
/// The number of threads that are checked each time for blocking the signal. A check takes some 30
/// µs.
const LOOKED_AT: usize = 16;

/// The number of threads whose periods are changed each time. A change takes a microsecond.
const CHANGED: usize = 64;

/// Keyed by the kernel's ids.
pub(super) struct Threads {
    signalled: HashMap<u32, Signalled>,
    /// For each thread that is not signalled yet, when it was first seen.
    newcomers: HashMap<u32, Instant>,
    refused: HashSet<u32>,
    retried: Instant,
    random: u64,
}

impl Threads {
    pub(super) fn new() -> Self {
        Self {
            signalled: HashMap::new(),
            newcomers: HashMap::new(),
            refused: HashSet::new(),
            retried: Instant::now(),
            random: clock::wall().ticks() | 1,
        }
    }

    pub(super) fn sampled(&self) -> u64 {
        self.signalled.keys().filter(|thread| !self.refused.contains(thread)).count() as u64
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.len() as u64
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&u32, &mut Signalled)> {
        self.signalled.iter_mut()
    }

    /// The number of samples of typical depth that fit into half of the smallest ring.
    pub(super) fn ring_samples(&self) -> u64 {
        let words = self.signalled.values().map(|signalled| signalled.tenant.ring_words()).min();
        (words.unwrap_or(LARGE_WORDS) / USUAL_WORDS / 2) as u64
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &'static Slot> {
        self.signalled.values().map(|signalled| signalled.slot())
    }

    /// The signalled threads with their names.
    pub(super) fn known<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = Thread<'a>> {
        self.signalled.iter().map(|(id, signalled)| {
            let (number, name) = (signalled.name, table.name(signalled.name));
            Thread { id: *id, slot: signalled.slot(), number, name }
        })
    }

    /// How long new threads can be left alone. `first` is the time until one may have given its
    /// first sample, after which its stack can be found.
    pub(super) fn patience(&self, first: Duration) -> Duration {
        let of = |signalled: &Signalled| {
            let is_new = signalled.began.elapsed() < NEW && !signalled.slot().has_stack();
            let known = if signalled.is_unknown() { NAMED } else { Duration::MAX };
            if is_new { first.min(known) } else { known }
        };
        let known = self.signalled.values().map(of).min().unwrap_or(Duration::MAX);
        let is_new = self.newcomers.values().any(|seen| seen.elapsed() < SETTLED);
        if is_new { known.min(LEAST_LOOK) } else { known }
    }

    pub(super) fn signal_all(&mut self, how: Signals) {
        let threads: Vec<u32> = self.signalled.keys().copied().collect();
        threads.into_iter().for_each(|thread| self.signal(thread, how));
    }

    /// Removes and returns threads that have ended. Some live threads may be missing in `alive`.
    pub(super) fn ended(&mut self, alive: &[u32]) -> Vec<u32> {
        let alive: HashSet<u32> = alive.iter().copied().collect();
        let absent = self.signalled.keys().copied().filter(|thread| !alive.contains(thread));
        let ended = absent.filter(|thread| kernel_threads::has_ended(*thread)).collect();
        self.refused.retain(|thread| alive.contains(thread));
        self.newcomers.retain(|thread, _| alive.contains(thread));
        ended
    }

    pub(super) fn end(&mut self, ended: &[u32]) {
        for thread in ended {
            if let Some(mut signalled) = self.signalled.remove(thread) {
                signalled.tenant.has_ended = true;
            }
        }
    }

    /// Called in a forked child: the threads are the parent's.
    pub(super) fn leave(&mut self) {
        self.signalled.drain().for_each(|(_, signalled)| signalled.leave());
    }

    pub(super) fn end_all(&mut self) {
        self.signalled.clear();
    }

    /// Periodically retries threads that could not be signalled, and checks those that block the
    /// signal or blocked it.
    pub(super) fn retry(&mut self, how: Signals) {
        if self.retried.elapsed() <= RETRY {
            return;
        }
        self.retried = Instant::now();
        self.refused.clone().into_iter().for_each(|thread| self.signal(thread, how));
        if how.period_ns == 0 {
            return;
        }
        let of_these = |(thread, signalled): (&u32, &mut Signalled)| {
            (signalled.is_deaf || signalled.is_quiet()).then_some((signalled.looked_at, *thread))
        };
        let mut threads: Vec<_> = self.signalled.iter_mut().filter_map(of_these).collect();
        // Those that were not checked for the longest time come first.
        threads.sort_unstable();
        threads.into_iter().take(LOOKED_AT).for_each(|(_, thread)| self.look_at(thread, how));
    }

    /// Begins to signal new threads.
    pub(super) fn begin(&mut self, alive: &[u32], table: &mut Table, how: Signals) {
        // Set if the maximum is reached, or there is no memory for another one.
        let mut is_full = false;
        for thread in alive.iter().copied() {
            if let Some(signalled) = self.signalled.get_mut(&thread) {
                // A thread has its creator's name until it gets one of its own.
                if signalled.is_unknown() && signalled.began.elapsed() > NAMED {
                    signalled.set_name(table);
                    self.look_at(thread, how);
                }
            } else if self.has_settled(thread) {
                is_full = is_full || !self.begin_with(thread, table, how);
                if is_full {
                    self.refused.insert(thread);
                }
            }
        }
    }

    /// `false` if the maximum is reached, or there is no memory for another one.
    fn begin_with(&mut self, thread: u32, table: &mut Table, how: Signals) -> bool {
        let Some(mut new) = Signalled::new(thread) else { return false };
        self.newcomers.remove(&thread);
        new.name = table.thread(&kernel_threads::thread_name(thread));
        new.look();
        self.signalled.insert(thread, new);
        self.signal(thread, how);
        true
    }

    /// Whether a thread is old enough to be signalled. A thread that will block signals, to wait
    /// for them, does so first of all, and must not be signalled before. And a thread that has run
    /// only briefly would give no samples.
    fn has_settled(&mut self, thread: u32) -> bool {
        let seen = self.newcomers.entry(thread).or_insert_with(Instant::now);
        seen.elapsed() >= SETTLED || kernel_threads::thread_cpu_ns(thread).is_some_and(|ns| ns >= SETTLED_CPU_NS)
    }

    /// Whether some threads have no [scopes](Self::set_scopes) yet.
    pub(super) fn wants_scopes(&self) -> bool {
        self.signalled.values().any(|signalled| !signalled.is_known_to_recorder)
    }

    /// Makes events for threads that a timer has signalled meanwhile.
    pub(super) fn signal_known(&mut self, how: Signals) {
        let is_due = |(thread, signalled): (&u32, &Signalled)| signalled.awaits_event(how).then_some(*thread);
        let due: Vec<u32> = self.signalled.iter().filter_map(is_due).collect();
        due.into_iter().for_each(|thread| self.signal(thread, how));
    }

    /// Gives threads that were sampled other periods. Otherwise a thread that does the same over
    /// and over, in a time that divides the period, would always be sampled at the same place.
    pub(super) fn change_periods(&mut self, how: Signals) {
        if how.period_ns == 0 {
            return;
        }
        let may_be = |(thread, signalled): (&u32, &Signalled)| signalled.may_be_in_step().then_some(*thread);
        let due: Vec<u32> = self.signalled.iter().filter_map(may_be).take(CHANGED).collect();
        for thread in due {
            let period_ns = self.random_near(how.period_ns);
            if sandbox::is_tighter() {
                return;
            }
            let is_changed = self.signalled.get_mut(&thread).is_none_or(|signalled| signalled.change(period_ns));
            if !is_changed {
                self.signal(thread, how);
            }
        }
    }

    /// Sets the scopes of the threads that the recorder knows.
    pub(super) fn set_scopes(&mut self, scopes: Vec<(u32, *const Scopes)>, table: &mut Table) {
        for (thread, scopes) in scopes {
            if let Some(signalled) = self.signalled.get_mut(&thread).filter(|known| !known.is_known_to_recorder) {
                signalled.slot().set_scopes(scopes);
                signalled.is_known_to_recorder = true;
                // By now it has its final name.
                signalled.set_name(table);
            }
        }
    }

    /// Checks whether a thread blocks the signal, and stops signalling it if so. Otherwise our
    /// signal would stay pending until the thread waits for signals, which would then receive it.
    fn look_at(&mut self, thread: u32, how: Signals) {
        let Some(signalled) = self.signalled.get_mut(&thread) else { return };
        let was_deaf = signalled.is_deaf;
        signalled.look();
        if signalled.is_deaf != was_deaf {
            self.signal(thread, how);
        }
    }

    fn signal(&mut self, thread: u32, how: Signals) {
        let first_ns = self.random_below(how.period_ns);
        let how = Signals { period_ns: self.random_near(how.period_ns), ..how };
        let Some(signalled) = self.signalled.get_mut(&thread) else { return };
        let how = if signalled.is_deaf { Signals { period_ns: 0, ..how } } else { how };
        if signalled.signal(how, first_ns) && !signalled.is_deaf {
            self.refused.remove(&thread);
        } else {
            self.refused.insert(thread);
        }
    }

    /// A period between 31 and 33 parts in 32 of this one.
    fn random_near(&mut self, period_ns: u64) -> u64 {
        period_ns - period_ns / 32 + self.random_below(period_ns / 16)
    }

    fn random_below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.checked_rem(bound).unwrap_or(0)
    }
}
