//! The thread that posts.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::alertmanager;
use super::message::Sender;
use super::retry::Retry;
use super::webhook;
use crate::alert::{AlertChange, AlertEvent, Alerts};
use crate::base::background::{Background, Pauses};
use crate::base::headroom;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::memory;
use crate::push::{Account, Request, post};
use crate::record::{OwnThread, Part};
use crate::settings::PushServer;
use crate::snapshot::{DeliveryKind, write_json};

/// The number of changes that wait while a server does not answer.
const MOST_WAITING: usize = 1_000;
/// The timeout of a request.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// How long the end of the program waits for what is not delivered.
const LAST: Duration = Duration::from_secs(1);
/// The pause when there is no memory for a turn.
const WITHOUT_MEMORY: Duration = Duration::from_secs(1);

/// Where alerts are posted, and as whose.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) webhook: Option<PushServer>,
    pub(crate) alertmanager: Option<PushServer>,
    pub(crate) sender: Sender,
}

/// What was not posted yet.
#[derive(Debug, Default)]
struct Waiting {
    /// For the webhook, the oldest first.
    events: VecDeque<AlertEvent>,
    /// For the Alertmanager: what is over.
    over: VecDeque<AlertEvent>,
    now: Alerts,
    /// Something changed.
    is_new: bool,
    /// Changes that found no room.
    lost: [u64; 2],
}

/// Hands alerts over to the thread.
#[derive(Clone, Debug)]
pub(crate) struct Handed {
    waiting: Arc<Mutex<Waiting>>,
    thread: Thread,
}

impl Handed {
    /// What is so now, and what happened. What is explained by other alerts is left out.
    pub(crate) fn hand_over(&self, now: &Alerts, events: &[AlertEvent]) {
        let mut waiting = self.waiting.lock().unpoisoned();
        waiting.now.clone_from(now);
        let told = || events.iter().filter(|event| event.explained_by.is_empty());
        waiting.is_new |= told().next().is_some();
        waiting.events.extend(told().cloned());
        waiting.over.extend(told().filter(|event| event.change == AlertChange::Resolved).cloned());
        let Waiting { events, over, lost, .. } = &mut *waiting;
        for (queue, lost) in [events, over].into_iter().zip(lost) {
            let beyond = queue.len().saturating_sub(MOST_WAITING);
            queue.drain(..beyond);
            *lost += beyond as u64;
        }
        let is_new = waiting.is_new;
        drop(waiting);
        if is_new {
            self.thread.unpark();
        }
    }
}

/// Posts until it is dropped, which takes a second at most.
#[derive(Debug)]
pub(crate) struct Notifier {
    thread: Option<Background>,
    handed: Handed,
}

impl Notifier {
    pub(crate) fn start(places: Places) -> io::Result<Self> {
        let waiting: Arc<Mutex<Waiting>> = Arc::default();
        let ours = Arc::clone(&waiting);
        let thread = Background::start("perf-sdk-alerts", move |pauses| {
            let _own = OwnThread::enter(Part::Alerts);
            memory::uncounted(|| Posting::new(places, ours).run(pauses));
        })?;
        let handed = Handed { waiting, thread: thread.thread().clone() };
        Ok(Self { thread: Some(thread), handed })
    }

    pub(crate) fn handed(&self) -> Handed {
        self.handed.clone()
    }

    /// Called in a forked child, where the thread does not exist.
    pub(crate) fn forget(mut self) {
        if let Some(thread) = self.thread.take() {
            thread.forget();
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.end_within(LAST + Duration::from_millis(100));
        }
    }
}

/// One place.
#[derive(Debug)]
struct Place {
    server: PushServer,
    path: &'static str,
    retry: Retry,
    account: Account,
}

impl Place {
    fn new(server: PushServer, path: &'static str, by: DeliveryKind) -> Self {
        let account = Account::open(by, format!("{server}{path}"));
        Self { server, path, retry: Retry::default(), account }
    }

    /// The next attempt is due at once.
    fn hurry(&mut self) {
        self.retry.succeeded();
    }

