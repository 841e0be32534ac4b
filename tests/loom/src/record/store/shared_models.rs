//! Threads without a record of their own add to one that they share.

use loom::thread;

use super::dropped;
use super::measured::Measured;
use super::node::Node;
use super::reserve;
use super::shared::{SharedSite, shared_calls, shared_sites};
use crate::Model;
use crate::base::atomic::Ordering::Relaxed;
use crate::base::run::keep;
use crate::clock;
use crate::memory::Tallies;
use crate::outcome::Outcome;
use crate::scope::Site;

pub(crate) const MODELS: &[Model] = &[
    Model { name: "a site has one shared record, whoever comes first", preemptions: None, run: one_record },
    Model { name: "a shared record is listed once and whole", preemptions: None, run: listed_whole },
    Model { name: "a shared record loses no call", preemptions: Some(4), run: no_call_is_lost },
    Model { name: "a call without a cell is counted as lost", preemptions: None, run: lost_is_counted },
    Model { name: "a call in a shared record runs or has ended", preemptions: None, run: runs_or_has_ended },
];

static SITES: [Site; 3] = [const { Site::new() }; 3];

fn record(site: usize) -> &'static SharedSite {
    SharedSite::of(&SITES[site]).expect("room")
}

fn listed() -> Vec<usize> {
    let number = |site| SITES.iter().position(|known| std::ptr::eq(known, site)).unwrap();
    shared_sites().map(|shared| number(shared.site().expect("it is whole"))).collect()
}

fn one_record() {
    reserve::begin(2);
    let threads = [1, 2].map(|_| {
        thread::spawn(|| {
            let shared = record(0);
            assert!(std::ptr::eq(shared.site().unwrap(), &raw const SITES[0]));
            shared.begin();
            std::ptr::from_ref(shared).addr()
        })
    });
    let [first, second] = threads.map(|thread| thread.join().unwrap());
    assert_eq!(first, second);
    assert_eq!((listed(), shared_calls()), (vec![0], 2));
    assert_eq!(SITES[0].configured.load(Relaxed), 1);
}

/// Two sites come in while somebody reads.
fn listed_whole() {
    reserve::begin(3);
    record(0).begin();
    let threads = [1, 2].map(|site| thread::spawn(move || record(site).begin()));
    let sorted = || {
        let mut seen = listed();
        seen.sort_unstable();
        seen
    };
    let seen = sorted();
    assert!([&[0][..], &[0, 1], &[0, 2], &[0, 1, 2]].contains(&&seen[..]), "{seen:?}");
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((&sorted()[..], shared_calls()), (&[0, 1, 2][..], 3));
}

fn measured(wall: i64, tallies: Option<Tallies>) -> Measured {
    Measured { wall, cpu: 0, weight: 1, cpu_weight: 0, tallies, end: 0, below: keep(Node::default()) }
}

/// Two threads are the first ones to record a time of this cell.
fn no_call_is_lost() {
    reserve::begin(3);
    let shared = record(0);
    let call = |wall| {
        shared.begin();
        let tallies = Tallies { allocated_bytes: 7, allocations: 1, ..Tallies::default() };
        shared.add(&measured(wall, Some(tallies)), clock::wall(), true);
        shared.count(Outcome::Ok);
    };
    let other = thread::spawn(move || call(1_002));
    call(1_001);
    other.join().unwrap();
    assert_eq!(shared.calls(), ([2, 0, 0, 0], 2, 0));
    let sums = shared.sums();
    assert_eq!((sums.wall, sums.allocated_bytes, sums.allocations), (2_003, 14, 2));
    let [wall, ..] = shared.histograms();
    assert_eq!((wall.count(), wall.sum()), (2, 2_003));
}

/// As before, with room for one page.
fn lost_is_counted() {
    let lost = || dropped::counts().find(|(reason, _)| *reason == "memory").unwrap().1;
    reserve::begin(2);
    let (shared, before) = (record(0), lost());
    let add = |wall| shared.add(&measured(wall, None), clock::wall(), true);
    let other = thread::spawn(move || add(1_002));
    add(1_001);
    other.join().unwrap();
    let [wall, ..] = shared.histograms();
    assert!(wall.count() >= 1);
    assert_eq!(wall.count() + lost() - before, 2);
}

/// One call was under way, and another one begins while it ends.
fn runs_or_has_ended() {
    reserve::begin(1);
    let shared = record(0);
    shared.begin();
    let other = thread::spawn(|| shared.begin());
    shared.count(Outcome::Error);
    let (outcomes, _, running) = shared.calls();
    assert!(outcomes == [0, 1, 0, 0] && running <= 1, "{outcomes:?} {running}");
    other.join().unwrap();
    assert_eq!((shared.calls(), shared_calls()), (([0, 1, 0, 0], 0, 1), 2));
}
