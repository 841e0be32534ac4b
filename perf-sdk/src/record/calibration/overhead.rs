//! The cost of recording on this machine, and the instrumentation overhead that is included in a
//! call's reading.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::empty_calls::Calibration;
use crate::base::once::Once;
use crate::clock;
use crate::record::store::cost::{Cost, OwnPart};
use crate::record::store::empty_call::EmptyCall;

const REFRESH_NS: u64 = 1_000_000_000;

static CALIBRATED: Once = Once::new();
static FOUND: Found = Found {
    measured: AtomicU64::new(0),
    sampled: AtomicU64::new(0),
    passed: AtomicU64::new(0),
    rested: AtomicU64::new(0),
    usual: AtomicU64::new(0),
    drawn: AtomicU64::new(0),
    pair: AtomicU64::new(0),
};

/// Picoseconds for each call, and ticks.
struct Found {
    measured: AtomicU64,
    sampled: AtomicU64,
    passed: AtomicU64,
    rested: AtomicU64,
    usual: AtomicU64,
    drawn: AtomicU64,
    pair: AtomicU64,
}

/// The minimum cost of empty calls found so far on this machine, with warm caches. First measured
/// with the first record, which takes some hundred microseconds. 0 if there is no memory for it.
pub(in crate::record) fn cost(call: EmptyCall) -> Cost {
    calibrate(call);
    let ns = |ps: &AtomicU64| ps.load(Relaxed) as f64 / 1e3;
    Cost {
        measured: ns(&FOUND.measured),
        sampled: ns(&FOUND.sampled),
        passed: ns(&FOUND.passed),
        rested: ns(&FOUND.rested),
        ..Cost::default()
    }
}

/// The instrumentation overhead that is subtracted from every reading.
pub(in crate::record) fn own_part(call: EmptyCall) -> OwnPart {
    calibrate(call);
    OwnPart { usual: FOUND.usual.load(Relaxed), drawn: FOUND.drawn.load(Relaxed), pair: FOUND.pair.load(Relaxed) }
}

/// Calibrates again, at most once a second, and keeps the lower cost, because other load may have
/// disturbed the first calibration. Takes some hundred microseconds.
pub(in crate::record) fn refresh(call: EmptyCall) {
    static LATEST: AtomicU64 = AtomicU64::new(0);
    let (wall, latest) = (clock::wall(), LATEST.load(Relaxed));
    let now = wall.ticks();
    if wall.ns(now.saturating_sub(latest)) < REFRESH_NS
        || LATEST.compare_exchange(latest, now, Relaxed, Relaxed).is_err()
    {
        return;
    }
    calibrate(call);
    if let Some(calibration) = Calibration::new(call) {
        found(&calibration.warm().0);
    }
}

/// Stores a later result, if it is lower.
pub(in crate::record) fn found(cost: &Cost) {
    let all = [
        (&FOUND.measured, cost.measured),
        (&FOUND.sampled, cost.sampled),
        (&FOUND.passed, cost.passed),
        (&FOUND.rested, cost.rested),
    ];
    for (least, ns) in all {
        least.fetch_min((ns * 1e3) as u64, Relaxed);
    }
}

/// Called in a forked child.
pub(in crate::record) fn after_fork() {
    CALIBRATED.after_fork();
}

fn calibrate(call: EmptyCall) {
    if !CALIBRATED.is_done() {
        CALIBRATED.call(|| {
            let Some(calibration) = Calibration::new(call) else { return };
            let (cost, own) = calibration.warm();
            FOUND.usual.store(own.usual, Relaxed);
            FOUND.drawn.store(own.drawn, Relaxed);
            FOUND.pair.store(own.pair, Relaxed);
            [&FOUND.measured, &FOUND.sampled, &FOUND.passed, &FOUND.rested]
                .into_iter()
                .for_each(|least| least.store(u64::MAX, Relaxed));
            found(&cost);
        });
    }
}
