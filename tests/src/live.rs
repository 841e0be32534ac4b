//! Tests of the live heap, for any allocator whose allocations are counted.

use std::hint::black_box;
use std::thread;

use crate::{function, node};

/// Live memory belongs to the scope that allocated it, whichever thread frees it, until it is
/// freed.
pub fn live_heap() {
    const BLOCKS: usize = 4_000;
    const BYTES: usize = 64 << 10;
    let handle = perf_sdk::builder().listen("off").report(false).budget("off").start().expect("a start");
    let live = |name: &str| {
        let seen = handle.snapshot();
        assert_eq!((seen.profiler.heap.to_string().as_str(), seen.profiler.dropped["heap"]), ("on", 0));
        function(&seen, name).live.expect("it is sampled")
    };
    let keep = |name: &'static str| -> Vec<Vec<u8>> {
        perf_sdk::measure(name, || {
            (0..BLOCKS).map(|n| perf_sdk::measure("fill", || black_box(vec![n as u8; BYTES]))).collect()
        })
    };
    let (first, second) = (keep("first"), keep("second"));
    // 262 MB each, some 500 samples: 4 standard errors are 18 %.
    let is_near = |bytes: u64, expected: usize| (bytes as f64 / expected as f64 - 1.0).abs() < 0.25;
    assert!(is_near(live("fill").bytes, 2 * BLOCKS * BYTES), "{:?}", live("fill"));
    assert!(is_near(live("fill").objects, 2 * BLOCKS), "{:?}", live("fill"));
    let seen = handle.snapshot();
    let at = |path: &[&str]| node(&seen, path).map_or(0, |node| node.live.bytes);
    assert!(is_near(at(&["first", "fill"]), BLOCKS * BYTES) && is_near(at(&["second", "fill"]), BLOCKS * BYTES));
    // Whether it was grown in place or not: the old block is gone, and the scope that grew it holds
    // the new one.
    let grown: Vec<Vec<u8>> = perf_sdk::measure("grow", || {
        let mut blocks = first;
        blocks.iter_mut().for_each(|block| block.reserve_exact(2 * BYTES));
        blocks
    });
    assert!(is_near(live("grow").bytes, 3 * BLOCKS * BYTES), "{:?}", live("grow"));
    assert!(is_near(live("fill").bytes, BLOCKS * BYTES), "{:?}", live("fill"));
    // After the rate was lowered while running, existing samples keep their weight, and new ones
    // get the weight of the new rate.
    assert!(handle.set_heap("3MiB").expect_err("no power of two").to_string().contains("\"3MiB\""));
    let before = live("grow").bytes;
    handle.set_heap("2MiB").expect("a size");
    assert_eq!((live("grow").bytes, handle.snapshot().heap.expect("still").sample_bytes), (before, 2 << 20));
    let coarse: Vec<Vec<u8>> =
        perf_sdk::measure("coarse", || (0..BLOCKS).map(|_| black_box(vec![1; 2 * BYTES])).collect());
    // 525 MB, some 250 samples: 4 standard errors are 25 %.
    let share = live("coarse").bytes as f64 / (2 * BLOCKS * BYTES) as f64;
    assert!((0.7..1.3).contains(&share), "{share} of the memory");
    // While recording is off, nothing is sampled, even if the rate changes.
    handle.set_recording(false);
    handle.set_heap("4KiB").expect("a size");
    let unowned = || handle.snapshot().heap.expect("still").unowned.bytes;
    let before = unowned();
    let unseen = perf_sdk::measure("unseen", || black_box(vec![1_u8; 16 << 20]));
    handle.set_recording(true);
    assert!(unowned() < before + (8 << 20), "{} of 16 MiB were sampled", unowned() - before);
    drop(unseen);
    thread::spawn(move || drop((grown, second, coarse))).join().expect("no panic");
    let left = live("fill").bytes + live("grow").bytes + live("coarse").bytes;
    assert!(left < (BLOCKS * BYTES / 50) as u64, "{left} bytes are live after everything was freed");
}

