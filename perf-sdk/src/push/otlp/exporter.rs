//! The thread that sends.

use std::io;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message as _;

use super::batch::{Batch, Batches, UserMetrics};
use super::plan::OtlpPlan;
use crate::base::background::{Background, Pauses};
use crate::base::headroom;
use crate::export::otlp::MOST_SERIES;
use crate::memory;
use crate::push::account::Account;
use crate::push::backlog::Backlog;
use crate::push::client::{self, Failure, Request};
use crate::push::ending::{Ending, LAST};
use crate::push::random;
use crate::record::{OwnThread, Part};
use crate::snapshot::DeliveryKind;

/// The timeout of a request: that of OpenTelemetry's own exporters.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// What is read of a response, which says how many data points were refused.
const RESPONSE_BYTES: usize = 16 << 10;

/// Sends until it is dropped, which takes less than two seconds. At the end it sends the last
/// figures if there is time.
#[derive(Debug)]
pub(crate) struct OtlpExporter(Option<Background>);

impl OtlpExporter {
    /// `user`: the program's own metrics.
    pub(crate) fn start(plan: OtlpPlan, user: UserMetrics) -> io::Result<Self> {
        let thread = Background::start("perf-sdk-otlp", move |pauses| {
            let _own = OwnThread::enter(Part::Otlp);
            memory::uncounted(|| Exporter::new(&plan, user, pauses).run());
        })?;
        Ok(Self(Some(thread)))
    }

    /// Called in a forked child, where the thread does not exist.
    pub(crate) fn forget(mut self) {
        if let Some(thread) = self.0.take() {
            thread.forget();
        }
    }
}

impl Drop for OtlpExporter {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            thread.end_within(LAST);
        }
    }
}

struct Exporter<'a> {
    plan: &'a OtlpPlan,
    batches: Batches,
    backlog: Backlog<Batch>,
    account: Account,
    pauses: &'a Pauses,
    ending: Ending<'a>,
}

impl<'a> Exporter<'a> {
    fn new(plan: &'a OtlpPlan, user: UserMetrics, pauses: &'a Pauses) -> Self {
        Self {
            plan,
            batches: Batches::new(plan, user),
            backlog: Backlog::default(),
            account: Account::open(DeliveryKind::Otlp, plan.target.to_string()),
            pauses,
            ending: Ending::new(pauses),
        }
    }

    fn run(mut self) {
        // Programs of a fleet that start together do not send together.
        let first = self.plan.interval.mul_f64(random::half_to_one());
        let mut due = Instant::now() + first.max(Duration::from_secs(1));
        loop {
            let now = Instant::now();
            let attempt = self.backlog.next_attempt(now).unwrap_or(due);
            let goes_on = self.pauses.wait(attempt.min(due).saturating_duration_since(now));
            let is_late = self.ending.deadline().is_some_and(|end| end <= Instant::now());
            if !is_late && (!goes_on || Instant::now() >= due) {
                due = Instant::now() + self.plan.interval;
                // Without memory, the next figures count for these too.
                if headroom::is_there(headroom::TURN_BYTES) {
                    self.take();
                }
            }
            self.send();
            if !goes_on {
                break;
            }
        }
        let lost: u64 = std::iter::from_fn(|| self.backlog.take_oldest()).map(|batch| batch.points).sum();
        self.account.failed(lost);
        if lost > 0 {
            self.account.late();
        }
        self.account.waiting(0);
        self.account.publish();
    }

    fn take(&mut self) {
        let Self { batches, backlog, account, .. } = self;
        let taken = batches
            .take(|batch| account.failed(backlog.add(batch, Instant::now()).iter().map(|lost| lost.points).sum()));
        match taken {
            Ok(0) => {}
            Ok(left_out) => {
                account.failed(left_out);
                account.error(format!("{left_out} series are left out: {MOST_SERIES} are sent as differences"));
            }
            Err(error) => account.error(format!("metrics are not encoded: {error}")),
        }
        account.waiting(backlog.len());
        account.publish();
    }

    /// Sends what waits, the oldest first, until one fails.
    fn send(&mut self) {
        while let Some(batch) = self.backlog.oldest() {
            let start = Instant::now();
            let end = self.ending.deadline();
            let may = self.backlog.next_attempt(start).is_some_and(|at| at <= start) || end.is_some();
            if !may || end.is_some_and(|end| end <= start) {
                break;
            }
            let deadline = || self.ending.deadline().map_or(start + REQUEST_TIME, |end| end.min(start + REQUEST_TIME));
            let (points, request) = (batch.points, self.request(batch));
            match client::post(&self.plan.target, &request, &deadline) {
                Ok(answer) => {
                    self.backlog.pop();
                    self.accepted(points, &answer);
                }
                Err(failure) => {
                    self.account.error(failure.to_string());
                    if is_passing(&failure) {
                        self.backlog.postpone(Instant::now(), random::half_to_one(), failure.retry_after());
                        break;
                    }
                    self.backlog.pop();
                    self.account.failed(points);
                }
            }
        }
        self.account.waiting(self.backlog.len());
        self.account.publish();
    }

    /// A server may refuse some of the data points of a request that it accepts.
    fn accepted(&mut self, points: u64, answer: &[u8]) {
        let partial = ExportMetricsServiceResponse::decode(answer).ok().and_then(|answer| answer.partial_success);
        let partial = partial.unwrap_or_default();
        let refused = u64::try_from(partial.rejected_data_points).unwrap_or(0).min(points);
        self.account.ok(points - refused);
        self.account.failed(refused);
        if refused > 0 || !partial.error_message.is_empty() {
            let words: String = partial.error_message.chars().filter(|c| !c.is_control()).take(200).collect();
            self.account.error(format!("the server refused {refused} data points: {words}"));
        }
    }

    fn request(&self, batch: &Batch) -> Request {
        let mut headers = vec![
            ("Content-Type".into(), "application/x-protobuf".to_owned()),
            ("Content-Encoding".into(), "gzip".to_owned()),
        ];
        let own = self.plan.headers.iter();
        headers.extend(own.map(|(name, value)| (name.to_owned().into(), value.to_owned())));
        Request { path: batch.path.to_owned(), headers, body: batch.body.clone(), read_bytes: RESPONSE_BYTES }
    }
}

/// Whether a retry may succeed, by OTLP's specification of failures.
fn is_passing(failure: &Failure) -> bool {
    match failure {
        Failure::Broken(_) => true,
        Failure::Refused { status, .. } => matches!(status, 429 | 502 | 503 | 504),
    }
}