    /// Posts a body that stands for some changes. Whether these are done with: delivered, or
    /// refused for good.
    fn post(&mut self, body: &impl Serialize, changes: u64, deadline: &dyn Fn() -> Instant) -> bool {
        let mut bytes = Vec::new();
        if write_json(body, &mut bytes).is_err() {
            return true;
        }
        let headers = vec![("Content-Type".into(), "application/json".to_owned())];
        let request = Request { path: self.path.to_owned(), headers, body: bytes, read_bytes: 0 };
        match post(&self.server, &request, deadline) {
            Ok(_) => {
                self.account.ok(changes);
                self.retry.succeeded();
                true
            }
            Err(failure) => {
                let is_passing = failure.is_passing();
                self.account.error(failure.to_string());
                if is_passing {
                    self.retry.failed(Instant::now());
                } else {
                    self.account.failed(changes);
                    self.retry.succeeded();
                }
                !is_passing
            }
        }
    }
}

fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

struct Posting {
    waiting: Arc<Mutex<Waiting>>,
    sender: Sender,
    webhook: Option<Place>,
    alertmanager: Option<Place>,
    /// When the Alertmanager was told last.
    told: Option<Instant>,
}

impl Posting {
    fn new(places: Places, waiting: Arc<Mutex<Waiting>>) -> Self {
        let Places { webhook, alertmanager, sender } = places;
        Self {
            waiting,
            sender,
            webhook: webhook.map(|server| {
                // A request line has a path.
                let path = if server.prefix.is_empty() { "/" } else { "" };
                Place::new(server, path, DeliveryKind::Webhook)
            }),
            alertmanager: alertmanager.map(|server| Place::new(server, "/api/v2/alerts", DeliveryKind::Alertmanager)),
            told: None,
        }
    }

    fn run(&mut self, pauses: &Pauses) {
        let end = Cell::new(None);
        let begin = Cell::new(Instant::now());
        // Once the program ends, there is little time.
        let deadline = || {
            if pauses.is_over() && end.get().is_none() {
                end.set(Some(Instant::now() + LAST));
            }
            let usual = begin.get() + REQUEST_TIME;
            end.get().map_or(usual, |end: Instant| end.min(usual))
        };
        loop {
            begin.set(Instant::now());
            if pauses.is_over() {
                // The last attempt does not wait for its turn.
                [&mut self.webhook, &mut self.alertmanager].into_iter().flatten().for_each(Place::hurry);
            }
            let has_memory = headroom::is_there(headroom::TURN_BYTES);
            if has_memory {
                self.post_events(&deadline);
                begin.set(Instant::now());
                self.tell(&deadline);
            }
            if pauses.is_over() {
                break;
            }
            let pause = if has_memory { self.pause() } else { WITHOUT_MEMORY };
            pauses.wait_or_call(pause);
        }
    }

    /// The time until there is something to do, unless something happens.
    fn pause(&self) -> Duration {
        let now = Instant::now();
        let waiting = self.waiting.lock().unpoisoned();
        let mut pause = alertmanager::AGAIN;
        if let Some(webhook) = self.webhook.as_ref().filter(|_| !waiting.events.is_empty()) {
            pause = pause.min(webhook.retry.pause(now));
        }
        if let Some(place) = &self.alertmanager {
            let fires = waiting.now.active().next().is_some();
            let told = self.told.filter(|_| fires);
            let again =
                told.map_or(alertmanager::AGAIN, |told| (told + alertmanager::AGAIN).saturating_duration_since(now));
            let is_due = waiting.is_new || !waiting.over.is_empty();
            let due = if is_due { Duration::ZERO } else { again };
            pause = pause.min(due.max(place.retry.pause(now)));
        }
        pause.max(Duration::from_millis(10))
    }

