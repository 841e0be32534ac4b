//! A small code-search service, profiled while it runs.
//!
//! It splits Rust sources into items, stores them in SQLite, indexes their words, and answers
//! questions over HTTP, ranked by BM25. A load generator in the same process sends the questions.
//! Annotations are where a service's author would put them.

mod args;
mod cache;
mod chunk;
mod corpus;
mod driven;
mod faults;
mod http;
mod index;
mod kind;
mod lexer;
mod load;
mod memory;
mod meters;
mod page;
mod postings;
mod query;
mod question;
mod random;
mod readers;
mod refresh;
mod search;
mod snippet;
mod store;
mod tally;
mod tokenize;
mod workers;

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser as _;
use tikv_jemallocator::Jemalloc;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::args::Args;
use crate::cache::Cache;
use crate::corpus::{Corpus, File};
use crate::faults::Faults;
use crate::http::Service;
use crate::question::Questions;
use crate::readers::Readers;
use crate::refresh::Desk;
use crate::search::Scratch;
use crate::store::Store;
use crate::workers::Workers;

// This is the same as `perf_sdk::Alloc`. Written in this form, it is jemalloc even when the
// profiler is disabled at compile time.
#[global_allocator]
static ALLOC: perf_sdk::CountingAlloc<Jemalloc> = perf_sdk::CountingAlloc::new(Jemalloc);

/// What the service's figures ought to be.
const TARGETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/service/targets.toml");

/// What ought not to be so.
const ALERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/service/alerts.toml");

/// The interval of the leak detector with `--leak`: what lives for a minute counts as leaked.
const LEAK_WINDOW: Duration = Duration::from_millis(500);

/// The time after which connections that are still busy at the end are closed.
const GRACE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, there is nowhere to report it.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    // The steps in which a wrong argument fails come first: an address that is in use should not
    // cost an indexing.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(args.listen)).map_err(|error| {
        format!("--listen {}: {error}; a free local address is allowed, port 0 takes any", args.listen)
    })?;
    let address = listener.local_addr()?;
    let opened = Opened::new(args)?;
    // `PERF_TARGETS=off` runs without them, and so does `PERF_ALERTS=off`.
    let mut builder = perf_sdk::builder().targets(TARGETS).alerts(ALERTS);
    if args.leak {
        builder = builder.leak_window(LEAK_WINDOW);
    }
    let perf = builder.start()?;
    perf_sdk::watch_runtime("main", runtime.handle());
    meters::describe();
    let mut out = io::stdout();
    // All connections but those that the workers use at a time.
    let useless = if args.hog { args.connection_count() - args.thread_count() as u32 } else { 0 };
    let hogged = (0..useless).map(|_| opened.readers.take()).collect::<Result<Vec<_>, _>>()?;
    let service = Arc::new(prepare(args, opened, &mut out)?);

    writeln!(out, "service     http://{address}")?;
    match perf.address() {
        Some(address) => writeln!(out, "profiler    http://{address}")?,
        None => writeln!(out, "profiler    records, without an address (PERF_LISTEN=127.0.0.1:0 uses any free port)")?,
    }
    let until = args.seconds.map_or("until Ctrl-C".into(), |seconds| format!("for {seconds} s"));
    match args.users {
        0 => writeln!(out, "load        none; {until}\n")?,
        users => writeln!(out, "load        {users} users, {}, {until}\n", pace(args))?,
    }

    let tally = runtime.block_on(serve(args, listener, address, service.clone(), &perf))?;
    runtime.shutdown_timeout(GRACE);
    if args.users > 0 {
        write!(out, "{tally}")?;
        if let Some(ratio) = perf.snapshot().cache_hit_ratio("answers") {
            writeln!(out, "cache       {:.1} % of searches answered from it\n", 100.0 * ratio)?;
        }
    }
    drop(hogged);
    drop(service); // stops its workers too, so that the report is complete
    drop(perf); // prints the report
    Ok(())
}

fn pace(args: &Args) -> String {
    let scenario = format!("{:?}", args.scenario).to_lowercase();
    if args.rate > 0.0 {
        format!("{} requests/s each, {scenario}", args.rate)
    } else {
        format!("as fast as answered, {scenario}")
    }
}

/// The corpus and the open database.
struct Opened {
    files: Vec<File>,
    store: Store,
    readers: Readers,
    desks: Vec<Desk>,
}

