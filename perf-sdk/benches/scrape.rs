//! Scrapes of large programs: time, bytes and instructions of one, as a server sees it over HTTP.
//!
//! `cargo bench -p perf-sdk --features jemalloc --bench scrape`. Each row is a process of its own:
//! functions, threads, and the text. A scrape's time is beside that of bare work in turn with it:
//! as many bytes, sent over loopback from one buffer. Processor time is that of all threads, the reader
//! included. Bytes are those that are allocated at most
//! beside what was before the scrape, its pieces of 64 KiB included. Instructions are counted by
//! valgrind where there is one, and are those of one scrape without its reader.

use std::alloc::{GlobalAlloc, Layout};
use std::env;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use perf_sdk::__private::{Options, Sample, Site, Source, enter};

/// Functions and threads of each row.
const ROWS: [(usize, usize); 2] = [(10_000, 16), (100, 16)];
/// Those of which instructions are counted.
const COUNTED: (usize, usize) = (1_000, 4);
const CALLS: usize = 3;
const PIECE: usize = 1 << 16;

/// What is allocated now, and was at most since it was set to that.
struct Counting(perf_sdk::Alloc);

static NOW: AtomicI64 = AtomicI64::new(0);
static MOST: AtomicI64 = AtomicI64::new(0);

fn count(bytes: i64) {
    let now = NOW.fetch_add(bytes, Relaxed) + bytes;
    if bytes > 0 {
        MOST.fetch_max(now, Relaxed);
    }
}

// SAFETY: all requests are passed on as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as the caller guarantees.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as the caller guarantees.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as the caller guarantees.
        unsafe { self.0.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // It may be copied, and then there are both for a moment.
        count(size as i64);
        count(-(layout.size() as i64));
        // SAFETY: as the caller guarantees.
        unsafe { self.0.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOC: Counting = Counting(perf_sdk::Alloc::new());

fn site(n: usize) -> &'static Site {
    let name: &'static str = format!("function_{n}").leak();
    let source = Source { name: Some(name), path: || "", ident: name, module: "many", file: file!(), line: line!() };
    Box::leak(Box::new(Site::new(source, Options { sample: Sample::Always, ..Options::DEFAULT })))
}

/// Reads to the end, and returns the number of bytes.
fn drain(mut stream: TcpStream, piece: &mut [u8]) -> usize {
    let mut bytes = 0;
    loop {
        match stream.read(piece).expect("an answer") {
            0 => return bytes,
            read => bytes += read,
        }
    }
}

fn scrape(address: SocketAddr, accept: &str, piece: &mut [u8]) -> usize {
    let mut stream = TcpStream::connect(address).expect("an endpoint");
    let head = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a request");
    drain(stream, piece)
}

/// Sends as many bytes.
fn bare(bytes: usize, piece: &mut [u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let stream = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let mut sender = listener.accept().expect("a connection").0;
    thread::scope(|scope| {
        scope.spawn(move || {
            let (buffer, mut left) = (vec![b'x'; PIECE], bytes);
            while left > 0 {
                let part = left.min(PIECE);
                sender.write_all(&buffer[..part]).expect("a reader");
                left -= part;
            }
        });
        assert_eq!(drain(stream, piece), bytes);
    });
}

/// The processor time of all threads so far, in milliseconds.
fn cpu_ms() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes one `timespec`.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn mib(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Scrapes and bare work in turn.
fn rounds(address: SocketAddr, accept: &str, rounds: usize) {
    let mut piece = vec![0; PIECE];
    let [mut times, mut cpu, mut bares, mut bare_cpu, mut most] = [const { Vec::new() }; 5];
    let mut bytes = 0;
    for _ in 0..rounds {
        let before = NOW.load(Relaxed);
        MOST.store(before, Relaxed);
        let (start, spent) = (Instant::now(), cpu_ms());
        bytes = scrape(address, accept, &mut piece);
        times.push(start.elapsed().as_secs_f64() * 1e3);
        cpu.push(cpu_ms() - spent);
        most.push(mib(MOST.load(Relaxed) - before));
        let (start, spent) = (Instant::now(), cpu_ms());
        bare(bytes, &mut piece);
        bares.push(start.elapsed().as_secs_f64() * 1e3);
        bare_cpu.push(cpu_ms() - spent);
    }
    let first = most[0];
    println!("  {accept}: {:.2} MB, at most {:.2} MiB, the first {first:.2}", bytes as f64 / 1e6, median(&mut most));
    let mut ratios: Vec<f64> = times.iter().zip(&bares).map(|(time, bare)| time / bare).collect();
    for (what, values) in [("ms", &mut times), ("bare", &mut bares), ("ratio", &mut ratios)] {
        println!("    {what:<10} {:>8.2}, at least {:>8.2}", median(values), values[0]);
    }
    for (what, values) in [("CPU ms", &mut cpu), ("bare", &mut bare_cpu)] {
        println!("    {what:<10} {:>8.2}, at least {:>8.2}", median(values), values[0]);
    }
}

/// A process with so many functions on so many threads.
fn process(functions: usize, threads: usize, work: impl FnOnce(SocketAddr)) {
    let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).budget("off").start().expect("a profiler");
    let sites: Vec<&'static Site> = (0..functions).map(site).collect();
    let done = Barrier::new(threads + 1);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (done, sites) = (&done, &sites);
            scope.spawn(move || {
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
        done.wait();
        work(perf.address().expect("an endpoint"));
        done.wait();
    });
}

/// The instructions of a process with so many scrapes.
fn instructions(scrapes: usize) -> Option<f64> {
    let file = env::temp_dir().join(format!("perf-sdk-scrape-{}", std::process::id()));
    let (functions, threads) = COUNTED;
    // Its end under valgrind may be by a signal; what was counted is in the file then, too.
    Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", &format!("--callgrind-out-file={}", file.display())])
        .arg(env::current_exe().ok()?)
        .args(["count", &functions.to_string(), &threads.to_string(), &scrapes.to_string()])
        .status()
        .ok()?;
    let text = std::fs::read_to_string(&file).ok()?;
    let _ = std::fs::remove_file(&file);
    text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<usize>().ok());
    match (arguments.first().map(String::as_str), number(1), number(2)) {
        (Some("time"), Some(functions), Some(threads)) => {
            let turns = number(3).unwrap_or(if functions > 1_000 { 15 } else { 200 });
            process(functions, threads, |address| {
                println!("{functions} functions on {threads} threads");
                rounds(address, "text/plain", turns);
                rounds(address, "application/openmetrics-text", turns);
            });
        }
        (Some("count"), Some(functions), Some(threads)) => process(functions, threads, |address| {
            let mut piece = vec![0; PIECE];
            (0..number(3).unwrap_or(1)).for_each(|_| _ = scrape(address, "text/plain", &mut piece));
        }),
        _ => {
            let this = env::current_exe().expect("a program");
            for (functions, threads) in ROWS {
                // Each thread has its own records.
                let status = Command::new(&this)
                    .args(["time", &functions.to_string(), &threads.to_string()])
                    .env("PERF_MEMORY", "512MiB")
                    .status();
                assert!(status.is_ok_and(|status| status.success()), "a row failed");
            }
            let (functions, threads) = COUNTED;
            match instructions(1).zip(instructions(3)) {
                Some((one, three)) => println!(
                    "{functions} functions on {threads} threads: {:.1} million instructions a scrape",
                    (three - one) / 2e6
                ),
                None => println!("instructions are not counted: no valgrind"),
            }
        }
    }
}
