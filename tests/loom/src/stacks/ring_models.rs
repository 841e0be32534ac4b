//! A handler writes samples, the sampler reads them.

use loom::thread;

use super::ring::{Ring, Words};
use super::sample::{Facts, Sample};
use crate::Model;
use crate::base::run::keep;

pub(crate) const MODELS: &[Model] = &[
    Model { name: "a sample is read whole, and in order", preemptions: None, run: whole_and_in_order },
    Model { name: "a ring takes no more than there is room for", preemptions: None, run: no_more_than_room },
];

/// Of one sample: five words, a frame, and the three of a span.
const LONGEST: usize = 9;

fn sample(n: u64) -> Sample {
    let facts = Facts {
        is_cut: n.is_multiple_of(2),
        is_leaf_only: n.is_multiple_of(3),
        is_wall: false,
        at: n,
        scope: 10 * n,
        labels: 20 * n,
        span: n.is_multiple_of(2).then_some([n, 2 * n, 3 * n]),
        weight_ns: 30 * n,
    };
    Sample { facts, frames: vec![40 * n] }
}

fn write(ring: &Ring, n: u64) -> bool {
    let Some(mut open) = ring.open() else { return false };
    let sample = sample(n);
    assert!(sample.frames.iter().all(|frame| open.push(*frame)));
    open.finish(&sample.facts);
    true
}

/// Takes what is there, which begins with the sample `next`; the number of the one after that.
fn take_from(ring: &Ring, next: u64) -> u64 {
    let mut seen = Sample::default();
    (next..)
        .find(|n| {
            let is_there = ring.take(&mut seen);
            assert!(!is_there || seen == sample(*n), "{seen:?} instead of {n}");
            !is_there
        })
        .unwrap()
}

fn ring(words: usize) -> (&'static Ring, Words) {
    let (ring, words) = (keep(Ring::new()), Words::new(words).unwrap());
    // SAFETY: the words live as long as the model.
    unsafe { ring.attach(&words) };
    (ring, words)
}

fn whole_and_in_order() {
    let (ring, _words) = ring(3 * LONGEST);
    let handler = thread::spawn(|| assert!(write(ring, 1) && write(ring, 2)));
    let next = take_from(ring, 1);
    handler.join().unwrap();
    assert_eq!(take_from(ring, next), 3);
}

/// With room for one sample, which the next one overwrites.
fn no_more_than_room() {
    let (ring, _words) = ring(LONGEST);
    assert!(write(ring, 2));
    let handler = thread::spawn(|| (4..6).filter(|n| write(ring, *n)).collect::<Vec<_>>());
    let mut seen = Sample::default();
    assert!(ring.take(&mut seen) && seen == sample(2), "{seen:?}");
    let mut taken = Vec::new();
    let mut take = || taken.extend(ring.take(&mut seen).then(|| seen.clone()));
    take();
    let written = handler.join().unwrap();
    take();
    assert_eq!(taken, written.into_iter().map(sample).collect::<Vec<_>>());
}
