//! The start, limits of the system, panics, and the profiler itself.

use std::fs::{self, File};
use std::hint::black_box;
use std::panic::{catch_unwind, set_hook};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use perf_sdk::profiled;
use perf_sdk_tests::limit_descriptors;

use super::common::{Plant, Run, steps, usual_work};

pub(crate) const PLANTS: &[Plant] = &[
    Plant { rule: "measurement", works: measurement },
    Plant { rule: "slower", works: slower },
    Plant { rule: "throttling", works: throttling },
    Plant { rule: "descriptors", works: descriptors },
    Plant { rule: "panics", works: panics },
    Plant { rule: "startup", works: startup },
];

/// A function of a few instructions is counted, however often it is called; corrected, it may rest.
fn measurement(run: &Run) {
    #[profiled(hot = count)]
    #[inline(never)]
    fn mix_counted(hash: u64) -> u64 {
        hash.rotate_left(5) ^ 0x9e37_79b9_7f4a_7c15
    }

    #[profiled(hot = rest)]
    #[inline(never)]
    fn mix(hash: u64) -> u64 {
        hash.rotate_left(5) ^ 0x9e37_79b9_7f4a_7c15
    }

    let _perf = run.start_ready();
    let mix = if run.is_corrected { mix } else { mix_counted };
    run.requests(|request| {
        usual_work(request);
        black_box((0..200_000).fold(request, |hash, _| mix(hash)));
    });
}

/// Does four times as much as in the time before, which is the corrected one.
fn slower(run: &Run) {
    const TAKES: Duration = Duration::from_millis(2);

    #[profiled]
    fn answer(number: u64, times: u32) -> u64 {
        // The service that it asks takes as long.
        thread::sleep(TAKES * times);
        steps(number)
    }

    let _perf = run.start_ready();
    let times = if run.is_corrected { 1 } else { 4 };
    run.requests_on(4, |number| {
        usual_work(number);
        black_box(answer(number, times));
    });
}

/// More threads compute than the quota of the control group allows; corrected, there is no quota.
/// `PLANTED_GROUP` names a folder of a control group that may be written.
fn throttling(run: &Run) {
    if let Some(group) = std::env::var_os("PLANTED_GROUP").map(PathBuf::from) {
        fs::write(group.join("cgroup.procs"), std::process::id().to_string()).expect("a group that can be joined");
    }
    let _perf = run.start_ready();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut number = 0;
                while run.goes_on() {
                    usual_work(number);
                    number += 1;
                    if run.is_corrected {
                        thread::sleep(Duration::from_millis(4));
                    }
                }
            });
        }
    });
}

/// Opens a file for each request and keeps it; corrected, it is closed.
fn descriptors(run: &Run) {
    const LIMIT: u64 = 512;
    const MOST: usize = 420;

    #[profiled]
    fn open() -> File {
        File::open("/dev/null").expect("a file")
    }

    limit_descriptors(LIMIT);
    let _perf = run.start_ready();
    let mut kept = Vec::new();
    run.requests(|request| {
        usual_work(request);
        let file = open();
        if !run.is_corrected && kept.len() < MOST {
            kept.push(file);
        }
    });
}

/// Panics at what it cannot parse; corrected, it returns an error.
fn panics(run: &Run) {
    #[profiled]
    fn number_or_panic(text: &str) -> u64 {
        text.parse().expect("a number")
    }

    #[profiled]
    fn number(text: &str) -> Result<u64, std::num::ParseIntError> {
        text.parse()
    }

    let _perf = run.start_ready();
    set_hook(Box::new(|_| ()));
    run.requests(|request| {
        usual_work(request);
        let text = if request.is_multiple_of(10) { "ten".to_owned() } else { request.to_string() };
        if run.is_corrected {
            let _ = black_box(number(&text));
        } else {
            let _ = black_box(catch_unwind(|| number_or_panic(&text)));
        }
    });
}

/// Is ready after what it depends on, which takes some seconds; corrected, it waits for that beside
/// its requests.
fn startup(run: &Run) {
    const TAKES: Duration = Duration::from_millis(5_200);

    #[profiled]
    fn connect() -> u64 {
        let (is_there, there) = channel();
        thread::spawn(move || {
            thread::sleep(TAKES);
            is_there.send(1)
        });
        there.recv().expect("it comes")
    }

    let perf = run.start(|builder| builder);
    if run.is_corrected {
        perf_sdk::ready();
        thread::spawn(connect);
    } else {
        black_box(connect());
        perf_sdk::ready();
    }
    run.requests(|request| _ = usual_work(request));
    drop(perf);
}
