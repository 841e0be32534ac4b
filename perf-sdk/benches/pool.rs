//! The cost of arenas and pools, as ratios within one run.
//!
//! `cargo bench -p perf-sdk --features pool --bench pool`. Rounds are interleaved, so that other
//! load on the machine affects all rows alike.

use std::hint::black_box;
use std::time::Instant;

use allocator_api2::alloc::{Allocator, Layout};
use perf_sdk::pool::{Arena, BufferPool, BumpPool, Pool};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

const OPERATIONS: u32 = 100_000;
const ROUNDS: usize = 21;

/// A row: the operation, and how many of them one call does.
struct Row<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
    ns: Vec<f64>,
}

fn row<'a>(name: &'static str, mut operation: impl FnMut() + 'a) -> Row<'a> {
    let run = move || (0..OPERATIONS).for_each(|_| operation());
    Row { name, run: Box::new(run), ns: Vec::new() }
}

/// Prints minimum, median and maximum of an operation in nanoseconds, and the ratios of medians to
/// the first row's.
fn compare(title: &str, mut rows: Vec<Row<'_>>) {
    for _ in 0..ROUNDS {
        for row in &mut rows {
            let start = Instant::now();
            (row.run)();
            row.ns.push(start.elapsed().as_nanos() as f64 / f64::from(OPERATIONS));
        }
    }
    println!("\n{title}\n{:40} {:>8} {:>8} {:>8} {:>7}", "ns an operation", "min", "median", "max", "ratio");
    let mut first = None;
    for row in &mut rows {
        row.ns.sort_by(f64::total_cmp);
        let median = row.ns[ROUNDS / 2];
        let ratio = median / *first.get_or_insert(median);
        println!("{:40} {:8.2} {median:8.2} {:8.2} {ratio:7.2}", row.name, row.ns[0], row.ns[ROUNDS - 1]);
    }
}

fn pair_in(allocator: impl Allocator, size: usize) -> impl FnMut() {
    let layout = Layout::from_size_align(size, 8).expect("a layout");
    move || {
        let block = allocator.allocate(layout).expect("memory");
        black_box(block);
        // SAFETY: the block came from the allocator, with this layout.
        unsafe { allocator.deallocate(block.cast(), layout) };
    }
}

fn global_pair(size: usize) -> impl FnMut() {
    let layout = Layout::from_size_align(size, 8).expect("a layout");
    move || {
        // SAFETY: the layout is not empty, and the block is freed with it.
        unsafe {
            let block = black_box(std::alloc::alloc(layout));
            std::alloc::dealloc(block, layout);
        }
    }
}

fn arenas() {
    let arena = Arena::new("plain").expect("an arena");
    let limited =
        Arena::builder("limited").soft_limit(8 << 20, |_, _| {}).hard_limit(16 << 20).build().expect("an arena");
    for size in [64, 4_096] {
        compare(
            &format!("a pair of {size} bytes"),
            vec![
                row("the default arena", global_pair(size)),
                row("an arena", pair_in(&arena, size)),
                row("an arena with limits", pair_in(&limited, size)),
            ],
        );
    }
}

fn objects() {
    let buffers = BufferPool::new("bench buffers").expect("a pool");
    let bodies = Pool::new("bench", || Box::new([0_u8; 4_096])).expect("a pool");
    let limited = Pool::builder("bench limited", || Box::new([0_u8; 4_096])).max(64).build().expect("a pool");
    let object_pool = object_pool::Pool::new(64, || Box::new([0_u8; 4_096]));
    let lockfree = lockfree_object_pool::LinearObjectPool::new(|| Box::new([0_u8; 4_096]), |_| ());
    compare(
        "an object of 4 KiB, one thread",
        vec![
            row("a jemalloc pair", global_pair(4_096)),
            row("get and return", || _ = black_box(&*bodies.get())),
            row("get and return, at most 64", || _ = black_box(&*limited.get())),
            row("a buffer", || _ = black_box(&*buffers.get(4_000))),
            row("object-pool", || _ = black_box(&*object_pool.pull(|| Box::new([0_u8; 4_096])))),
            row("lockfree-object-pool", || _ = black_box(&*lockfree.pull())),
        ],
    );
    compare(
        "an object of 4 KiB, two threads (a round of each)",
        vec![
            row2("get and return", || _ = black_box(&*bodies.get())),
            row2("object-pool", || _ = black_box(&*object_pool.pull(|| Box::new([0_u8; 4_096])))),
            row2("lockfree-object-pool", || _ = black_box(&*lockfree.pull())),
        ],
    );
}

