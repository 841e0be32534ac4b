//! Scenarios of arenas, pools and memory pressure, one in each process, named by the argument.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use allocator_api2::boxed::Box as ArenaBox;
use allocator_api2::vec::Vec as ArenaVec;
use perf_sdk::pool::{Arena, ArenaError, BufferPool, BumpPool, Pool, Pressure};
use perf_sdk::snapshot::{LeakSubject, Snapshot, Verdict};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let scenarios: &[(&str, fn())] = &[
        ("arena_accounts", arena_accounts),
        ("arena_limits", arena_limits),
        ("arena_reset", arena_reset),
        ("arena_scope", arena_scope),
        ("arena_threads", arena_threads),
        ("arena_oracle", arena_oracle),
        ("pool_accounts", pool_accounts),
        ("pool_checkouts", pool_checkouts),
        ("pressure", pressure),
    ];
    match scenarios.iter().find(|(known, _)| *known == name) {
        Some((_, scenario)) => scenario(),
        None => panic!("no scenario {name:?}"),
    }
}

fn quiet() -> perf_sdk::Builder {
    perf_sdk::builder().listen("off").report(false)
}

fn scraped(snapshot: &Snapshot) -> String {
    let mut text = Vec::new();
    let exposition = perf_sdk::export::Exposition::new();
    exposition.write(perf_sdk::export::Format::Text, snapshot, None, &mut text).expect("a scrape into memory");
    String::from_utf8(text).expect("text")
}

/// Allocated, freed, resized and forgotten blocks are in the arena's account, and in the scrape.
fn arena_accounts() {
    let arena = Arena::new("index").expect("an arena");
    let bytes = || arena.account().allocated_bytes;
    let mut numbers: ArenaVec<u64, &Arena> = ArenaVec::with_capacity_in(100, &arena);
    assert_eq!(bytes(), 800);
    numbers.extend(0..100);
    numbers.reserve_exact(100);
    assert_eq!((bytes(), numbers.iter().sum::<u64>()), (1_600, 4_950));
    numbers.truncate(10);
    numbers.shrink_to_fit();
    assert_eq!((bytes(), numbers.len()), (80, 10));
    let aligned = ArenaBox::new_in(Aligned([7; 3]), &arena);
    assert!((&raw const *aligned).addr().is_multiple_of(4096) && aligned.0 == [7; 3]);
    assert_eq!(bytes(), 80 + 4096);
    let nothing = ArenaBox::new_in((), &arena);
    let large: ArenaVec<u8, &Arena> = ArenaVec::with_capacity_in(1 << 20, &arena);
    assert_eq!(bytes(), 80 + 4096 + (1 << 20));
    assert!(arena.account().active_bytes >= 1 << 20);
    drop((large, nothing, aligned, numbers));
    let mut map: hashbrown::HashMap<u64, ArenaVec<u8, &Arena>, _, &Arena> = hashbrown::HashMap::new_in(&arena);
    for n in 0..1_000 {
        map.entry(n % 300).or_insert_with(|| ArenaVec::new_in(&arena)).push(n as u8);
    }
    assert!(map.len() == 300 && map[&7].as_slice() == [7, 51, 95, 139] && bytes() > 300 * 24, "{}", bytes());
    drop(map);
    let account = arena.account();
    assert_eq!((account.allocated_bytes, account.refused), (0, 0));
    assert!(account.high_water_bytes >= 1 << 20 && account.allocations >= 5, "{account:?}");
    let text = scraped(&perf_sdk::snapshot());
    assert!(text.contains("arena_allocated_bytes{arena=\"index\"} 0"), "{text}");
    assert!(matches!(Arena::new("index"), Err(ArenaError::Name(name)) if name == "index"));
    assert!(matches!(Arena::new(""), Err(ArenaError::Name(_))));
    drop(arena);
    assert!(perf_sdk::snapshot().arenas.is_empty());
    assert!(Arena::new("index").is_ok(), "the name can be used again");
}

#[repr(align(4096))]
struct Aligned([u8; 3]);

