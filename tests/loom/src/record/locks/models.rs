//! Threads add waits for locks to one table, and a reader beside.

use std::panic::Location;

use loom::thread;

use super::table::{Lock, LockKind, Table};
use crate::Model;
use crate::base::run::keep;
use crate::scope::{Path, Site};

pub(crate) const MODELS: &[Model] = &[
    Model { name: "waits for one lock are summed", preemptions: None, run: one_lock },
    Model { name: "waits for locks that want one slot stay apart", preemptions: Some(4), run: three_locks },
    Model { name: "a wait without a slot is counted as other", preemptions: None, run: no_room },
    Model { name: "a wait is read with its own scope and lock", preemptions: Some(3), run: a_reader },
];

static SITE: Site = Site::new();
static SCOPE: Path = Path { site: Some(&SITE), parent: None, depth: 1, is_within_itself: false };

#[track_caller]
fn lock(kind: LockKind) -> Lock {
    Lock { kind, place: Location::caller() }
}

/// Of a wait: how many scopes, the lock's kind and line, waits, and their time.
type Seen = (usize, Option<(LockKind, u32)>, u64, u64);

fn seen<const SLOTS: usize>(table: &Table<SLOTS>) -> Vec<Seen> {
    let read = table.read().into_iter();
    read.map(|one| {
        let lock = one.lock.map(|lock| (lock.kind, lock.place.line()));
        (one.sites.len(), lock, one.contentions, one.delay_ns)
    })
    .collect()
}

/// Whether there was room.
fn wait<const SLOTS: usize>(table: &Table<SLOTS>, scope: Option<&'static Path>, lock: Lock, ns: u64) -> bool {
    let (sums, has_room) = table.sums(scope.map(Path::address), lock);
    sums.add(ns);
    has_room
}

fn one_lock() {
    let table = keep(Table::<2>::new());
    let mutex = lock(LockKind::Mutex);
    let other = thread::spawn(move || wait(table, Some(&SCOPE), mutex, 10));
    assert!(wait(table, Some(&SCOPE), mutex, 1) && other.join().unwrap(), "each has a slot at least");
    let seen = seen(table);
    assert!(seen.iter().all(|one| (one.0, one.1) == (1, Some((LockKind::Mutex, mutex.place.line())))), "{seen:?}");
    assert_eq!(seen.iter().fold((0, 0), |sum, one| (sum.0 + one.2, sum.1 + one.3)), (2, 11));
}

/// However they are hashed, two of them want one slot.
fn three_locks() {
    let table = keep(Table::<2>::new());
    let [mutex, rwlock, condvar] = [LockKind::Mutex, LockKind::RwLock, LockKind::Condvar].map(|kind| lock(kind));
    let other = thread::spawn(move || [wait(table, Some(&SCOPE), condvar, 1), wait(table, Some(&SCOPE), rwlock, 10)]);
    let third = wait(table, Some(&SCOPE), mutex, 100);
    let [first, second] = other.join().unwrap();
    let had_room = [(LockKind::Condvar, first, 1), (LockKind::RwLock, second, 10), (LockKind::Mutex, third, 100)];
    let mut expected: Vec<_> = had_room.iter().filter(|one| one.1).map(|one| (Some(one.0), 1, one.2)).collect();
    let others = had_room.iter().filter(|one| !one.1);
    expected.push(others.fold((None, 0, 0), |sum, one| (None, sum.1 + 1, sum.2 + one.2)));
    let mut seen: Vec<_> = seen(table).iter().map(|one| (one.1.map(|lock| lock.0), one.2, one.3)).collect();
    expected.sort_unstable_by_key(|one| one.2);
    seen.sort_unstable_by_key(|one| one.2);
    assert_eq!(seen, expected);
}

fn no_room() {
    let table = keep(Table::<1>::new());
    let (mutex, condvar) = (lock(LockKind::Mutex), lock(LockKind::Condvar));
    let other = thread::spawn(move || wait(table, Some(&SCOPE), mutex, 10));
    let had_room = [(wait(table, None, condvar, 1), 1), (other.join().unwrap(), 10)];
    assert!(had_room[0].0 != had_room[1].0, "one of them has the slot");
    for (has_slot, ns) in had_room {
        let own = seen(table).into_iter().filter(|one| one.1.is_some() == has_slot).collect::<Vec<_>>();
        assert_eq!(own.iter().map(|one| (one.2, one.3)).collect::<Vec<_>>(), [(1, ns)]);
    }
}

/// Two locks want one slot, and a reader comes.
fn a_reader() {
    let table = keep(Table::<1>::new());
    let (rwlock, condvar) = (lock(LockKind::RwLock), lock(LockKind::Condvar));
    let keys = [
        (1, Some((LockKind::RwLock, rwlock.place.line()))),
        (0, Some((LockKind::Condvar, condvar.place.line()))),
        (0, None),
    ];
    let of_other_threads = [
        thread::spawn(move || wait(table, Some(&SCOPE), rwlock, 5)),
        thread::spawn(move || wait(table, None, condvar, 5)),
    ];
    for one in seen(table) {
        assert!(keys.contains(&(one.0, one.1)) && one.2 == 1 && [0, 5].contains(&one.3), "{one:?}");
    }
    let had_room = of_other_threads.map(|thread| thread.join().unwrap());
    assert_eq!((had_room.iter().filter(|had| **had).count(), seen(table).len()), (1, 2));
}
