//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// A code-search service, profiled by perf-sdk while its own load generator asks it questions.
#[derive(Clone, Debug, Parser)]
#[command(name = "service", max_term_width = 110)]
pub(crate) struct Args {
    /// Directory whose Rust sources are searched; may be given more than once [default: this
    /// workspace and its fetched dependencies]
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Vec<PathBuf>,

    /// Maximum number of files; more are thinned out, those of the workspace last
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = whole::<1, 10_000_000>)]
    pub(crate) max_files: u64,

    /// Directory of the database that makes restarts fast [default: beside the executable, in the
    /// target directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Address of the service; with port 0, any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Users of the load generator; 0: no load
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = whole::<0, 10_000>)]
    pub(crate) users: u64,

    /// Questions that each user asks per second, whether or not the answers come in time; 0: the
    /// next one as soon as the last is answered
    #[arg(long, value_name = "N", default_value_t = 25.0, value_parser = rate)]
    pub(crate) rate: f64,

    /// How the number of users changes
    #[arg(long, value_enum, default_value_t = Scenario::Steady)]
    pub(crate) scenario: Scenario,

    /// Ends after this many seconds [default: at Ctrl-C]
    #[arg(long, value_name = "N", value_parser = whole::<1, 31_536_000>)]
    pub(crate) seconds: Option<u64>,

    /// Accepts commands on stdin from a program that measures the cost of profiling
    #[arg(long, conflicts_with = "seconds")]
    pub(crate) driven: bool,

    /// Seed of everything random in the load
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<0, { u64::MAX }>)]
    pub(crate) seed: u64,

    /// Threads that search and index [default: one per core]
    #[arg(long, value_name = "N", value_parser = whole::<1, 256>)]
    pub(crate) threads: Option<u64>,

    /// Maximum number of questions that wait for a thread; further ones are refused with status 503
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = whole::<1, 1_000_000>)]
    pub(crate) queue: u64,

    /// Maximum number of cached answers, fewer than there are different questions
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = whole::<0, 10_000_000>)]
    pub(crate) cache: u64,

    /// Milliseconds after which a question is abandoned with status 504
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = whole::<1, 600_000>)]
    pub(crate) timeout: u64,

    /// Looks, for one in eight items that are read, for its name in all items: misses the targets
    /// of reading items and of slow statements
    #[arg(long)]
    pub(crate) slow_query: bool,

    /// Gives the cache room for one answer: misses the targets of the cache
    #[arg(long)]
    pub(crate) cache_thrash: bool,

    /// Takes three of four database connections and never uses them: misses the target of the pool
    #[arg(long)]
    pub(crate) hog: bool,

    /// Keeps 16 KiB of each search for ever, up to 1 GiB
    #[arg(long)]
    pub(crate) leak: bool,

    /// Holds a lock for 4 ms in each search that the cache does not answer
    #[arg(long)]
    pub(crate) lock: bool,

    /// Blocks a thread of the runtime for 10 ms in each search
    #[arg(long)]
    pub(crate) block_runtime: bool,
}

/// How the number of users changes over the run, or over every half minute of an endless run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// All users, all the time
    Steady,
    /// All users, and four times as many in the middle fifth of the run
    Spike,
    /// From one user to all of them
    Ramp,
}

impl Args {
    pub(crate) fn duration(&self) -> Option<Duration> {
        self.seconds.map(Duration::from_secs)
    }

    pub(crate) fn thread_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, |threads| threads as usize)
    }

    /// Four for each thread that uses them.
    pub(crate) fn connection_count(&self) -> u32 {
        4 * self.thread_count() as u32
    }
}

fn whole<const MIN: u64, const MAX: u64>(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if (MIN..=MAX).contains(&number) => Ok(number),
        _ => Err(format!("a whole number from {MIN} to {MAX} is allowed")),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address and a port such as 127.0.0.1:8080 or [::1]:0 is allowed".into())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=10_000.0).contains(&rate) => Ok(rate),
        _ => Err("a number from 0 to 10000 is allowed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn a_wrong_value_is_named_with_what_is_allowed() {
        for (option, value, allowed) in [
            ("--users", "-1", "0 to 10000"),
            ("--users", "10001", "0 to 10000"),
            ("--users", "many", "0 to 10000"),
            ("--scenario", "flood", "steady, spike, ramp"),
            ("--seconds", "0", "1 to"),
            ("--rate", "NaN", "0 to 10000"),
            ("--max-files", "0", "1 to"),
            ("--listen", "localhost", "127.0.0.1:8080"),
        ] {
            let error = Args::try_parse_from(["service", &format!("{option}={value}")]).unwrap_err().to_string();
            assert!(error.contains(option) && error.contains(value) && error.contains(allowed), "{error}");
        }
    }
}
