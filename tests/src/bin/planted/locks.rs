//! Locks.

use std::time::Duration;

use perf_sdk::profiled;
use perf_sdk::sync::Mutex;
use tokio::time::sleep;

use super::common::{Plant, Run, usual_work};

pub(crate) const PLANTS: &[Plant] = &[
    Plant { rule: "lock_contention", works: lock_contention },
    Plant { rule: "lock_across_await", works: lock_across_await },
];

static TOTAL: Mutex<u64> = Mutex::new(0);

/// Computes while it holds the lock; corrected, before.
fn lock_contention(run: &Run) {
    const WORK: u64 = 16;

    #[profiled]
    fn update_with_work(number: u64) {
        let mut total = TOTAL.lock().expect("nobody panics");
        *total += (0..WORK).map(|at| usual_work(number + at)).fold(0, u64::wrapping_add) & 1;
    }

    #[profiled]
    fn update(number: u64) {
        let more = (0..WORK).map(|at| usual_work(number + at)).fold(0, u64::wrapping_add) & 1;
        *TOTAL.lock().expect("nobody panics") += more;
    }

    let _perf = run.start_ready();
    run.requests_on(4, |number| if run.is_corrected { update(number) } else { update_with_work(number) });
}

/// Asks another service while it holds the lock; corrected, before.
fn lock_across_await(run: &Run) {
    const ANSWERED: Duration = Duration::from_millis(5);

    #[profiled]
    async fn account(number: u64) {
        let mut total = TOTAL.lock().expect("nobody panics");
        sleep(ANSWERED).await;
        *total += number;
    }

    #[profiled]
    async fn account_after(number: u64) {
        sleep(ANSWERED).await;
        *TOTAL.lock().expect("nobody panics") += number;
    }

    let _perf = run.start_ready();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let mut number = 0;
        while run.goes_on() {
            usual_work(number);
            if run.is_corrected {
                account_after(number).await
            } else {
                account(number).await
            }
            number += 1;
        }
    });
}
