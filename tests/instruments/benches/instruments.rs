//! The cost of instruments, as differences within one run.
//!
//! `cargo bench -p perf-sdk-instruments`. Rounds are interleaved, so that other load on the machine
//! affects all rows alike; where it does not, compare minima. `--count ROW` runs one row of fixed
//! length, for counts of instructions by callgrind.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::io::Read;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use moka::sync::Cache;
use perf_sdk::instrument::{self, Queued};
use perf_sdk::io::Counted;
use perf_sdk::lazy::Watched;
use tower_layer::Layer as _;
use tower_service::Service;

const OPERATIONS: u64 = 20_000;
const ROUNDS: usize = 101;

static BARE: LazyLock<u64> = LazyLock::new(|| 7);
static WATCHED: Watched<u64> = Watched::new("bench", || 7);

struct Bench {
    cache: Cache<u64, u64>,
    watched: instrument::Cache,
    queue: instrument::Queue,
    pool: instrument::ConnectionPool,
    bare: (mpsc::SyncSender<u64>, mpsc::Receiver<u64>),
    wrapped: (mpsc::SyncSender<Queued<u64>>, mpsc::Receiver<Queued<u64>>),
    counted: Counted<std::io::Repeat>,
    statement: instrument::Statement,
    workers: perf_sdk::Workers,
    service: Plain,
    measured: instrument::HttpService<Plain>,
}

/// A service that answers at once.
#[derive(Clone, Copy)]
struct Plain;

/// A body of one piece.
struct Once(Option<Bytes>);

impl Service<Request<Once>> for Plain {
    type Response = Response<Once>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Once>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Once>) -> Self::Future {
        black_box(request.into_body().0);
        ready(Ok(Response::new(Once(Some(Bytes::from_static(b"ok"))))))
    }
}

impl Body for Once {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|piece| Ok(Frame::data(piece))))
    }
}

/// Asks the service, and reads the answer to its end.
fn ask<S, B>(service: &mut S) -> u64
where
    S: Service<Request<Once>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    let mut context = Context::from_waker(Waker::noop());
    let mut request = Request::new(Once(None));
    request.extensions_mut().insert("/items/{id}");
    let answer = pin!(service.call(request));
    let Poll::Ready(Ok(answer)) = answer.poll(&mut context) else { return 0 };
    let (mut body, mut bytes) = (pin!(answer.into_body()), 0);
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut context) {
        bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
    }
    bytes
}

type Row = fn(&mut Bench, u64) -> u64;

/// Each row, and the row without the instrument. A row of two operations counts half.
const ROWS: &[(&str, u64, Row)] = &[
    ("moka hit", 1, |bench, n| bench.cache.get(&(n % 512)).unwrap_or(0)),
    ("moka hit, watched", 1, |bench, n| bench.watched.get(|| bench.cache.get(&(n % 512))).unwrap_or(0)),
    ("moka hit, counted only", 1, |bench, n| {
        bench.watched.hit();
        bench.cache.get(&(n % 512)).unwrap_or(0)
    }),
    ("send and receive", 2, |bench, n| {
        let _ = bench.bare.0.send(n);
        bench.bare.1.recv().unwrap_or(0)
    }),
    ("send and receive, watched", 2, |bench, n| {
        let _ = bench.queue.send(n, |item| bench.wrapped.0.send(item));
        bench.queue.receive(|| bench.wrapped.1.recv()).unwrap_or(0)
    }),
    ("checkout", 1, |_, n| black_box(Ok::<u64, ()>(n)).unwrap_or(0)),
    ("checkout, watched", 1, |bench, n| bench.pool.checkout(|| black_box(Ok::<u64, ()>(n)), |()| true).unwrap_or(0)),
    ("read of 64 bytes", 1, |bench, n| read(bench.counted.get_mut(), n)),
    ("read of 64 bytes, counted", 1, |bench, n| read(&mut bench.counted, n)),
    ("lazy value", 1, |_, n| *BARE + n),
    ("lazy value, watched", 1, |_, n| *WATCHED + n),
    ("statement", 1, |_, n| black_box(Ok::<u64, ()>(n)).unwrap_or(0)),
    ("statement, watched", 1, |bench, n| bench.statement.run(|| black_box(Ok::<u64, ()>(n))).unwrap_or(0)),
    ("task", 1, |_, n| black_box(n)),
    ("task, watched", 1, |bench, n| bench.workers.run(|| black_box(n))),
    ("request", 1, |bench, _| ask(&mut bench.service)),
    ("request, watched", 1, |bench, _| ask(&mut bench.measured)),
];