/// Estimated bytes and objects of mixed sizes in one scope, compared with the truth: within four
/// standard errors, 50 times, and without bias on average.
pub fn estimates() {
    const ROUNDS: u64 = 50;
    const RATE: f64 = 16_384.0;
    let builder = perf_sdk::builder().listen("off").report(false).budget("off").heap("16KiB").leak_window("off");
    let handle = builder.start().expect("a start");
    // The distance to the thread's next sample was drawn at jemalloc's initial rate. This
    // allocation is longer than that.
    drop(black_box(vec![1_u8; 64 << 20]));
    let (mut bytes_sum, mut objects_sum, mut beyond) = (0.0, 0.0, 0);
    for seed in 0..ROUNDS {
        let name: &'static str = format!("round {seed}").leak();
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let (mut bytes, mut objects, mut bytes_variance, mut objects_variance) = (0.0, 0.0, 0.0, 0.0);
        let held: Vec<Box<[u8]>> = perf_sdk::measure(name, || {
            let mut held = Vec::with_capacity(20_000);
            // The vector itself is noted too, below.
            let mut note = |size: f64| {
                let chance = 1.0 - (-size / RATE).exp();
                bytes += size;
                objects += 1.0;
                bytes_variance += size * size * (1.0 - chance) / chance;
                objects_variance += (1.0 - chance) / chance;
            };
            note(320.0 * 1024.0);
            for _ in 0..20_000 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                // Small sizes are the most frequent. Powers of two are size classes, so they are
                // not rounded up.
                let size = 16_usize << (random.trailing_zeros().min(13));
                note(size as f64);
                held.push(vec![1_u8; size].into_boxed_slice());
            }
            held
        });
        let live = function(&handle.snapshot(), name).live.expect("the heap is sampled");
        let bytes_off = (live.bytes as f64 - bytes) / f64::sqrt(bytes_variance);
        let objects_off = (live.objects as f64 - objects) / f64::sqrt(objects_variance);
        // With a hundred correct figures, one in two hundred runs has a figure beyond four standard
        // errors.
        for (off, what) in [(bytes_off, bytes), (objects_off, objects)] {
            assert!(off.abs() < 6.0, "{live:?} of {what}: the error is {off} standard errors");
            beyond += u32::from(off.abs() > 4.0);
        }
        bytes_sum += bytes_off;
        objects_sum += objects_off;
        drop(held);
    }
    let off = |sum: f64| sum / (ROUNDS as f64).sqrt();
    println!("mean errors of {:.2} and {:.2} standard errors, {beyond} beyond 4", off(bytes_sum), off(objects_sum));
    assert!(beyond <= 1, "{beyond} figures beyond four standard errors");
    assert!(off(bytes_sum).abs() < 4.0 && off(objects_sum).abs() < 4.0, "{bytes_sum} {objects_sum}");
}

/// Threads that free and reallocate blocks of other threads: at the end, nothing is live and
/// nothing is missing.
///
/// # Panics
/// If figures are wrong.
pub fn threads() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 200;
    let builder = perf_sdk::builder().listen("off").report(false).budget("off").heap("4KiB").leak_window("off");
    let handle = builder.start().expect("a start");
    thread::scope(|scope| {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..THREADS).map(|_| std::sync::mpsc::channel::<Vec<Vec<u8>>>()).unzip();
        for (at, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(at + 1) % THREADS].clone();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let made = perf_sdk::measure("make", || {
                        (0..100).map(|n| black_box(vec![1_u8; 16 << ((n + round) % 10)])).collect()
                    });
                    next.send(made).expect("a receiver");
                    let mut taken = receiver.recv().expect("a sender");
                    perf_sdk::measure("grow", || taken.iter_mut().for_each(|block| block.reserve(5_000)));
                }
            });
        }
        drop(senders);
    });
    let seen = handle.snapshot();
    assert_eq!(seen.profiler.dropped["heap"], 0);
    for name in ["make", "grow"] {
        let live = function(&seen, name).live.expect("the heap is sampled");
        assert!(live.allocated_bytes > 10 << 20, "{name}: {live:?}");
        assert_eq!((live.bytes, live.objects), (0, 0), "{name}: {live:?}");
    }
}
