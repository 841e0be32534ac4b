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
/// A row differs by up to 7 % from process to process. The least of some is compared with the
/// highest of many, which is kept.
const PROCESSES: usize = 3;
const PROCESSES_TO_KEEP: usize = 9;
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
    let counted = match argument.as_deref() {
        None => counts(PROCESSES, f64::min).and_then(|counts| judge(&counts)),
        Some("--keep") => counts(PROCESSES_TO_KEEP, f64::max).and_then(|counts| keep(&counts)).map(|()| true),
        Some(other) => Err(io::Error::other(format!("{other:?} is no argument: allowed is --keep"))),
    };
    match counted {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The instructions of each row, less those of the row without.
struct Counts {
    rows: Vec<(&'static str, f64)>,
    /// The compiler and the CPU clock: counts with others are not comparable.
    how: String,
}

/// Counts each row in some processes, of which `choose` takes one.
fn counts(processes: usize, choose: fn(f64, f64) -> f64) -> io::Result<Counts> {
    let folder = env::temp_dir().join(format!("perf-sdk-instructions-{}", std::process::id()));
    let (mut all, mut clock): (Vec<(&str, f64)>, _) = (Vec::new(), String::new());
    for row in ROWS {
        let mut chosen = f64::NAN;
        for _ in 0..processes {
            fs::create_dir_all(&folder)?;
            let count = count(row, &folder);
            fs::remove_dir_all(&folder)?;
            let (count, with) = count?;
            // Of a number and none, both `min` and `max` take the number.
            (chosen, clock) = (choose(chosen, count), with);
        }
        let without = row.without.and_then(|name| all.iter().find(|(known, _)| *known == name));
        all.push((row.name, chosen - without.map_or(0.0, |(_, without)| *without)));
    }
    let compiler = Command::new("rustc").arg("--version").output()?.stdout;
    Ok(Counts { rows: all, how: format!("{}, CPU clock {clock}", String::from_utf8_lossy(&compiler).trim()) })
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

fn keep(counts: &Counts) -> io::Result<()> {
    let rows: String = counts.rows.iter().map(|(name, count)| format!("{name}: {count:.1}\n")).collect();
    let text = format!("{}\n{rows}", counts.how);
    print!("{text}");
    fs::write(KEPT, text)
}

/// Shows the counts beside those that are kept. `false` if one is higher than is tolerated.
fn judge(counts: &Counts) -> io::Result<bool> {
    let kept = fs::read_to_string(KEPT)?;
    let is_comparable = kept.lines().next() == Some(&counts.how);
    let kept = |name: &str| kept.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok());
    let mut is_good = true;
    println!("{:<20} {:>9} {:>9}", "instructions a call", "now", "kept");
    for (name, count) in &counts.rows {
        let kept: f64 = kept(name).ok_or_else(|| io::Error::other(format!("{KEPT} has no count of {name}")))?;
        let most = kept + (kept * TOLERANCE).max(LEAST_TOLERATED);
        is_good &= *count <= most;
        println!("{name:<20} {count:>9.1} {kept:>9.1}{}", if *count > most { "  more" } else { "" });
    }
    match (is_good, is_comparable) {
        (false, true) => println!("a count is more than 1 % higher: `-- --keep` keeps it, in the commit that needs it"),
        (false, false) => println!("not compared: kept with another compiler or clock than {}", counts.how),
        (true, _) => {}
    }
    Ok(is_good || !is_comparable)
}
