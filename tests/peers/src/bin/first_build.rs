//! CPU time of a program's first release build with this profiler, beside hotpath's with
//! allocations: `cargo run --release --manifest-path tests/peers/Cargo.toml --bin first_build`.
//!
//! Each program is built twice from nothing, in turns, because what else runs on a machine changes
//! CPU times by half: only ratios within one run say something. This program is also the wrapper of
//! the compiler, and notes what each crate took. The rest of a build are build scripts: jemalloc's
//! compiler and `make`, for one.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The file in which a wrapper notes what it saw.
const LOG: &str = "PERF_BUILD_LOG";
const ROUNDS: usize = 2;
/// Number of crates of each program that are shown.
const SHOWN: usize = 12;

const SDK: &str = "#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();
#[perf_sdk::profiled]
fn work(n: u64) -> u64 { (0..n).sum() }
fn main() { let _perf = perf_sdk::start(); println!(\"{}\", work(100)); }
";
const HOTPATH: &str = "#[hotpath::measure]
fn work(n: u64) -> u64 { (0..n).sum() }
#[hotpath::main]
fn main() { println!(\"{}\", work(100)); }
";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Program {
    name: &'static str,
    dependency: String,
    source: &'static str,
    /// Seconds of each build.
    built: Vec<f64>,
    /// The least seconds of each crate.
    crates: BTreeMap<String, f64>,
    bytes: u64,
}

impl Program {
    fn new(name: &'static str, dependency: String, source: &'static str) -> Self {
        Self { name, dependency, source, built: Vec::new(), crates: BTreeMap::new(), bytes: 0 }
    }

    /// The name of its package and folder.
    fn package(&self) -> String {
        format!("first-build-{}", self.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
    }

    fn build(&mut self, folder: &Path) -> Result<()> {
        let package = self.package();
        let (folder, log) = (folder.join(&package), folder.join(format!("{package}.log")));
        let target = folder.join("target");
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        fs::create_dir_all(folder.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"{package}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{}\n",
            self.dependency
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src/main.rs"), self.source)?;
        fs::write(&log, "")?;
        let cargo = || {
            let mut cargo = Command::new("cargo");
            cargo.current_dir(&folder).env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "0");
            cargo
        };
        if !cargo().args(["fetch", "--quiet"]).status()?.success() {
            return Err("cargo fetch failed".into());
        }
        let before = children_s();
        let mut build = cargo();
        build.args(["build", "--release", "--quiet"]).env("RUSTC_WRAPPER", std::env::current_exe()?).env(LOG, &log);
        if !build.status()?.success() {
            return Err(format!("{package} was not built").into());
        }
        self.built.push(children_s() - before);
        let mut crates: BTreeMap<String, f64> = BTreeMap::new();
        for line in fs::read_to_string(&log)?.lines() {
            if let Some((seconds, name)) = line.split_once(' ') {
                *crates.entry(name.to_owned()).or_default() += seconds.parse::<f64>()?;
            }
        }
        for (name, seconds) in crates {
            let least = self.crates.entry(name).or_insert(f64::INFINITY);
            *least = least.min(seconds);
        }
        self.bytes = fs::metadata(target.join("release").join(&package))?.len();
        Ok(())
    }

    fn least(&self) -> f64 {
        self.built.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// CPU seconds of all children that ended, and of theirs.
fn children_s() -> f64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: room for a `rusage`, for which zeros are valid.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Runs the compiler, and notes its CPU time.
fn wrap(log: &str) -> Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let rustc = args.next().ok_or("no compiler")?;
    let args: Vec<String> = args.collect();
    let status = Command::new(rustc).args(&args).status()?;
    let name = args.iter().position(|arg| arg == "--crate-name").and_then(|at| args.get(at + 1));
    // `___` is cargo's question what the compiler can.
    if let Some(name) = name.filter(|name| *name != "___") {
        let mut log = OpenOptions::new().append(true).open(log)?;
        log.write_all(format!("{:.3} {name}\n", children_s()).as_bytes())?;
    }
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> Result<ExitCode> {
    if let Ok(log) = std::env::var(LOG) {
        return wrap(&log);
    }
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../perf-sdk").canonicalize()?;
    let with = |features: &str| format!("perf-sdk = {{ path = {sdk:?}, features = [{features}] }}");
    let hotpath = "hotpath = { version = \"=0.30.3\", default-features = false, \
                   features = [\"hotpath\", \"hotpath-alloc\"] }";
    let mut programs = [
        Program::new("hotpath", hotpath.to_owned(), HOTPATH),
        Program::new("default", with(""), SDK),
        Program::new("jemalloc", with("\"jemalloc\""), SDK),
    ];
    // `first_build NAME...` builds these only, beside hotpath.
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let folder = std::env::temp_dir().join(format!("perf-sdk-first-build-{}", std::process::id()));
    for _ in 0..ROUNDS {
        for program in &mut programs {
            if program.name == "hotpath" || wanted.is_empty() || wanted.iter().any(|name| name == program.name) {
                program.build(&folder)?;
            }
        }
    }
    fs::remove_dir_all(&folder)?;

    let unit = programs[0].least();
    println!("CPU seconds of a first release build, the least of {ROUNDS}");
    for program in programs.iter().filter(|program| !program.built.is_empty()) {
        let (all, compiled) = (program.least(), program.crates.values().sum::<f64>());
        println!(
            "\n{}: {all:.1} s, {:.2} of hotpath's; {:.1} s of them in build scripts and cargo; {} names compiled; {:.1} MB",
            program.name,
            all / unit,
            (all - compiled).max(0.0),
            // With what build scripts compile to probe the compiler, without themselves and the
            // program.
            program.crates.keys().filter(|name| !name.starts_with("build_script")).count() - 1,
            program.bytes as f64 / 1e6
        );
        let mut crates: Vec<(&String, &f64)> = program.crates.iter().collect();
        crates.sort_by(|a, b| b.1.total_cmp(a.1));
        for (name, seconds) in crates.into_iter().take(SHOWN) {
            println!("{seconds:8.1}  {name}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
