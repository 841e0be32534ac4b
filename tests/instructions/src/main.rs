//! Counts the instructions of the hot path with valgrind, and compares them with those that are
//! kept in `counts.txt`.
//!
//! `cargo run --release --manifest-path tests/instructions/Cargo.toml`; with `-- --keep` the counts
//! are written there. A change that makes a row cost more keeps the new count in the same commit.
//!
//! Counts depend on the compiler, so those of another one are shown only. valgrind makes time pass
//! slowly, and a thread is switched out within more of its calls than elsewhere: of many counts the
//! least is taken. It has no restartable sequences, so the CPU clock is `perf-seq` where perf
//! events are allowed; with another one they are shown only, too. What other threads of the
//! profiler do is not counted.

mod callgrind;
mod rows;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use rows::{CALLS, ROWS, Row};

/// A count may be higher than the one that is kept by this part of it,
const TOLERANCE: f64 = 0.01;
/// or by so many instructions, of a row of few.
const LEAST_TOLERATED: f64 = 0.2;
/// The layout of memory differs from process to process, and with it what is found at once.
const PROCESSES: usize = 3;
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.txt");

fn main() -> ExitCode {
    let argument = env::args().nth(1);
    if let Some(row) = argument.as_deref().and_then(|name| ROWS.iter().find(|row| row.name == name)) {
        rows::run(row);
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() || cfg!(not(target_arch = "x86_64")) {
        println!("SKIPPED: counting instructions needs valgrind, on x86-64");
        return if env::var_os("PERF_TEST_REQUIRE_TOOLS").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    match counts().and_then(|counts| judge(&counts, argument.as_deref() == Some("--keep"))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The instructions of each row, less those of the row without, and the CPU clock.
struct Counts {
    rows: Vec<(&'static str, f64)>,
    clock: String,
}

fn counts() -> io::Result<Counts> {
    let folder = env::temp_dir().join(format!("perf-sdk-instructions-{}", std::process::id()));
    let (mut all, mut clock): (Vec<(&str, f64)>, _) = (Vec::new(), String::new());
    for row in ROWS {
        let mut least = f64::INFINITY;
        for _ in 0..PROCESSES {
            fs::create_dir_all(&folder)?;
            let count = count(row, &folder);
            fs::remove_dir_all(&folder)?;
            let (count, with) = count?;
            (least, clock) = (least.min(count), with);
        }
        let without = row.without.and_then(|name| all.iter().find(|(known, _)| *known == name));
        all.push((row.name, least - without.map_or(0.0, |(_, without)| *without)));
    }
    Ok(Counts { rows: all, clock })
}

/// The least instructions of a call of a row in one process, and its CPU clock.
fn count(row: &Row, folder: &Path) -> io::Result<(f64, String)> {
    let said = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", folder.join("count").display()))
        .arg(env::current_exe()?)
        .arg(row.name)
        // Which calls are measured is said in the code.
        .env("PERF_BUDGET", "off")
        .output()?;
    if !said.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&said.stderr).into_owned()));
    }
    let mut files: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // `count` is what was left at the end.
        files.extend(path.extension().and_then(|part| part.to_str()?.parse().ok()).map(|part| (part, path)));
    }
    files.sort();
    // The first one is what came before.
    let counts: io::Result<Vec<u64>> = files.iter().skip(1).map(|(_, path)| total(path)).collect();
    let least = counts?.into_iter().min().ok_or_else(|| io::Error::other("callgrind wrote no counts"))?;
    Ok((least as f64 / CALLS as f64, String::from_utf8_lossy(&said.stdout).trim().to_owned()))
}

/// The sum in a file of callgrind's.
fn total(path: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| io::Error::other(format!("no total in {}", path.display())))
}

/// Shows the counts beside those that are kept, or keeps them. `false` if one is higher than is
/// tolerated.
fn judge(counts: &Counts, keep: bool) -> io::Result<bool> {
    let compiler = Command::new("rustc").arg("--version").output()?.stdout;
    let how = format!("{}, CPU clock {}", String::from_utf8_lossy(&compiler).trim(), counts.clock);
    if keep {
        let rows: String = counts.rows.iter().map(|(name, count)| format!("{name}: {count:.1}\n")).collect();
        fs::write(KEPT, format!("{how}\n{rows}"))?;
    }
    let kept = fs::read_to_string(KEPT)?;
    let is_comparable = kept.lines().next() == Some(&how);
    let kept = |name: &str| kept.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok());
    let mut is_good = true;
    println!("{:<20} {:>9} {:>9}", "instructions a call", "now", "kept");
    for (name, count) in &counts.rows {
        let kept: f64 = kept(name).ok_or_else(|| io::Error::other(format!("{KEPT} has no count of {name}")))?;
        let most = kept + (kept * TOLERANCE).max(LEAST_TOLERATED);
        is_good &= *count <= most;
        let said = match *count {
            count if count > most => "  more",
            count if count < kept - (most - kept) => "  less: `-- --keep` keeps it",
            _ => "",
        };
        println!("{name:<20} {count:>9.1} {kept:>9.1}{said}");
    }
    match (is_good, is_comparable) {
        (false, true) => println!("a count is more than 1 % higher: `-- --keep` keeps it, in the commit that needs it"),
        (false, false) => println!("not compared: kept with another compiler or clock than {how}"),
        (true, _) => {}
    }
    Ok(is_good || !is_comparable)
}
