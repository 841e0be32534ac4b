//! Runs every peer in its own process, in interleaved rounds, and prints the cost of a call.
//!
//! The cost is CPU time of the process, so it includes a peer's own threads, divided by the calls
//! of all threads.

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;

const ROWS: &[(&str, &str)] = &[
    ("peer-sdk", "bare call"),
    ("peer-sdk", "two counter reads"),
    ("peer-sdk", "perf-sdk, measured"),
    ("peer-sdk", "perf-sdk, sampled out"),
    ("peer-sdk", "perf-sdk, budgeted"),
    ("peer-off", "perf-sdk, feature off"),
    ("peer-sdk", "perf-sdk, async"),
    ("peer-sdk", "perf-sdk, tracing layer"),
    ("peer-hotpath", "hotpath"),
    ("peer-hotpath-alloc", "hotpath with alloc"),
    ("peer-others", "fastrace"),
    ("peer-others", "autometrics"),
    ("peer-others", "tracing + tracing-flame"),
    ("peer-others", "puffin"),
    ("peer-others", "Instant + metrics histogram"),
];
const THREADS: [usize; 3] = [1, 2, 8];
const ROUNDS: usize = 15;
/// Approximate CPU time of a round.
const ROUND_NS: f64 = 20e6;
/// Number of calls after which memory is measured.
const MANY_CALLS: u64 = 20_000_000;
const UNIT: &str = "two counter reads";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Peer {
    name: &'static str,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Nanoseconds for each call: one list for each number of threads.
    times: Vec<Vec<f64>>,
    rss_growth_bytes: i64,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    threads: usize,
    ns_min: f64,
    ns_median: f64,
    ns_max: f64,
    rss_growth_bytes: i64,
}

impl Peer {
    fn start(folder: &Path, package: &str, name: &'static str) -> Result<Self> {
        let mut child =
            Command::new(folder.join(package)).arg(name).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (orders, answers) = (child.stdin.take().ok_or("no pipe")?, child.stdout.take().ok_or("no pipe")?);
        let times = vec![Vec::new(); THREADS.len()];
        Ok(Self { name, child, orders, answers: BufReader::new(answers), times, rss_growth_bytes: 0 })
    }

    fn ask(&mut self, order: &str) -> Result<Vec<u64>> {
        writeln!(self.orders, "{order}")?;
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                return Err(format!("{} ended", self.name).into());
            }
            // Other lines are output of the peer.
            if let Some(answer) = line.strip_prefix("@ ") {
                return Ok(answer.trim().split(' ').map(str::parse).collect::<std::result::Result<_, _>>()?);
            }
        }
    }

    /// CPU nanoseconds for each call.
    fn round(&mut self, threads: usize, calls: u64) -> Result<f64> {
        let answer = self.ask(&format!("round {threads} {calls}"))?;
        Ok(answer[0] as f64 / (threads as u64 * calls) as f64)
    }
}

fn main() -> Result<()> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut packages: Vec<&str> = ROWS.iter().map(|(package, _)| *package).collect();
    packages.dedup();
    packages.sort_unstable();
    packages.dedup();
    for package in packages {
        // Built one by one, because Cargo would unify the features of all.
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--package", package, "--manifest-path"])
            .arg(manifest.join("Cargo.toml"))
            .status()?;
        if !built.success() {
            return Err(format!("{package} does not build").into());
        }
    }
    let folder = std::env::current_exe()?.parent().ok_or("no folder")?.to_owned();
    let peers = ROWS.iter().map(|(package, name)| Peer::start(&folder, package, name));
    let mut peers: Vec<Peer> = peers.collect::<Result<_>>()?;

    for (at, threads) in THREADS.into_iter().enumerate() {
        let mut calls = Vec::new();
        for peer in &mut peers {
            // The first calls of each thread fill the caches.
            peer.round(threads, 5_000)?;
            let ns = peer.round(threads, 20_000)?.max(0.5);
            let fitting = (ROUND_NS / ns / threads as f64) as u64;
            calls.push(fitting.clamp(10_000, 4_000_000) / 1_000 * 1_000);
        }
        for _ in 0..ROUNDS {
            for (peer, calls) in peers.iter_mut().zip(&calls) {
                let ns = peer.round(threads, *calls)?;
                peer.times[at].push(ns);
            }
        }
    }
    for peer in &mut peers {
        let before = peer.ask("rss")?[0] as i64;
        peer.round(1, MANY_CALLS)?;
        peer.rss_growth_bytes = peer.ask("rss")?[0] as i64 - before;
    }
    report(manifest, &mut peers)?;
    for mut peer in peers {
        drop(peer.orders);
        peer.child.wait()?;
    }
    println!();
    if !Command::new(folder.join("peer-sdk")).arg("table").status()?.success() {
        return Err("the second table failed".into());
    }
    Ok(())
}

fn report(manifest: &Path, peers: &mut [Peer]) -> Result<()> {
    for peer in &mut *peers {
        peer.times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    }
    let mut rows = Vec::new();
    println!(
        "CPU nanoseconds a call: least, median, most; ratio of medians to {UNIT}; resident memory after {MANY_CALLS} more calls"
    );
    for (at, threads) in THREADS.into_iter().enumerate() {
        println!(
            "\n{:<30} {:>9} {:>9} {:>9} {:>8} {:>12}",
            format!("{threads} threads"),
            "min",
            "median",
            "max",
            "ratio",
            "memory"
        );
        let unit = peers.iter().find(|peer| peer.name == UNIT).map_or(f64::NAN, |peer| peer.times[at][ROUNDS / 2]);
        for peer in &*peers {
            let [min, median, max] = [0, ROUNDS / 2, ROUNDS - 1].map(|rank| peer.times[at][rank]);
            let memory = format!("{:+.1} MiB", peer.rss_growth_bytes as f64 / f64::from(1 << 20));
            println!("{:<30} {min:>9.2} {median:>9.2} {max:>9.2} {:>8.2} {memory:>12}", peer.name, median / unit);
            rows.push(Row {
                name: peer.name,
                threads,
                ns_min: min,
                ns_median: median,
                ns_max: max,
                rss_growth_bytes: peer.rss_growth_bytes,
            });
        }
    }
    let target = manifest.join("../../target/perf");
    fs::create_dir_all(&target)?;
    fs::write(target.join("peers.json"), serde_json::to_string_pretty(&rows)? + "\n")?;
    Ok(())
}
