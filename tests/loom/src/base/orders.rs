//! Whether orders are left out.

use std::sync::atomic::AtomicBool as Seen;

use loom::thread;

use super::atomic::{AtomicBool, Ordering::Relaxed};
use super::run::{self, keep};

/// A load comes before and after the store of a thread which loads, too: see [`run::to_load`].
pub(crate) fn both_are_tried() {
    static SEEN: [Seen; 2] = [const { Seen::new(false) }; 2];
    loom::model(|| {
        run::begin();
        let word = keep(AtomicBool::new(false));
        let other = thread::spawn(|| {
            word.load(Relaxed);
            word.store(true, Relaxed);
        });
        SEEN[usize::from(word.load(Relaxed))].store(true, Relaxed);
        other.join().unwrap();
    });
    assert!(SEEN.iter().all(|seen| seen.load(Relaxed)), "an order was left out");
}
