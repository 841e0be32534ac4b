//! Measures the cost of profiling a real service with the default budget: CPU time per request, and
//! throughput. The load generator runs in the same process, on its own thread. The budget is a
//! share of the whole process.
//!
//! (a) One process, with recording switched off and on in turn, in slices of a quarter of a second.
//! (b) Processes with the profiler compiled in and without, in turn. Each slice with the profiler
//! is compared with its neighbour without, in random order. The confidence interval is that of the
//! trimmed mean of the logarithms of the pairs' ratios. A systematic error of (b) cannot be
//! averaged out: the code layout of two builds differs, which makes some percent of difference
//! either way.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Number of pairs of slices in (a).
const PAIRS: usize = 1_000;
const SLICE_MS: u32 = 250;
/// Number of pairs between two reads of the budget's own account.
const ACCOUNT_EVERY: usize = 10;
/// Warm-up: the budget finds its rates, and caches fill.
const WARM_UP_MS: u32 = 8_000;
/// Number of pairs of processes in (b). The memory layout differs from one process to the next.
const PROCESSES: usize = 8;
const PAIRS_EACH: usize = 10;
/// Duration of load before each measurement, because the load has just resumed.
const LEAD_MS: u32 = 150;
/// Quantile of the normal distribution for a 95 % interval.
const Z: f64 = 1.96;
/// The share of the pairs that is trimmed at either end: other load on the machine makes single
/// slices half as expensive again.
const TRIMMED: f64 = 0.1;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Service {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

#[derive(Clone, Copy)]
struct Slice {
    cpu_per_request: f64,
    /// Without the load generator, which is in the same process.
    service_per_request: f64,
    requests_per_second: f64,
}

impl Service {
    fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["--driven", "--rate", "0", "--users", "16"])
            .env("PERF_LISTEN", "off")
            .env("PERF_REPORT", "false")
            // Its own are found from the folder of the examples, and it is compiled elsewhere.
            .env("PERF_TARGETS", concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/service/targets.toml"))
            .env("PERF_ALERTS", concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/service/alerts.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take().ok_or("no pipe")?);
        Ok(Self { child, orders, answers: BufReader::new(answers) })
    }

    fn order(&mut self, order: &str) -> Result<()> {
        Ok(writeln!(self.orders.as_mut().ok_or("no pipe")?, "{order}")?)
    }

    fn slice(&mut self, on: bool, ms: u32) -> Result<Slice> {
        let [cpu_ns, load_ns, requests, wall_ns] =
            self.ask(&format!("slice {} {ms}", if on { "on" } else { "off" }))?;
        if requests < 1.0 {
            return Err("no request was answered in a whole slice".into());
        }
        Ok(Slice {
            cpu_per_request: cpu_ns / requests,
            service_per_request: (cpu_ns - load_ns) / requests,
            requests_per_second: requests * 1e9 / wall_ns,
        })
    }

    /// Sends a command, of which the answer has `N` numbers.
    fn ask<const N: usize>(&mut self, order: &str) -> Result<[f64; N]> {
        self.order(order)?;
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                return Err("the service ended".into());
            }
            if let Some(answer) = line.strip_prefix("@ ") {
                let numbers: Vec<f64> =
                    answer.trim().split(' ').map(str::parse).collect::<std::result::Result<_, _>>()?;
                return numbers.try_into().map_err(|_| format!("answer {answer:?}").into());
            }
        }
    }

    /// A single slice: the load runs only during it.
    fn turn(&mut self, on: bool, ms: u32) -> Result<Slice> {
        self.order("run")?;
        self.slice(on, LEAD_MS)?;
        let slice = self.slice(on, ms)?;
        self.order("pause")?;
        Ok(slice)
    }

    fn stop(mut self) -> Result<()> {
        drop(self.orders.take());
        // Reads the rest of the output.
        for line in self.answers.by_ref().lines() {
            line?;
        }
        if self.child.wait()?.success() { Ok(()) } else { Err("the service failed".into()) }
    }
}

/// A relative difference, in percent.
struct Estimate {
    percent: f64,
    /// Half the width of the 95 % interval.
    within: f64,
    pairs: usize,
}

