//! Forked children can use every feature, and keep nothing open of their parent's profiler.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::Handle;
use perf_sdk::pool::{Arena, BufferPool, Pool};
use perf_sdk_tests::http::get;
use perf_sdk_tests::{exit_now, fork, function, wait_for};

use super::{Stops, busy, in_child, keep_small};

/// Open descriptors and their targets, except the one that lists them.
fn descriptors() -> BTreeMap<i32, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let number = entry.file_name().to_string_lossy().parse().unwrap();
        if let Ok(link) = std::fs::read_link(entry.path()) {
            found.insert(number, link.display().to_string());
        }
    }
    found.retain(|_, link| !link.ends_with("/fd"));
    found
}

pub(super) fn start() -> Handle {
    perf_sdk::builder().listen("127.0.0.1:0").report(false).heap("64KiB").leak_window("20ms").start().unwrap()
}

/// Uses every feature of the profiler.
pub(super) fn everything() -> bool {
    let own = start();
    let address = own.address().unwrap();
    busy(Duration::from_millis(1));
    let held = keep_small();
    let is_counted = function(&own.snapshot(), "busy").calls.ok > 0;
    let pages = [
        "/metrics",
        "/pages",
        "/api/v1/functions",
        "/leaks",
        "/debug/pprof/profile?seconds=0.2",
        "/debug/pprof/heap?seconds=0.1",
    ];
    let all = pages.iter().all(|page| get(address, page).status == 200);
    own.set_sampling("*", None);
    own.set_heap("1MiB").unwrap();
    let pool = Pool::builder("of the child", || 1_u64).build().unwrap();
    drop(pool.get());
    let _wall = own.wall_profile(Duration::from_millis(50), 50, "*");
    drop(own);
    is_counted && all && !held.is_empty()
}

/// Forks while other threads use everything that takes locks or limited places.
pub(super) fn forks() {
    let before = descriptors();
    let handle = start();
    let address = handle.address().unwrap();
    let goes_on = AtomicBool::new(true);
    thread::scope(|scope| {
        let _stops = Stops(&goes_on, false);
        for page in ["/metrics", "/debug/pprof/profile?seconds=0.05", "/debug/pprof/heap?seconds=0.02", "/leaks"] {
            let goes_on = &goes_on;
            scope.spawn(move || {
                while goes_on.load(Relaxed) {
                    // Served or refused, depending on free places.
                    let _ = get(address, page);
                }
            });
        }
        scope.spawn(|| {
            let arena = Arena::builder("of the parent").build().unwrap();
            let (pool, buffers) = (
                Pool::builder("of the parent", || 7_u64).build().unwrap(),
                BufferPool::builder("buffers of the parent").build().unwrap(),
            );
            while goes_on.load(Relaxed) {
                let _ = arena.scope(keep_small);
                drop((pool.get(), buffers.get(5_000)));
                handle.set_sampling("*", None);
                busy(Duration::from_micros(200));
            }
        });
        // Idle connections.
        let idle: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(address).unwrap()).collect();
        let ours: Vec<i32> = idle.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
        thread::sleep(Duration::from_millis(200));
        for round in 0..25 {
            let mut parents = BTreeMap::new();
            in_child(|| {
                parents = descriptors();
                // Without the sockets of this test's own clients.
                parents.retain(|number, link| {
                    !before.contains_key(number) && !ours.contains(number) && !is_client(link, address.port())
                });
                if !parents.is_empty() {
                    eprintln!("{round}: inherited by the child: {parents:?}");
                }
                parents.is_empty() && (round % 5 != 0 || everything())
            });
        }
    });
    // The port is free once the parent's profiler has ended, although a child still runs.
    let child = fork();
    if child == 0 {
        thread::sleep(Duration::from_secs(60));
        exit_now(0);
    }
    drop(handle);
    let start = Instant::now();
    while std::net::TcpListener::bind(address).is_err() {
        assert!(start.elapsed() < Duration::from_secs(50), "the child keeps the port");
        thread::sleep(Duration::from_millis(20));
    }
    // SAFETY: this is the child forked above.
    unsafe { libc::kill(child, libc::SIGKILL) };
    assert_eq!(wait_for(child), -libc::SIGKILL);
}

/// Whether the socket belongs to the client's side of a connection to this port.
fn is_client(link: &str, port: u16) -> bool {
    let Some(inode) = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')) else { return false };
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let remote = format!(":{port:04X}");
    // A socket that is no longer connected is not in the table.
    let known = table.lines().find(|line| line.split_whitespace().nth(9) == Some(inode));
    known.is_none_or(|line| line.split_whitespace().nth(2).is_some_and(|address| address.ends_with(&remote)))
}
