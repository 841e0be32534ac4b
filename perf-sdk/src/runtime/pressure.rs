//! The job that evaluates how short memory is, of what is nearest to its limit.

use std::time::Duration;

use super::latest::Latest;
use super::scheduler::Job;
use super::worker::Worker;
use crate::monitor::MemoryReader;
use crate::pool::{PressureResponse, PressureWatch, Thresholds, Used};
use crate::record::Part;
use crate::settings::{ByteSize, Settings};

/// Callbacks and relief are the worker's. Without one, there are none.
pub(super) fn job(settings: &Settings, worker: Option<Worker>) -> Job {
    let own_limit = settings.memory_limit.map(ByteSize::as_bytes);
    let thresholds =
        settings.pressure.map(|shares| Thresholds { high: shares.high.ratio(), critical: shares.critical.ratio() });
    Job::new(Part::Pressure, Duration::ZERO, move || {
        let mut reader = MemoryReader::new();
        let mut watch = PressureWatch::new(thresholds.filter(|_| worker.is_some()));
        let respond = worker.map(|worker| Latest::new(worker, PressureResponse::add, PressureResponse::run));
        Box::new(move || {
            let (pause, response) = watch.turn(|| memory_used(&mut reader, own_limit));
            if let (Some(response), Some(respond)) = (response, &respond) {
                respond.hand_over(response);
            }
            pause
        })
    })
}

/// Of what is nearest to its limit, the program's own among them.
fn memory_used(reader: &mut MemoryReader, own_limit: Option<u64>) -> Option<Used> {
    let own = own_limit.and_then(|limit| Some((crate::monitor::resident_bytes()?, limit)));
    let all = own.into_iter().chain(reader.read());
    let share = |(used, limit): &(u64, u64)| *used as f64 / *limit as f64;
    let (used_bytes, limit_bytes) = all.max_by(|a, b| share(a).total_cmp(&share(b)))?;
    Some(Used { used_bytes, limit_bytes })
}