/// A quota is never exceeded, and an allocation beyond it is an error. A soft limit calls its
/// callback, once each time that it is crossed.
fn arena_limits() {
    const QUOTA: usize = 16 << 20;
    let told: Arc<Mutex<Vec<u64>>> = Arc::default();
    let hear = told.clone();
    let arena = Arena::builder("limited")
        .soft_limit(8 << 20, move |name, bytes| {
            assert_eq!(name, "limited");
            hear.lock().expect("no panic while it is locked").push(bytes);
        })
        .hard_limit(QUOTA)
        .build()
        .expect("an arena");
    for round in 1..=3 {
        let mut blocks: Vec<ArenaVec<u8, &Arena>> = Vec::new();
        let mut random = 88_172_645_463_325_252_u64 * round;
        loop {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let size = 1 << (random % 17);
            let mut block: ArenaVec<u8, &Arena> = ArenaVec::new_in(&arena);
            if block.try_reserve_exact(size).is_err() {
                break;
            }
            block.resize(size, 1);
            blocks.push(block);
            let mapped = arena.account().mapped_bytes.expect("a figure, because there is a hard limit");
            assert!(mapped <= QUOTA as u64, "{mapped}");
        }
        let account = arena.account();
        // Not all of the quota is usable: extents, slabs and rounded sizes take a part.
        assert!(account.allocated_bytes > QUOTA as u64 / 2, "{account:?}");
        assert_eq!((account.refused, told.lock().expect("still").len() as u64), (round, round), "{account:?}");
        drop(blocks);
        assert_eq!(arena.account().allocated_bytes, 0);
    }
    assert!(told.lock().expect("still").iter().all(|bytes| (8 << 20..9 << 20).contains(bytes)), "{told:?}");
    for (builder, which) in [
        (Arena::builder("small").hard_limit(1 << 20), "hard_limit is 1048576 bytes"),
        (Arena::builder("small").soft_limit(0, |_, _| {}), "soft_limit is 0 bytes"),
    ] {
        let error = builder.build().expect_err("a limit below one extent").to_string();
        assert!(error.contains(which) && error.contains("allowed: at least"), "{error}");
    }
}

/// A reset frees everything at once, including forgotten blocks, and the memory is reused.
fn arena_reset() {
    let mut arena = Arena::builder("reset").hard_limit(8 << 20).build().expect("an arena");
    for _ in 0..50 {
        for n in 0..100 {
            let mut kept: ArenaVec<u8, &Arena> = ArenaVec::new_in(&arena);
            kept.try_reserve_exact(10_000 + n).expect("one round fits into the quota");
            std::mem::forget(kept);
        }
        assert!(arena.account().allocated_bytes >= 1_000_000);
        thread::scope(|threads| {
            let arena = &arena;
            threads.spawn(move || std::mem::forget(ArenaBox::new_in([1_u8; 100], arena)));
        });
        arena.reset().expect("nothing is in use");
        assert_eq!(arena.account().allocated_bytes, 0);
    }
}

/// Plain code in a scope allocates from the arena. Beyond the hard limit the process goes on. The
/// arena cannot be reset any more.
fn arena_scope() {
    let mut arena = Arena::builder("scoped").hard_limit(4 << 20).build().expect("an arena");
    let active = |arena: &Arena| arena.account().active_bytes;
    let held = arena.scope(|| (0..100).map(|n| vec![n as u8; 10_000]).collect::<Vec<_>>()).expect("a scope");
    assert!(active(&arena) >= 1_000_000, "{arena:?}");
    let beyond = arena.scope(|| vec![1_u8; 6 << 20]).expect("a scope");
    assert!(arena.account().exceeded_extents >= 1, "{arena:?}");
    let mut outside: Vec<u8> = Vec::new();
    outside.resize(8 << 20, 1);
    assert!(active(&arena) < 12 << 20, "after the scope the thread uses its usual arena: {arena:?}");
    assert_eq!(arena.reset(), Err(ArenaError::Scoped));
    drop(arena);
    assert!(held.iter().all(|part| part.len() == 10_000) && beyond[5 << 20] == 1, "the blocks outlive the arena");
}

