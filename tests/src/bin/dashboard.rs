//! Programs whose dashboard a browser looks at. They obey commands on stdin, one in each line, and
//! say `done`, so that all stands still when figures are compared.

use std::hint::black_box;
use std::io::{BufRead as _, Write as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use perf_sdk::Handle;
use perf_sdk::sync::Mutex;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    // Without a budget all calls are measured, so that two programs say the same.
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).budget("off");
    match name.as_str() {
        "open" => obey(&started(builder)),
        "guarded" => obey(&started(builder.token("a-token-of-some-length").guard("all"))),
        "unstarted" => unstarted(),
        _ => panic!("no scenario {name:?}"),
    }
}

fn started(builder: perf_sdk::Builder) -> Handle {
    let handle = builder.start().expect("a start");
    say(&format!("http://{}/", handle.address().expect("an address")));
    handle
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").expect("a reader");
    out.flush().expect("a reader");
}

/// Routes on a server of the program's own, of a profiler that was not started.
fn unstarted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("its address");
    let app = axum::Router::new().nest("/perf", perf_sdk::router());
    runtime.spawn(async move { axum::serve(listener, app).await });
    work(10);
    say(&format!("http://{address}/perf"));
    std::io::stdin().lock().lines().for_each(drop);
}

#[perf_sdk::profiled(root)]
fn answer(number: u64, lock: &Mutex<u64>) -> Result<u64, String> {
    let found = search(number);
    *lock.lock().expect("no panic") += found;
    if number % 10 == 9 { Err(format!("number {number}")) } else { Ok(found) }
}

#[perf_sdk::profiled]
fn search(number: u64) -> u64 {
    let held: Vec<u64> = black_box((0..64 + number % 64).collect());
    held.iter().sum::<u64>() + inner::search(number)
}

/// Another function of the same name.
mod inner {
    #[perf_sdk::profiled]
    pub(super) fn search(number: u64) -> u64 {
        std::hint::black_box(number * 3)
    }
}

fn work(calls: u64) {
    let lock = Arc::new(Mutex::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..calls).for_each(|number| drop(black_box(answer(number, &lock)))));
        }
    });
}

fn obey(handle: &Handle) {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match command {
            "work" => work(rest.parse().expect("a number")),
            "mark" => perf_sdk::mark(rest),
            "recording" => handle.set_recording(rest == "on"),
            "many" => {
                for number in 0..rest.parse::<u64>().expect("a number") {
                    let name: &'static str = format!("function {number} of many").leak();
                    perf_sdk::record(name, Duration::from_micros(number + 1), perf_sdk::Outcome::Ok);
                }
            }
            "exit" => std::process::exit(0),
            other => panic!("no command {other:?}"),
        }
        say("done");
    }
}
