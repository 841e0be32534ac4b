//! Memory that is kept.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use perf_sdk::{Builder, profiled};

use super::common::{Plant, Run, usual_work};

pub(crate) const PLANTS: &[Plant] = &[
    Plant { rule: "leak", works: leak },
    Plant { rule: "retention", works: retention },
    Plant { rule: "fragmentation", works: fragmentation },
];

/// What lives for two seconds counts as leaked. To look as often as that takes more than the
/// budget.
fn soon(builder: Builder) -> Builder {
    builder.leak_window(Duration::from_millis(50)).leak_horizon(Duration::from_secs(2)).budget("off")
}

/// Forgets to remove every tenth session; corrected, none.
fn leak(run: &Run) {
    const BYTES: usize = 8 << 10;

    #[profiled]
    fn open(number: u64) -> Box<[u8]> {
        vec![number as u8; BYTES].into()
    }

    let perf = run.start(|builder| soon(builder).heap("64KiB"));
    perf_sdk::ready();
    let mut sessions = HashMap::new();
    run.requests(|request| {
        usual_work(request);
        for number in (request * 10..).take(10) {
            sessions.insert(number, open(number));
            let ended = number.wrapping_sub(100);
            if run.is_corrected || !ended.is_multiple_of(10) {
                sessions.remove(&ended);
            }
        }
    });
    drop(perf);
}

/// Reads files of more and more bytes, and frees them, with an allocator that never returns pages.
/// Corrected, it returns them at once.
fn retention(run: &Run) {
    const STEP: usize = 2 << 20;
    const MOST: usize = 512 << 20;
    /// Requests from one file to the next.
    const SELDOM: u64 = 40;

    #[profiled]
    fn read(bytes: usize) -> u8 {
        let file = vec![1_u8; bytes];
        black_box(&file)[bytes - 1]
    }

    let perf = run.start(soon);
    perf_sdk::ready();
    run.requests(|request| {
        usual_work(request);
        if request.is_multiple_of(SELDOM) {
            black_box(read((STEP * (1 + (request / SELDOM) as usize)).min(MOST)));
        }
    });
    drop(perf);
}

/// Keeps every fourth of many small objects, so that no page is free; corrected, it
/// loads no others.
fn fragmentation(run: &Run) {
    const OBJECTS: usize = 128 << 10;
    const BYTES: usize = 1 << 10;

    #[profiled]
    fn load(objects: usize) -> Vec<Box<[u8]>> {
        (0..objects).map(|at| vec![at as u8; BYTES].into_boxed_slice()).collect()
    }

    #[profiled]
    fn choose(all: Vec<Box<[u8]>>) -> Vec<Box<[u8]>> {
        all.into_iter().step_by(4).collect()
    }

    let _perf = run.start_ready();
    let chosen = if run.is_corrected { load(OBJECTS / 4) } else { choose(load(OBJECTS)) };
    run.requests(|request| _ = usual_work(request));
    drop(black_box(chosen));
}