/// Blocks are allocated, resized and freed by threads that start and end, and freed by other
/// threads.
fn arena_threads() {
    let arena: &'static Arena = Box::leak(Box::new(Arena::new("threads").expect("an arena")));
    for _ in 0..20 {
        let (sender, receiver) = std::sync::mpsc::channel::<ArenaVec<u64, &'static Arena>>();
        let mut threads: Vec<_> = (0..4_u64)
            .map(|seed| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for n in 0..500 {
                        let mut numbers: ArenaVec<u64, &'static Arena> = ArenaVec::new_in(arena);
                        numbers.extend((0..n % 70).map(|i| i ^ seed));
                        if n % 2 == 0 {
                            sender.send(numbers).expect("somebody listens");
                        }
                    }
                })
            })
            .collect();
        drop(sender);
        threads.push(thread::spawn(move || receiver.into_iter().for_each(|numbers| assert!(numbers.len() < 70))));
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(arena.account().allocated_bytes, 0);
    }
}

/// Random allocations, resizes and frees. Each block is filled with a pattern, which must stay
/// intact.
fn arena_oracle() {
    let arena = Arena::new("oracle").expect("an arena");
    let mut blocks: Vec<ArenaVec<u8, &Arena>> = Vec::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for turn in 0..60_000_u64 {
        let pattern = turn as u8;
        match next() % 4 {
            0 | 1 => {
                let size = 1 + (next() % (1 << (next() % 17))) as usize;
                let mut block = ArenaVec::with_capacity_in(size, &arena);
                block.resize(size, pattern);
                blocks.push(block);
            }
            2 if !blocks.is_empty() => {
                let at = next() as usize % blocks.len();
                let block = &mut blocks[at];
                assert!(block.iter().all(|byte| *byte == block[0]), "turn {turn}");
                let (size, pattern) = (1 + next() as usize % 5_000, block[0]);
                block.resize(size, pattern);
                block.shrink_to_fit();
            }
            _ if !blocks.is_empty() => {
                let at = next() as usize % blocks.len();
                let block = blocks.swap_remove(at);
                assert!(block.iter().all(|byte| *byte == block[0]), "turn {turn}");
            }
            _ => {}
        }
    }
    let held: usize = blocks.iter().map(ArenaVec::capacity).sum();
    assert_eq!(arena.account().allocated_bytes, held as u64);
}

