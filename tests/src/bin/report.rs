//! Programs on which reports are made. They obey commands on stdin, one in each line, and say
//! `done`, so that all stands still when figures are compared.

use std::hint::black_box;
use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use perf_sdk::Outcome;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let guard = std::env::args().nth(1).unwrap_or_else(|| "off".to_owned());
    // Without a budget all calls are measured, so that two programs say the same.
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).budget("off").heap("4KiB");
    let builder = builder.token("a-token-of-some-length").guard(&guard);
    let handle = builder.targets("p99(\"handle\") < 1us; resident < 100GiB").start().expect("a start");
    say(&format!("http://{}/", handle.address().expect("an address")));
    let mut held: Vec<Vec<u8>> = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| -> u64 { words[at].parse().expect("a number") };
        match words[0] {
            // A function's name, how many calls of it, and of how many microseconds the shortest
            // is; the longest is twice as long.
            "calls" => {
                let name: &'static str = words[1].to_owned().leak();
                for call in 0..number(2) {
                    let us = number(3) + number(3) * call / number(2);
                    let outcome = if call % 100 == 99 { Outcome::Error } else { Outcome::Ok };
                    perf_sdk::record(name, Duration::from_micros(us), outcome);
                }
            }
            "work" => (0..number(1)).for_each(|round| drop(handle_one(round))),
            "many" => {
                for call in 0..number(1) {
                    let name: &'static str = format!("function {call} of many").leak();
                    perf_sdk::record(name, Duration::from_micros(call + 1), Outcome::Ok);
                }
            }
            "hold" => held.extend((0..number(1)).map(|_| keep())),
            "mark" => perf_sdk::mark(&line[5..]),
            other => panic!("no command {other:?}"),
        }
        say("done");
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").expect("a reader");
    out.flush().expect("a reader");
}

#[perf_sdk::profiled(name = "handle", root)]
fn handle_one(round: u64) -> Result<u64, String> {
    let found = search(round);
    if round % 50 == 49 { Err(format!("round {round}")) } else { Ok(found) }
}

#[perf_sdk::profiled]
fn search(round: u64) -> u64 {
    let held: Vec<u64> = black_box((0..4_096 + round % 64).collect());
    held.iter().fold(0, |sum, number| sum ^ rank(*number))
}

#[perf_sdk::profiled]
fn rank(number: u64) -> u64 {
    black_box(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7)
}

/// A MiB that stays.
#[perf_sdk::profiled]
fn keep() -> Vec<u8> {
    black_box(vec![1; 1 << 20])
}
