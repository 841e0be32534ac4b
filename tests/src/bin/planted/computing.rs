//! CPU time and allocations.

use std::collections::HashSet;
use std::hint::black_box;
use std::thread;

use perf_sdk::pool::BufferPool;
use perf_sdk::profiled;

use super::common::{Plant, Run, TEXT, usual_work};

pub(crate) const PLANTS: &[Plant] = &[
    Plant { rule: "hot_function", works: hot_function },
    Plant { rule: "allocations", works: allocations },
    Plant { rule: "reallocations", works: reallocations },
    Plant { rule: "large_blocks", works: large_blocks },
];

/// Compares each with each; corrected, a set knows.
fn hot_function(run: &Run) {
    const NUMBERS: u64 = 600;

    #[profiled]
    fn count_distinct(numbers: &[u64]) -> usize {
        (0..numbers.len()).filter(|at| !numbers[..*at].contains(&numbers[*at])).count()
    }

    #[profiled]
    fn count_distinct_by_set(numbers: &[u64]) -> usize {
        numbers.iter().collect::<HashSet<_>>().len()
    }

    let _perf = run.start_ready();
    let numbers = |request: u64| (0..NUMBERS).map(|at| at.wrapping_mul(request | 1) % 1_000).collect::<Vec<_>>();
    if run.is_corrected {
        return run.requests_on(2, |request| {
            usual_work(request);
            black_box(count_distinct_by_set(&numbers(request)));
        });
    }
    // Without pauses, on more threads than there are processors.
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut request = 0;
                while run.goes_on() {
                    black_box(count_distinct(&numbers(request)));
                    request += 1;
                }
            });
        }
    });
}

/// Allocates each cell of a table by itself; corrected, the table is one vector that is reused.
fn allocations(run: &Run) {
    const CELLS: u64 = 2_000;

    #[profiled]
    fn table_of_boxes(seed: u64) -> u64 {
        let mut sum = 0;
        for at in 0..CELLS {
            sum += *black_box(Box::new(seed + at));
        }
        sum
    }

    #[profiled]
    fn table(seed: u64, cells: &mut Vec<u64>) -> u64 {
        cells.clear();
        cells.extend((0..CELLS).map(|at| seed + at));
        black_box(cells).iter().sum()
    }

    let _perf = run.start_ready();
    let mut cells = Vec::new();
    run.requests(|request| {
        usual_work(request);
        let sum = if run.is_corrected { table(request, &mut cells) } else { table_of_boxes(request) };
        black_box(sum);
    });
}

/// Lets each answer grow word by word; corrected, its size is said at the start.
fn reallocations(run: &Run) {
    const WORDS: usize = 200;

    #[profiled]
    fn answer_by_word() -> String {
        let mut answer = String::new();
        for word in TEXT.split(' ').cycle().take(WORDS) {
            answer.reserve_exact(word.len());
            answer.push_str(word);
        }
        answer
    }

    #[profiled]
    fn answer() -> String {
        let mut answer = String::with_capacity(WORDS * TEXT.len());
        TEXT.split(' ').cycle().take(WORDS).for_each(|word| answer.push_str(word));
        answer
    }

    let _perf = run.start_ready();
    run.requests(|request| {
        usual_work(request);
        for _ in 0..4 {
            black_box(if run.is_corrected { answer() } else { answer_by_word() });
        }
    });
}

/// Reads each body into a new block; corrected, buffers are pooled.
fn large_blocks(run: &Run) {
    const BYTES: usize = 128 << 10;

    #[profiled]
    fn body(number: u64) -> u8 {
        let block = vec![number as u8; BYTES];
        black_box(&block)[number as usize % BYTES]
    }

    #[profiled]
    fn pooled_body(number: u64, buffers: &BufferPool) -> u8 {
        let mut block = buffers.get(BYTES);
        block.resize(BYTES, number as u8);
        black_box(&block)[number as usize % BYTES]
    }

    let buffers = BufferPool::builder("bodies").sizes([BYTES]).build().expect("a pool");
    let _perf = run.start_ready();
    run.requests(|request| {
        usual_work(request);
        black_box(if run.is_corrected { pooled_body(request, &buffers) } else { body(request) });
    });
}
