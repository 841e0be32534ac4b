//! Futures and runtimes.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use perf_sdk::profiled;
use perf_sdk_tests::burn;
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::common::{Plant, Run, usual_work};

pub(crate) const PLANTS: &[Plant] = &[
    Plant { rule: "blocking_poll", works: blocking_poll },
    Plant { rule: "long_poll", works: long_poll },
    Plant { rule: "cancellations", works: cancellations },
    Plant { rule: "uneven_workers", works: uneven_workers },
];

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime")
}

/// A service that answers one request at a time, through a client that blocks.
struct Blocking {
    ask: SyncSender<SyncSender<u64>>,
}

impl Blocking {
    fn new() -> Self {
        const TAKES: Duration = Duration::from_millis(8);
        let (ask, asked): (_, Receiver<SyncSender<u64>>) = sync_channel(16);
        thread::spawn(move || {
            for answer in asked {
                thread::sleep(TAKES);
                let _ = answer.send(7);
            }
        });
        Self { ask }
    }

    fn get(&self) -> u64 {
        let (answer, answered) = sync_channel(1);
        self.ask.send(answer).expect("it runs");
        answered.recv().expect("an answer")
    }
}

/// Calls a blocking client in a future; corrected, on a thread for blocking calls.
fn blocking_poll(run: &Run) {
    #[profiled]
    async fn fetch(client: &'static Blocking) -> u64 {
        client.get()
    }

    #[profiled]
    async fn fetch_elsewhere(client: &'static Blocking) -> u64 {
        spawn_blocking(|| client.get()).await.expect("it does not panic")
    }

    let _perf = run.start_ready();
    let client: &'static Blocking = Box::leak(Box::new(Blocking::new()));
    runtime().block_on(async {
        let mut number = 0;
        while run.goes_on() {
            usual_work(number);
            let answer = if run.is_corrected { fetch_elsewhere(client).await } else { fetch(client).await };
            number += black_box(answer);
        }
    });
}

/// Computes for long in one poll; corrected, on a thread for that.
fn long_poll(run: &Run) {
    const LONG: Duration = Duration::from_millis(60);
    const PAUSE: Duration = Duration::from_millis(150);

    #[profiled]
    async fn report() {
        burn(LONG);
    }

    #[profiled]
    async fn report_elsewhere() {
        spawn_blocking(|| burn(LONG)).await.expect("it does not panic");
    }

    let _perf = run.start_ready();
    runtime().block_on(async {
        let mut number = 0;
        while run.goes_on() {
            usual_work(number);
            if run.is_corrected {
                report_elsewhere().await
            } else {
                report().await
            }
            sleep(PAUSE).await;
            number += 1;
        }
    });
}

/// Gives up sooner than every third answer comes; corrected, later.
fn cancellations(run: &Run) {
    const USUAL: Duration = Duration::from_millis(2);
    const SLOW: Duration = Duration::from_millis(50);
    const SHORT: Duration = Duration::from_millis(10);
    const LONG: Duration = Duration::from_secs(60);

    #[profiled]
    async fn look_up(number: u64) -> u64 {
        sleep(if number.is_multiple_of(3) { SLOW } else { USUAL }).await;
        usual_work(number)
    }

    let _perf = run.start_ready();
    let patience = if run.is_corrected { LONG } else { SHORT };
    runtime().block_on(async {
        let mut number = 0;
        while run.goes_on() {
            let _ = timeout(patience, look_up(number)).await;
            number += 1;
        }
    });
}

/// All of the work is one task; corrected, there are more tasks than workers, with pauses.
fn uneven_workers(run: &Run) {
    async fn work(run: Run, requests: u64, pause: Duration) {
        let mut number = 0;
        while run.goes_on() {
            // Nobody measures this future, whose polls are long.
            (0..requests).for_each(|at| _ = usual_work(number + at));
            number += requests;
            sleep(pause).await;
        }
    }

    let _perf = run.start_ready();
    let runtime = runtime();
    perf_sdk::watch_runtime("main", runtime.handle());
    let (tasks, requests, pause) = if run.is_corrected { (8, 4, 100) } else { (1, 500, 1) };
    let pause = Duration::from_millis(pause);
    let tasks: Vec<_> = (0..tasks).map(|_| runtime.spawn(work(run.clone(), requests, pause))).collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("it does not panic");
        }
    });
}
