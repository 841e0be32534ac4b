//! An arena for a subsystem: its memory is separate, has an account, and has limits.
//!
//! `cargo run --release --example arena`. With `-- --serve` it keeps running, with the accounts at
//! `http://127.0.0.1:9464/`.

use allocator_api2::vec::Vec;
use perf_sdk::pool::{Arena, BumpPool};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _perf = perf_sdk::builder().report(false).start()?;
    let mut index = Arena::builder("index")
        .soft_limit(8 << 20, |name, bytes| println!("{name} is above its soft limit: {bytes} bytes"))
        .hard_limit(16 << 20)
        .build()?;

    // Vectors, boxes and hash maps of allocator-api2 and hashbrown accept the arena as their
    // allocator.
    let mut refused = None;
    {
        let mut lists: std::vec::Vec<Vec<u32, &Arena>> = std::vec::Vec::new();
        for n in 0..1_000_000_u32 {
            let mut list = Vec::new_in(&index);
            // Beyond the hard limit this is an error; `extend` alone would abort the process.
            if let Err(error) = list.try_reserve(100) {
                refused = Some((n, error));
                break;
            }
            list.extend(0..100);
            lists.push(list);
        }
        let account = index.account();
        println!("full: {} KiB in {} lists, {account:?}", account.allocated_bytes >> 10, lists.len());
    }
    if let Some((lists, error)) = refused {
        println!("refused after {lists} lists: {error}");
    }
    // Frees everything at once. The borrow checker ensures that no list exists any more.
    index.reset()?;
    println!("empty: {} bytes, at most {}", index.account().allocated_bytes, index.account().high_water_bytes);

    // One bump arena for each request, in which an allocation is an addition to a pointer.
    let requests = BumpPool::new("requests")?;
    for request in 0..10_000 {
        let arena = requests.get();
        let words = arena.alloc_slice_fill_iter((0..50).map(|n| n * request));
        std::hint::black_box(words.iter().sum::<i32>());
    }
    println!("requests: {:?}", requests.account());
    if std::env::args().any(|arg| arg == "--serve") {
        std::thread::park();
    }
    Ok(())
}