fn read(from: &mut impl Read, n: u64) -> u64 {
    let mut bytes = [n as u8; 64];
    black_box(from.read(&mut bytes).unwrap_or(0)) as u64
}

#[perf_sdk::profiled]
fn run(bench: &mut Bench, operations: u64, row: Row) -> u64 {
    (0..operations).fold(0, |sum, n| sum.wrapping_add(row(bench, black_box(n))))
}

/// What callgrind counts: `--toggle-collect='*counted*'`.
#[inline(never)]
fn counted(bench: &mut Bench, operations: u64, row: Row) -> u64 {
    run(bench, operations, row)
}

fn main() {
    let cache = Cache::new(1_000);
    (0..512).for_each(|key| cache.insert(key, key));
    // Millions of equal statements beneath one call are no fault here.
    let db = perf_sdk::watch_query("bench").n_plus_one(u32::MAX).slow(std::time::Duration::from_secs(600));
    let layer = perf_sdk::watch_http("bench").route(|extensions| extensions.get::<&str>().copied());
    let mut bench = Bench {
        cache,
        watched: perf_sdk::watch_cache("bench"),
        queue: perf_sdk::watch_queue("bench"),
        pool: perf_sdk::watch_pool("bench"),
        bare: mpsc::sync_channel(8),
        wrapped: mpsc::sync_channel(8),
        counted: Counted::new("bench", std::io::repeat(1)),
        statement: db.statement("SELECT name FROM items WHERE id = ?"),
        workers: perf_sdk::watch_workers("bench", 1),
        service: Plain,
        measured: layer.layer(Plain),
    };
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--count") {
        let (_, _, row) = ROWS[arguments[at + 1].parse::<usize>().expect("the number of a row")];
        let operations = arguments[at + 2].parse().expect("a number of operations");
        // The first operation calibrates the clock.
        black_box(run(&mut bench, 1, row));
        black_box(counted(&mut bench, operations, row));
        return;
    }
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ROWS.len()];
    for _ in 0..ROUNDS {
        for ((_, each, row), times) in ROWS.iter().zip(&mut times) {
            let start = Instant::now();
            black_box(run(&mut bench, OPERATIONS, *row));
            times.push(start.elapsed().as_nanos() as f64 / (OPERATIONS * each) as f64);
        }
    }
    // What was measured is right.
    let hits = 2 * ROUNDS as u64 * OPERATIONS;
    if cfg!(feature = "measured") {
        let seen = perf_sdk::snapshot();
        let found =
            seen.readings.iter().find(|reading| reading.name == "cache_hits_total").map(|reading| reading.value);
        assert_eq!(found, Some(hits as f64));
    }
    println!("{:<28} {:>9} {:>9} {:>9}", "ns an operation", "minimum", "median", "more");
    let mut bare = 0.0;
    for ((name, ..), times) in ROWS.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let minimum = times[0];
        let is_bare = !name.contains(',');
        bare = if is_bare { minimum } else { bare };
        let more = if is_bare { String::new() } else { format!("{:+.1}", minimum - bare) };
        println!("{name:<28} {minimum:>9.1} {:>9.1} {more:>9}", times[times.len() / 2]);
    }
}
