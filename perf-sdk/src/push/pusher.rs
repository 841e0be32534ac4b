//! The thread that delivers.

use std::io;
use std::time::{Duration, Instant};

use super::account::Account;
use super::backlog::Backlog;
use super::client;
use super::connect;
use super::ending::{Ending, LAST};
use super::folder::Folder;
use super::ingest;
use super::plan::{Plan, Push};
use super::random;
use super::windows::{Profile, Windows};
use crate::base::background::{Background, Pauses};
use crate::base::headroom;
use crate::memory;
use crate::record::{OwnThread, Part};
use crate::settings::PushProtocol;
use crate::settings::ServiceName;
use crate::snapshot::DeliveryKind;

/// The timeout of one request is the interval, within these bounds.
const LEAST_TIME: Duration = Duration::from_secs(2);
const MOST_TIME: Duration = Duration::from_secs(10);

/// Delivers until it is dropped, which takes less than two seconds. At the end it delivers the last
/// window if there is time.
#[derive(Debug)]
pub(crate) struct Pusher(Option<Background>);

impl Pusher {
    /// `folder` is that of the plan.
    pub(crate) fn start(plan: Plan) -> io::Result<Self> {
        // Opened here, not on the thread, so that the first window includes everything allocated
        // after the start.
        let windows = Windows::open();
        let thread = Background::start("perf-sdk-push", move |pauses| {
            let _own = OwnThread::enter(Part::Push);
            memory::uncounted(|| deliver(&plan, windows, pauses));
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

impl Drop for Pusher {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            thread.end_within(LAST);
        }
    }
}

fn deliver(plan: &Plan, mut windows: Windows, pauses: &Pauses) {
    let mut files = plan.files.as_ref().map(|files| Folder::new(files, &plan.name));
    let mut push = plan.push.as_ref().map(|push| Sender::new(push, &plan.name, plan.interval));
    let ending = Ending::new(pauses);
    let mut due = Instant::now() + plan.interval.mul_f64(random::half_to_one()).max(Duration::from_secs(1));
    loop {
        let now = Instant::now();
        let attempt = push.as_ref().and_then(|push| push.backlog.next_attempt(now)).unwrap_or(due);
        let goes_on = pauses.wait(attempt.min(due).saturating_duration_since(now));
        // The time that a request took after the end began is not available for another profile.
        let is_late = ending.deadline().is_some_and(|end| end <= Instant::now());
        let is_due = !is_late && (!goes_on || Instant::now() >= due);
        if is_due && !headroom::is_there(headroom::TURN_BYTES) {
            // The window stays open, and the next profile covers it too.
            due = Instant::now() + plan.interval;
        } else if is_due {
            let mut missing = Vec::new();
            let profiles = windows.turn(&mut missing);
            due = Instant::now() + plan.interval;
            if let Some(files) = &mut files {
                files.write(&profiles, &missing);
            }
            if let Some(push) = &mut push {
                push.add(profiles, &missing);
            }
        }
        if let Some(push) = &mut push {
            push.send(due, &ending);
        }
        if !goes_on {
            break;
        }
    }
    if let Some(push) = &mut push {
        push.end();
    }
}

struct Sender<'a> {
    push: &'a Push,
    name: &'a ServiceName,
    /// The timeout of one request.
    time: Duration,
    backlog: Backlog<Profile>,
    account: Account,
}

impl<'a> Sender<'a> {
    fn new(push: &'a Push, name: &'a ServiceName, interval: Duration) -> Self {
        let time = interval.clamp(LEAST_TIME, MOST_TIME);
        let account = Account::open(DeliveryKind::Push, push.target.to_string());
        Self { push, name, time, backlog: Backlog::default(), account }
    }

    fn add(&mut self, profiles: Vec<Profile>, missing: &[String]) {
        if profiles.is_empty() && !missing.is_empty() {
            self.account.error(missing.join("; "));
        }
        for profile in profiles {
            self.account.failed(self.backlog.add(profile, Instant::now()).len() as u64);
        }
        self.account.waiting(self.backlog.len());
        self.account.publish();
    }

    /// Pushes waiting profiles, the oldest first, until one fails or the next window is due.
    fn send(&mut self, due: Instant, ending: &Ending<'_>) {
        while let Some(profile) = self.backlog.oldest() {
            let start = Instant::now();
            if ending.deadline().is_some_and(|end| end <= start) {
                break;
            }
            let may = self.backlog.next_attempt(start).is_some_and(|at| at <= start) || ending.deadline().is_some();
            if !may || (start >= due && ending.deadline().is_none()) {
                break;
            }
            let deadline = || ending.deadline().map_or(start + self.time, |end| end.min(start + self.time));
            let request = self.request(profile);
            let result = client::post(&self.push.target, &request, &deadline);
            let goes_on = match result {
                Ok(_) => {
                    self.account.ok(1);
                    self.backlog.pop();
                    true
                }
                Err(failure) => {
                    self.account.error(failure.to_string());
                    if failure.is_passing() {
                        self.backlog.postpone(Instant::now(), random::half_to_one(), failure.retry_after());
                        false
                    } else {
                        self.backlog.pop();
                        self.account.failed(1);
                        true
                    }
                }
            };
            self.account.waiting(self.backlog.len());
            self.account.publish();
            if !goes_on {
                break;
            }
        }
    }

    fn request(&self, profile: &Profile) -> client::Request {
        let mut request = match self.push.protocol {
            PushProtocol::Ingest => ingest::request(self.name, &self.push.labels, profile),
            PushProtocol::Push => connect::request(self.name, &self.push.labels, profile),
        };
        request
            .headers
            .extend(self.push.token.iter().map(|token| ("Authorization".into(), format!("Bearer {}", token.reveal()))));
        request.headers.extend(self.push.tenant.iter().map(|tenant| ("X-Scope-OrgID".into(), tenant.clone())));
        request
    }

    fn end(&mut self) {
        let lost = self.backlog.give_up();
        self.account.failed(lost);
        if lost > 0 {
            self.account.late();
        }
        self.account.waiting(0);
        self.account.publish();
    }
}