    /// All that wait for the webhook, as long as it answers.
    fn post_events(&mut self, deadline: &dyn Fn() -> Instant) {
        let Some(place) = &mut self.webhook else {
            self.waiting.lock().unpoisoned().events.clear();
            return;
        };
        while place.retry.is_due(Instant::now()) && deadline() > Instant::now() {
            let events: Vec<AlertEvent> = {
                let mut waiting = self.waiting.lock().unpoisoned();
                place.account.failed(std::mem::take(&mut waiting.lost[0]));
                place.account.waiting(waiting.events.len() as u64);
                let number = webhook::together(waiting.events.iter());
                waiting.events.iter().take(number).cloned().collect()
            };
            let Some(body) = webhook::body(&events, &self.sender) else { break };
            if !place.post(&body, events.len() as u64, deadline) {
                break;
            }
            let mut waiting = self.waiting.lock().unpoisoned();
            // Others may have found no room meanwhile: then these are gone.
            let lost = waiting.lost[0] as usize;
            let done = events.len().saturating_sub(lost);
            waiting.events.drain(..done);
            place.account.waiting(waiting.events.len() as u64);
        }
        place.account.publish();
    }

    /// Tells the Alertmanager what fires and what is over, if it is time.
    fn tell(&mut self, deadline: &dyn Fn() -> Instant) {
        let Some(place) = &mut self.alertmanager else {
            let mut waiting = self.waiting.lock().unpoisoned();
            waiting.over.clear();
            waiting.is_new = false;
            return;
        };
        if !place.retry.is_due(Instant::now()) {
            return;
        }
        let (now, over, was_new) = {
            let mut waiting = self.waiting.lock().unpoisoned();
            let fires = waiting.now.active().next().is_some();
            let is_again = fires && self.told.is_none_or(|told| told.elapsed() >= alertmanager::AGAIN);
            if !waiting.is_new && waiting.over.is_empty() && !is_again {
                return;
            }
            place.account.failed(std::mem::take(&mut waiting.lost[1]));
            let over: Vec<AlertEvent> = waiting.over.iter().cloned().collect();
            (waiting.now.clone(), over, std::mem::take(&mut waiting.is_new))
        };
        let body = alertmanager::body(&now, &over, &self.sender, unix_ns());
        let is_done = body.is_empty() || place.post(&body, u64::from(was_new || !over.is_empty()), deadline);
        let mut waiting = self.waiting.lock().unpoisoned();
        if is_done {
            let lost = waiting.lost[1] as usize;
            let done = over.len().saturating_sub(lost);
            waiting.over.drain(..done);
            self.told = Some(Instant::now());
        } else {
            waiting.is_new |= was_new;
        }
        place.account.waiting(waiting.over.len() as u64);
        drop(waiting);
        place.account.publish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertSeverity, AlertState};

    fn event(number: u64) -> AlertEvent {
        AlertEvent {
            at_unix_ns: number,
            rule: number.to_string(),
            subject: String::new(),
            fingerprint: String::new(),
            change: if number.is_multiple_of(2) { AlertChange::Fired } else { AlertChange::Resolved },
            severity: AlertSeverity::Warning,
            evidence: AlertState::default().evidence,
            value: None,
            summary: String::new(),
            since_unix_ns: 0,
            fired_seconds: 0.0,
            explained_by: String::new(),
            bundle: String::new(),
        }
    }

    #[test]
    fn while_a_server_is_down_for_ten_minutes_what_fits_is_kept_and_it_is_not_asked_often() {
        let handed = Handed { waiting: Arc::default(), thread: std::thread::current() };
        let (mut retry, begin, mut attempts) = (Retry::default(), Instant::now(), 0);
        for second in 0..600 {
            // Four changes a second, of which two are ends.
            let events: Vec<AlertEvent> = (0..4).map(|at| event(4 * second + at)).collect();
            handed.hand_over(&Alerts::default(), &events);
            let now = begin + Duration::from_secs(second);
            if retry.is_due(now) {
                attempts += 1;
                retry.failed(now);
            }
        }
        let waiting = handed.waiting.lock().unwrap();
        let rules = |queue: &VecDeque<AlertEvent>| queue.iter().map(|event| event.at_unix_ns).collect::<Vec<_>>();
        assert_eq!(rules(&waiting.events), (1_400..2_400).collect::<Vec<_>>(), "the latest, in their order");
        assert_eq!(rules(&waiting.over), (401..2_400).step_by(2).collect::<Vec<_>>());
        assert_eq!(waiting.lost, [1_400, 200]);
        assert!((20..30).contains(&attempts), "{attempts}");
    }
}
