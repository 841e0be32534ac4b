//! Many functions on many threads: the memory for each pair of them, and the cost of a scrape, as a
//! snapshot that is written, and over HTTP. What a scrape takes by itself is in `scrape`.
//!
//! `cargo bench -p perf-sdk --features jemalloc --bench many`; `PERF_MEMORY=512MiB` lets every
//! thread have its own records. `… --bench many -- 100` takes another number of functions.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use perf_sdk::__private::{Options, Sample, Site, Source, enter};
use perf_sdk::export::{Exposition, Format};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

/// The number of functions, unless the command line says another.
const SITES: usize = 10_000;
const THREADS: usize = 16;
const CALLS: usize = 3;
const SCRAPES: usize = 15;

/// A writer that counts bytes and discards them.
struct Sink(usize);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn site(n: usize) -> &'static Site {
    let name: &'static str = format!("function_{n}").leak();
    let source = Source { name: Some(name), path: || "", ident: name, module: "many", file: file!(), line: line!() };
    Box::leak(Box::new(Site::new(source, Options { sample: Sample::Always, ..Options::DEFAULT })))
}

/// 0 if the system does not provide it.
fn resident_bytes() -> f64 {
    status_bytes("VmRSS:")
}

fn status_bytes(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB")?.parse().ok());
    kib.map_or(0.0, |kib: f64| kib * 1024.0)
}

/// By how much the first scrape raises the resident memory at most.
fn peak_of_first_scrape(address: SocketAddr) {
    let before = resident_bytes();
    // The high-water mark begins anew.
    if std::fs::write("/proc/self/clear_refs", "5").is_ok() {
        drain(request(address, "/metrics"));
        let peak = status_bytes("VmHWM:") - before;
        println!("the first scrape made at most {:.1} MiB more resident", peak / f64::from(1 << 20));
    }
}

/// Megabytes that are allocated now, besides those of the snapshot that says so.
fn allocated_mib() -> f64 {
    let bytes = perf_sdk::snapshot().allocator.map_or(0, |allocator| allocator.allocated_bytes);
    bytes as f64 / f64::from(1 << 20)
}

fn request(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("an endpoint");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
    stream
}

/// Reads the rest, and returns its length.
fn drain(mut stream: TcpStream) -> usize {
    let (mut piece, mut bytes) = (vec![0; 1 << 16], 0);
    loop {
        match stream.read(&mut piece).expect("an answer") {
            0 => return bytes,
            read => bytes += read,
        }
    }
}

/// Scrapes over HTTP: how long they take, and what one takes while its reader waits after the first
/// bytes.
fn over_http(address: SocketAddr) {
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..SCRAPES {
        let start = Instant::now();
        bytes = drain(request(address, "/metrics"));
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let before = allocated_mib();
    let mut waiting = request(address, "/metrics");
    waiting.read_exact(&mut [0; 4_096]).expect("the beginning of an answer");
    let held = allocated_mib() - before;
    drain(waiting);
    println!(
        "over HTTP: {:.2} MB in {:.1} ms, at least {:.1}; a scrape that waits for its reader holds {held:.1} MiB",
        bytes as f64 / 1e6,
        times[SCRAPES / 2],
        times[0],
    );
}

fn main() {
    let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).budget("off").start().expect("a profiler");
    let functions = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(SITES);
    let sites: Vec<&'static Site> = (0..functions).map(site).collect();
    let (ready, done) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (ready, done, sites) = (&ready, &done, &sites);
            scope.spawn(move || {
                {
                    let _guard = enter(sites[0]);
                    ready.wait();
                    // The memory of a record itself is measured in between.
                    ready.wait();
                }
                for call in 0..CALLS {
                    for (at, site) in sites.iter().enumerate() {
                        let _guard = enter(site);
                        // Two thirds of the calls allocate. Durations are within one or two
                        // octaves.
                        if at % 3 != 0 {
                            black_box(vec![0_u8; 64 + thread + call]);
                        }
                    }
                }
                done.wait();
                done.wait();
            });
        }
        ready.wait();
        let before = perf_sdk::snapshot().profiler.memory_bytes;
        ready.wait();
        done.wait();
        let address = perf.address().expect("an endpoint");
        peak_of_first_scrape(address);
        let resident = resident_bytes();
        let seen = perf_sdk::snapshot();
        println!("a snapshot made {:.1} MiB more resident", (resident_bytes() - resident) / f64::from(1 << 20));
        let pairs = (functions * THREADS) as f64;
        let held = seen.profiler.memory_bytes - before;
        println!("{functions} functions × {THREADS} threads, limit {} MiB", seen.profiler.memory_limit_bytes >> 20);
        println!("held {:.1} MiB, {:.0} bytes a pair", held as f64 / f64::from(1 << 20), held as f64 / pairs);
        let calls: u64 = seen.functions.iter().map(|function| function.calls.total()).sum();
        let durations: u64 = seen.functions.iter().map(|function| function.wall.count()).sum();
        let expected = (functions * THREADS * CALLS) as u64;
        println!(
            "calls {calls} and running {}, durations {durations} of {expected}",
            seen.functions.iter().map(|f| f.running).sum::<u64>()
        );
        let lost: Vec<_> = seen.profiler.dropped.iter().filter(|(_, count)| **count > 0).collect();
        println!("dropped {lost:?}");
        drop(seen);
        let exposition = Exposition::new();
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            let (mut whole, mut fold, mut bytes) = (Vec::new(), Vec::new(), 0);
            for _ in 0..SCRAPES {
                let start = Instant::now();
                let seen = perf_sdk::snapshot();
                fold.push(start.elapsed().as_secs_f64() * 1e3);
                let mut sink = Sink(0);
                exposition.write(format, &seen, None, &mut sink).expect("a sink takes everything");
                whole.push(start.elapsed().as_secs_f64() * 1e3);
                bytes = sink.0;
            }
            for times in [&mut whole, &mut fold] {
                times.sort_by(f64::total_cmp);
            }
            println!(
                "{format:?}: {:.2} MB in {:.1} ms (of it folding {:.1} ms), at least {:.1}",
                bytes as f64 / 1e6,
                whole[SCRAPES / 2],
                fold[SCRAPES / 2],
                whole[0]
            );
        }
        over_http(address);
        done.wait();
    });
}
