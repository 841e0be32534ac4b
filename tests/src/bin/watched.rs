//! A program that the command line looks at. It says where its profiler listens, and obeys commands
//! on stdin, one in each line, until that ends.

use std::hint::black_box;
use std::io::{BufRead as _, Write as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).start().expect("a start");
    let place = perf.address().map_or_else(|| "none".to_owned(), |address| address.to_string());
    say(&place);
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match command {
            "work" => work(rest.parse().expect("a number")),
            // From now on.
            "goes-on" => drop(thread::spawn(|| {
                loop {
                    work(200);
                    thread::sleep(Duration::from_millis(10));
                }
            })),
            // Two functions of one name, from now on.
            "twins" => drop(thread::spawn(|| {
                loop {
                    black_box(search(1));
                    (0..3).for_each(|number| _ = black_box(twin::search(number)));
                    thread::sleep(Duration::from_millis(2));
                }
            })),
            // Such a program, with the environment of this one.
            "child" => {
                let mut child = Command::new(std::env::current_exe().expect("a path"))
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .spawn()
                    .expect("a child");
                child.stdin.take().expect("a pipe").write_all(b"work 50\n").expect("a reader");
                assert!(child.wait().expect("an end").success());
            }
            "exit" => {
                drop(perf);
                std::process::exit(rest.parse().expect("a status"))
            }
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

#[perf_sdk::profiled(root)]
fn answer(number: u64) -> Result<u64, String> {
    let found = search(number);
    if number % 10 == 9 { Err(format!("number {number}")) } else { Ok(found) }
}

#[perf_sdk::profiled]
fn search(number: u64) -> u64 {
    let held: Vec<u64> = black_box((0..256 + number % 64).collect());
    held.iter().sum()
}

mod twin {
    #[perf_sdk::profiled]
    pub(super) fn search(number: u64) -> u64 {
        std::hint::black_box(number + 1)
    }
}

fn work(calls: u64) {
    (0..calls).for_each(|number| drop(black_box(answer(number))));
}