/// As [`row`], on two threads at the same time.
fn row2<'a>(name: &'static str, operation: impl Fn() + Sync + 'a) -> Row<'a> {
    let run = move || {
        std::thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| (0..OPERATIONS).for_each(|_| operation()));
            }
        });
    };
    Row { name, run: Box::new(run), ns: Vec::new() }
}

/// A request is one arena with some objects in it.
fn bumps() {
    let requests = BumpPool::new("bench requests").expect("a pool");
    for (title, objects) in [("a request of 50 objects of 32 bytes", 50), ("a request of 1,000", 1_000_u64)] {
        // Not inlined, because loops that are compiled at different places differ by more than the
        // effect to be measured.
        #[inline(never)]
        fn fill(bump: &bumpalo::Bump, objects: u64) {
            (0..objects).for_each(|n| _ = black_box(bump.alloc([n; 4])));
        }
        let mut plain = bumpalo::Bump::new();
        compare(
            title,
            vec![
                row("bumpalo, made and dropped", || fill(&bumpalo::Bump::new(), objects)),
                row("bumpalo, reset", || {
                    fill(&plain, objects);
                    plain.reset();
                }),
                row("a pooled one", || fill(&requests.get(), objects)),
            ],
        );
    }
}

/// The cost of sampling the live heap. It compares allocations that are mostly sampled with
/// allocations that are not, in a scope. From this follows the share of a core that sampling takes
/// at the default rate and 1 GB/s of allocations.
fn heap(perf: &perf_sdk::Handle) {
    const SIZE: usize = 4_096;
    let mut rows = [
        ("not sampled", "off", Vec::new()),
        ("one in 512 KiB", "512KiB", Vec::new()),
        ("one in 4 KiB", "4KiB", Vec::new()),
    ];
    for _ in 0..ROUNDS {
        for (_, rate, ns) in &mut rows {
            perf.set_heap(rate).expect("a rate");
            // The distance to the next sample is drawn anew.
            drop(black_box(vec![1_u8; 8 << 20]));
            let mut pair = global_pair(SIZE);
            let start = Instant::now();
            perf_sdk::measure("pairs", || (0..OPERATIONS).for_each(|_| pair()));
            ns.push(start.elapsed().as_nanos() as f64 / f64::from(OPERATIONS));
        }
    }
    perf.set_heap("512KiB").expect("a rate");
    println!("\na pair of {SIZE} bytes\n{:40} {:>8} {:>8}", "ns an operation", "min", "median");
    let median = rows.each_mut().map(|(name, _, ns)| {
        ns.sort_by(f64::total_cmp);
        println!("{name:40} {:8.2} {:8.2}", ns[0], ns[ROUNDS / 2]);
        ns[ROUNDS / 2]
    });
    let sampled = 1.0 - (-(SIZE as f64) / 4_096.0).exp();
    let each_ns = (median[2] - median[0]) / sampled;
    let share = 1e9 / f64::from(512 << 10) * each_ns / 1e9;
    println!("a sample, freed again: {each_ns:.0} ns; at 1 GB/s and one in 512 KiB {:.3} % of a core", share * 100.0);
    println!("the usual rate to none: {:.3}", median[1] / median[0]);
}

fn main() {
    let perf = perf_sdk::builder().listen("off").report(false).start().expect("a start");
    heap(&perf);
    arenas();
    objects();
    bumps();
}