/// Pools are in the snapshot and in the scrape, with the oldest checkout and its scope.
fn pool_accounts() {
    let _perf = quiet().start().expect("a start");
    let connections = Pool::builder("connections", || 5_u32).min(2).build().expect("a pool");
    let buffers = BufferPool::new("bodies").expect("a pool");
    let requests = BumpPool::new("requests").expect("a pool");
    // The clock for the age of checkouts ticks every half a second, and when the profiler starts.
    let start = Instant::now();
    let taken = loop {
        let taken = perf_sdk::measure("handler", || perf_sdk::measure("query", || connections.get()));
        let oldest = perf_sdk::snapshot().pools.into_iter().find_map(|pool| pool.oldest);
        if oldest.is_some_and(|oldest| oldest.age_ns > 0) {
            break taken;
        }
        assert!(start.elapsed() < perf_sdk_tests::PATIENCE);
        thread::sleep(Duration::from_millis(10));
    };
    requests.get().alloc_str("a request");
    let body = buffers.get(4_000);
    let age = |seen: &Snapshot| {
        let oldest = seen.pools.iter().find(|pool| pool.name == "connections").and_then(|pool| pool.oldest.as_ref());
        Duration::from_nanos(oldest.map_or(0, |oldest| oldest.age_ns))
    };
    perf_sdk_tests::until("a second to pass", || age(&perf_sdk::snapshot()) >= Duration::from_secs(1));
    let seen = perf_sdk::snapshot();
    // The pool's clock may be a tick behind, and is another one than this.
    let oldest = start.elapsed() + Duration::from_secs(1);
    assert!(age(&seen) <= oldest, "{:?} of {oldest:?}", age(&seen));
    let pool = |name: &str| seen.pools.iter().find(|pool| pool.name == name).expect("the pool is listed");
    let oldest = pool("connections").oldest.clone().expect("one is in use");
    assert_eq!((oldest.function.as_str(), oldest.scopes), ("query", vec!["handler".to_owned(), "query".to_owned()]));
    assert_eq!((pool("connections").outstanding, pool("connections").first), (1, 2));
    assert_eq!(pool("bodies/4KiB").outstanding, 1);
    assert_eq!((seen.bumps[0].pool.name.as_str(), seen.bumps[0].used_bytes), ("requests", 9));
    let text = scraped(&seen);
    for part in [
        "pool_outstanding{pool=\"connections\"} 1\n",
        "pool_oldest_checkout_seconds{pool=\"connections\",function=\"query\",module=",
        "pool_taken_total{pool=\"bodies/4KiB\"} 1\n",
        "bump_used_bytes_total{pool=\"requests\"} 9\n",
        "memory_pressure_level ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    drop((taken, body));
}

/// Objects that are taken from a pool and never returned are found as a leak.
fn pool_checkouts() {
    let handle = quiet().leak_window("30ms").heap("off").start().expect("a start");
    let pool = Pool::new("leaky", || [0_u8; 64]).expect("a pool");
    let mut kept = Vec::new();
    let start = Instant::now();
    let finding = loop {
        perf_sdk::measure("forgetful", || kept.push(pool.get()));
        perf_sdk::measure("careful", || drop(pool.get()));
        thread::sleep(Duration::from_millis(5));
        let findings = handle.leaks().unwrap_or_default().findings;
        assert!(findings.iter().all(|finding| finding.function != "careful"), "{findings:?}");
        let found = findings.into_iter().find(|finding| finding.watched == LeakSubject::Pool);
        if let Some(finding) = found.filter(|finding| finding.verdict == Verdict::Confirmed) {
            break finding;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{:?}", handle.leaks());
    };
    assert_eq!((finding.function.as_str(), finding.pool.as_str()), ("forgetful", "leaky"));
    assert!(finding.evidence.contains("out of the pool \"leaky\""), "{}", finding.evidence);
}

/// Under memory pressure, listeners are called, pools are trimmed and pages are released to the
/// system. Each step is short, and runs on a thread of the profiler.
fn pressure() {
    let pool = Pool::new("trimmed", || vec![1_u8; 100_000]).expect("a pool");
    let arena = Arena::new("purged").expect("an arena");
    drop((0..200).map(|_| pool.get()).collect::<Vec<_>>());
    drop((0..100).map(|_| ArenaVec::<u8, _>::with_capacity_in(100_000, &arena)).collect::<Vec<_>>());
    let (calls, here) = (Arc::new(AtomicU64::new(0)), thread::current().id());
    let level = Arc::new(AtomicUsize::new(0));
    let (heard, worst) = (calls.clone(), level.clone());
    let _listener = perf_sdk::pool::on_pressure(move |level, used, limit| {
        assert!(used > 0 && limit > 0 && thread::current().id() != here);
        heard.fetch_add(1, Relaxed);
        worst.fetch_max(level as usize, Relaxed);
        panic!("a listener that panics changes nothing");
    });
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Planned panics are not printed.
        if thread::current().name() != Some("perf-sdk-worker") {
            usual(panic);
        }
    }));
    // The process already uses more than this.
    let handle = quiet().memory_limit("8MiB").start().expect("a start");
    let start = Instant::now();
    let account = loop {
        let account = handle.snapshot().pressure.unwrap_or_default();
        if account.reliefs > 0 {
            break account;
        }
        assert!(start.elapsed() < perf_sdk_tests::PATIENCE, "{account:?}");
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((account.level, account.limit_bytes), (Pressure::Critical, 8 << 20));
    assert_eq!((calls.load(Relaxed), level.load(Relaxed)), (1, Pressure::Critical as usize));
    assert!(account.trimmed >= 180 && pool.account().idle <= 20, "{account:?} {:?}", pool.account());
    let p99 = account.pauses.quantile(0.99).expect("there were pauses");
    println!("{} steps, p99 {p99} ns", account.pauses.count());
    assert!(account.pauses.count() >= 3);
}
