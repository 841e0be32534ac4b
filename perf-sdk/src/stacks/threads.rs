//! The process's threads, as far as they are signalled.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::linux;
use super::signalled::{Signalled, Signals};
use super::slot::Slot;
use super::table::Table;
use super::wall::Thread;
use crate::clock;
use crate::scope::Scopes;

/// A thread is looked at more often at first.
const NEW: Duration = Duration::from_secs(1);
/// A thread that was there for that long has its name.
const NAMED: Duration = Duration::from_millis(20);
/// Threads that could not be signalled are tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Threads that may block the signal are looked at, so many each time; it takes some 30 µs each.
const LOOKED_AT: usize = 16;

/// By the kernel's ids.
pub(super) struct Threads {
    signalled: HashMap<u32, Signalled>,
    /// Not listed when last looked for.
    absent: HashSet<u32>,
    refused: HashSet<u32>,
    retried: Instant,
    random: u64,
}

impl Threads {
    pub(super) fn new() -> Self {
        Self {
            signalled: HashMap::new(),
            absent: HashSet::new(),
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

    pub(super) fn slots(&self) -> impl Iterator<Item = &'static Slot> {
        self.signalled.values().map(|signalled| signalled.slot)
    }

    /// With their names.
    pub(super) fn known<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = Thread<'a>> {
        self.signalled.iter().map(|(id, signalled)| {
            let (number, name) = (signalled.name, table.name(signalled.name));
            Thread { id: *id, slot: signalled.slot, number, name }
        })
    }

    /// How long new ones can be left alone; `first` is when one may have given its first sample, after which its stack can be found.
    pub(super) fn patience(&self, first: Duration) -> Duration {
        let of = |signalled: &Signalled| {
            let is_new = signalled.began.elapsed() < NEW && !signalled.slot.has_stack();
            let known = if signalled.is_unknown() { NAMED } else { Duration::MAX };
            if is_new { first.min(known) } else { known }
        };
        self.signalled.values().map(of).min().unwrap_or(Duration::MAX)
    }

    pub(super) fn signal_all(&mut self, how: Signals) {
        let threads: Vec<u32> = self.signalled.keys().copied().collect();
        threads.into_iter().for_each(|thread| self.signal(thread, how));
    }

    /// Those that are gone: for the second time not among those `alive`.
    pub(super) fn ended(&mut self, alive: &[u32]) -> Vec<u32> {
        let alive: HashSet<u32> = alive.iter().copied().collect();
        let absent: HashSet<u32> = self.signalled.keys().copied().filter(|thread| !alive.contains(thread)).collect();
        let ended = absent.intersection(&self.absent).copied().collect();
        self.absent = absent;
        self.refused.retain(|thread| alive.contains(thread));
        ended
    }

    pub(super) fn end(&mut self, ended: &[u32]) {
        for thread in ended {
            self.signalled.remove(thread);
        }
    }

    pub(super) fn end_all(&mut self) {
        self.signalled.clear();
    }

    /// Once in a while: those that could not be signalled, and those that block the signal, or do no more.
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
        // Those first that were not looked at for longest.
        threads.sort_unstable();
        threads.into_iter().take(LOOKED_AT).for_each(|(_, thread)| self.look_at(thread, how));
    }

    /// Begins with those that are new.
    pub(super) fn begin(&mut self, alive: &[u32], table: &mut Table, how: Signals) {
        for thread in alive.iter().copied() {
            match self.signalled.get_mut(&thread) {
                None => match Signalled::new(thread) {
                    None => drop(self.refused.insert(thread)),
                    Some(mut new) => {
                        new.name = table.thread(&linux::thread_name(thread));
                        self.signalled.insert(thread, new);
                        self.signal(thread, how);
                    }
                },
                // A thread bears the name of who made it, until it gives itself one. By then one that waits for signals blocks them.
                Some(signalled) if signalled.is_unknown() && signalled.began.elapsed() > NAMED => {
                    signalled.set_name(table);
                    self.look_at(thread, how);
                }
                Some(_) => {}
            }
        }
    }

    /// Some have no [scopes](Self::set_scopes) yet.
    pub(super) fn wants_scopes(&self) -> bool {
        self.signalled.values().any(|signalled| !signalled.is_known_to_recorder)
    }

    /// Of threads that the recorder knows.
    pub(super) fn set_scopes(&mut self, scopes: Vec<(u32, *const Scopes)>, table: &mut Table) {
        for (thread, scopes) in scopes {
            if let Some(signalled) = self.signalled.get_mut(&thread).filter(|known| !known.is_known_to_recorder) {
                signalled.slot.set_scopes(scopes);
                signalled.is_known_to_recorder = true;
                // By now it has the name that it will keep.
                signalled.set_name(table);
            }
        }
    }

    /// A thread that blocks the signal is not signalled: ours would stay pending until it waits for signals, and be taken for one of its own.
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
        let Some(signalled) = self.signalled.get_mut(&thread) else { return };
        let how = if signalled.is_deaf { Signals { period_ns: 0, ..how } } else { how };
        if signalled.signal(how, first_ns) && !signalled.is_deaf {
            self.refused.remove(&thread);
        } else {
            self.refused.insert(thread);
        }
    }

    fn random_below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.checked_rem(bound).unwrap_or(0)
    }
}