impl Estimate {
    /// The trimmed mean, with its standard error from the winsorised variance (Tukey and McLaughlin
    /// 1963).
    fn of(logarithms: &[f64]) -> Self {
        let mut sorted = logarithms.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (n, cut) = (sorted.len(), (sorted.len() as f64 * TRIMMED) as usize);
        let kept = &sorted[cut..n - cut];
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        let winsorised = |at: usize| sorted[at.clamp(cut, n - cut - 1)];
        let centre = (0..n).map(winsorised).sum::<f64>() / n as f64;
        let variance = (0..n).map(|at| (winsorised(at) - centre).powi(2)).sum::<f64>() / (n - 1) as f64;
        let error = variance.sqrt() / ((1.0 - 2.0 * TRIMMED) * (n as f64).sqrt());
        Self { percent: 100.0 * mean, within: 100.0 * Z * error, pairs: n }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { percent, within, pairs } = self;
        write!(f, "{percent:+.2} % ± {within:.2} % (95 %, {pairs} pairs; at most {:+.2} %)", percent + within)
    }
}

/// A simple generator without a dependency: the order of a pair need not be unpredictable.
struct Coin(u64);

impl Coin {
    fn toss(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 63 == 1
    }
}

#[derive(Default)]
struct Pairs {
    cpu: Vec<f64>,
    service: Vec<f64>,
    throughput: Vec<f64>,
    with: Vec<f64>,
}

impl Pairs {
    fn add(&mut self, with: Slice, without: Slice) {
        self.cpu.push((with.cpu_per_request / without.cpu_per_request).ln());
        self.service.push((with.service_per_request / without.service_per_request).ln());
        self.throughput.push((with.requests_per_second / without.requests_per_second).ln());
        self.with.push(with.cpu_per_request);
    }

    fn print(&mut self, what: &str) {
        self.with.sort_by(f64::total_cmp);
        println!("{what}");
        println!(
            "  CPU per request        {} of {:.0} µs",
            Estimate::of(&self.cpu),
            self.with[self.with.len() / 2] / 1e3
        );
        println!("  without the load       {}", Estimate::of(&self.service));
        println!("  throughput             {}", Estimate::of(&self.throughput));
    }
}

fn build(manifest: &Path, on: bool) -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--release", "--package", "perf-sdk-cost-service", "--manifest-path"])
        .arg(manifest);
    if on {
        cargo.args(["--features", "on"]);
    }
    if !cargo.status()?.success() {
        return Err("the service does not build".into());
    }
    let folder = std::env::current_exe()?.parent().ok_or("no folder")?.to_owned();
    let copy = folder.join(if on { "service-on" } else { "service-off" });
    fs::copy(folder.join("service"), &copy)?;
    Ok(copy)
}

fn main() -> Result<()> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let (off, on) = (build(&manifest, false)?, build(&manifest, true)?);
    let mut coin = Coin(0x2545_f491_4f6c_dd1d);

    let mut service = Service::start(&on)?;
    service.order("run")?;
    service.slice(true, WARM_UP_MS)?;
    let mut pairs = Pairs::default();
    let mut accounts = Vec::new();
    for at in 0..PAIRS {
        let on_first = coin.toss();
        let [first, second] = [on_first, !on_first].map(|on| service.slice(on, SLICE_MS));
        let (with, without) = if on_first { (first?, second?) } else { (second?, first?) };
        pairs.add(with, without);
        if at % ACCOUNT_EVERY == 0 {
            let [_, achieved, floor] = service.ask("account")?;
            accounts.push([achieved, floor]);
        }
    }
    service.stop()?;
    pairs.print("recording switched on, in one process");
    let [achieved, floor] =
        [0, 1].map(|at| 100.0 * accounts.iter().map(|a| a[at]).sum::<f64>() / accounts.len() as f64);
    println!("  the budget's account   {achieved:.2} %, of which counting {floor:.2} %");

    let mut pairs = Pairs::default();
    for _ in 0..PROCESSES {
        let mut services = [Service::start(&off)?, Service::start(&on)?];
        for service in &mut services {
            service.turn(true, WARM_UP_MS / 4)?;
        }
        for _ in 0..PAIRS_EACH {
            let on_first = coin.toss();
            let [first, second] = [on_first, !on_first].map(|on| services[usize::from(on)].turn(true, 2 * SLICE_MS));
            let (with, without) = if on_first { (first?, second?) } else { (second?, first?) };
            pairs.add(with, without);
        }
        for service in services {
            service.stop()?;
        }
    }
    pairs.print("compiled in, against compiled off");
    Ok(())
}
