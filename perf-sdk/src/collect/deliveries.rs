//! How it goes with profiles that are pushed or written, for the snapshots from now on.

use crate::base::fork::{self, Lock};
use crate::snapshot::Delivery;

/// Of the process that delivers: a forked child has them in its memory too.
static NOW: Lock<(u32, Vec<Delivery>)> = Lock::new((0, Vec::new()));

/// What the snapshots from now on say of one way to deliver.
pub(crate) fn set_delivery(delivery: &Delivery) {
    let mut now = NOW.lock();
    if now.0 != fork::generation() {
        *now = (fork::generation(), Vec::new());
    }
    match now.1.iter_mut().find(|known| known.by == delivery.by) {
        Some(known) => known.clone_from(delivery),
        None => now.1.push(delivery.clone()),
    }
}

/// Empty where nothing is delivered.
pub(crate) fn deliveries() -> Vec<Delivery> {
    let now = NOW.lock();
    if now.0 == fork::generation() { now.1.clone() } else { Vec::new() }
}
