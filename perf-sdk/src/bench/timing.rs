//! Batches of an operation, timed. Of all batches the fastest one is taken, because other load on
//! the machine only ever makes one slower.

use std::thread;
use std::time::{Duration, Instant};

use super::answer::{PathTime, Times};
use super::paths::paths;
use crate::collect;
use crate::memory;
use crate::record::measure;
use crate::snapshot::{CallNode, Snapshot};

/// Before each batch, so that batches are spread over more than one moment of other load.
const PAUSE: Duration = Duration::from_millis(1);
/// The most operations of a batch.
const MOST: u32 = 1 << 22;

/// Times `batches` batches. Without a number of iterations, a batch has as many as last for
/// `batch_ns`: a power of two.
pub(super) fn time(
    name: &'static str,
    call: &mut dyn FnMut(),
    warm_up: u32,
    iterations: u32,
    batches: u32,
    batch_ns: u64,
) -> Times {
    let mut run = |times: u32| {
        let start = Instant::now();
        (0..times).for_each(|_| measure(name, &mut *call));
        u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    };
    run(warm_up);
    let iterations = if iterations > 0 { iterations } else { long_enough(&mut run, batch_ns) };
    let mut before = memory::uncounted(collect::take);
    let mut fastest: Option<(u64, Snapshot)> = None;
    for _ in 0..batches.max(1) {
        thread::sleep(PAUSE);
        let wall_ns = run(iterations);
        let after = memory::uncounted(collect::take);
        if fastest.as_ref().is_none_or(|(least_ns, _)| wall_ns < *least_ns) {
            fastest = Some((wall_ns, after.subtract(&before)));
        }
        before = after;
    }
    let (wall_ns, window) = fastest.unwrap_or_default();
    let operations = f64::from(iterations);
    Times { iterations, wall_ns: wall_ns as f64 / operations, tree: tree(&window, name, operations) }
}

/// The first power of two of operations that takes so long.
fn long_enough(mut run: impl FnMut(u32) -> u64, batch_ns: u64) -> u32 {
    let mut times = 1;
    // One batch may be slow by chance.
    while times < MOST && run(times).min(run(times)) < batch_ns {
        times *= 2;
    }
    times
}

fn tree(window: &Snapshot, name: &str, iterations: f64) -> Vec<PathTime> {
    let time =
        |(path, node): (Vec<String>, &CallNode)| PathTime { path, wall_ns: node.exclusive.wall_ns as f64 / iterations };
    paths(window, name).into_iter().map(time).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_long_enough() {
        let mut asked = Vec::new();
        let times = long_enough(
            |times| {
                asked.push(times);
                u64::from(times) * 300
            },
            1_000,
        );
        assert_eq!((times, asked), (4, vec![1, 1, 2, 2, 4, 4]));
        assert_eq!(long_enough(|_| 0, 1), MOST);
    }

    #[test]
    fn functions_of_the_operation_are_timed() {
        let mut calls = 0_u32;
        let mut call = || {
            calls += 1;
            measure("timing, inner", || std::hint::black_box(calls));
        };
        let times = time("timing, the operation", &mut call, 1, 8, 3, 0);
        assert_eq!(times.iterations, 8);
        let paths: Vec<&[String]> = times.tree.iter().map(|time| &time.path[..]).collect();
        assert!(paths.len() == 1 && paths[0].len() == 1 && paths[0][0].ends_with("timing, inner"), "{paths:?}");
        assert!(times.wall_ns > 0.0);
        assert_eq!(calls, 1 + 3 * 8);
    }
}