#[perf_sdk::profiled]
impl Opened {
    fn new(args: &Args) -> Result<Self, Box<dyn Error>> {
        let corpus = Corpus::new(&args.corpus, args.max_files as usize)?;
        let files = corpus.files()?;
        let directory = args.data.clone().unwrap_or_else(data_directory);
        let database = directory.join(format!("{:016x}.sqlite", corpus.fingerprint()));
        let failed = |error: &dyn Error| {
            format!("--data {}: {error}; a directory that can be written is allowed", directory.display())
        };
        std::fs::create_dir_all(&directory).map_err(|error| failed(&error))?;
        let store = Store::open(&database).map_err(|error| {
            format!("{}: {error}; delete it or give another directory by --data", database.display())
        })?;
        let readers = Readers::open(&database, args.connection_count()).map_err(|error| failed(&error))?;
        let mut desks = Vec::new();
        for _ in 0..args.thread_count() {
            desks.push(Desk { readers: readers.clone(), scratch: Scratch::default() });
        }
        Ok(Self { files, store, readers, desks })
    }
}

/// Updates the database and loads the index.
#[perf_sdk::profiled]
fn prepare(args: &Args, opened: Opened, out: &mut impl Write) -> Result<Service, Box<dyn Error>> {
    let begin = Instant::now();
    let Opened { files, mut store, readers: _, desks } = opened;
    let (count, bytes) = (files.len(), files.iter().map(|file| file.bytes).sum::<u64>());
    let workers = Workers::start(desks, args.queue as usize)?;
    let changes = refresh::refresh(&mut store, &workers, files)?;
    let index = Arc::new(refresh::load(&store, &workers)?);

    let (items, words) = (index.items().len(), index.word_count());
    writeln!(out, "corpus      {count} files, {:.1} MB: {items} items, {words} words", bytes as f64 / 1e6)?;
    let refresh::Changes { unchanged, indexed, removed, unreadable } = changes;
    write!(out, "index       {indexed} files indexed, {unchanged} unchanged, {removed} removed")?;
    if unreadable > 0 {
        write!(out, ", {unreadable} unreadable")?;
    }
    writeln!(out, ", in {:.1} s", begin.elapsed().as_secs_f64())?;
    metrics::gauge!("service_items").set(items as f64);
    let capacity = if args.cache_thrash { 1 } else { args.cache };
    let (cache, timeout) = (Cache::new(capacity), Duration::from_millis(args.timeout));
    let slow_queries = args.slow_query.then(Default::default);
    let faults = Arc::new(Faults::new(args.leak, args.lock, args.block_runtime));
    Ok(Service { index, workers, cache, timeout, slow_queries, faults })
}

/// Serves, under load, until the time is over or a signal arrives.
async fn serve(
    args: &Args,
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
    perf: &perf_sdk::Handle,
) -> Result<tally::Tally, Box<dyn Error>> {
    let (stop, stopped) = watch::channel(false);
    let mut server_stopped = stopped.clone();
    let server = axum::serve(listener, http::router(service.clone())).with_graceful_shutdown(async move {
        let _ = server_stopped.changed().await;
    });
    let server = tokio::spawn(server.into_future());
    perf_sdk::ready();

    let load = (args.users > 0).then(|| {
        let plan = load::Plan::new(args, address);
        let questions = Questions::new(service.index.by_frequency(), args.seed);
        std::thread::Builder::new().name("users".into()).spawn(move || load::run(plan, questions, stopped))
    });
    if args.driven {
        let perf = perf.clone();
        tokio::task::spawn_blocking(move || driven::obey(&perf)).await??;
    } else {
        end(args.duration()).await?;
    }
    stop.send_replace(true);
    let tally = match load.transpose()? {
        Some(load) => load.join().map_err(|_| "the load generator panicked")??,
        None => tally::Tally::default(),
    };
    if let Ok(served) = tokio::time::timeout(GRACE, server).await {
        served??;
    }
    Ok(tally)
}

/// Waits for the end: Ctrl-C, a termination signal, or the time limit.
async fn end(after: Option<Duration>) -> io::Result<()> {
    let time = async {
        match after {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    #[cfg(unix)]
    let mut termination = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let terminated = termination.recv();
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = time => Ok(()),
        _ = terminated => Ok(()),
        pressed = tokio::signal::ctrl_c() => pressed,
    }
}

/// `service` in the target directory, which is two levels above the executable, or else in the
/// temporary directory.
fn data_directory() -> PathBuf {
    let executable = std::env::current_exe().ok();
    let target = executable.as_deref().and_then(|path| path.ancestors().nth(3));
    match target {
        Some(target) if target.join("CACHEDIR.TAG").is_file() => target.join("service"),
        _ => std::env::temp_dir().join("perf-sdk-service"),
    }
}
