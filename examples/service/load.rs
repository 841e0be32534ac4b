//! The load generator: simulated users who send real words over real connections, at random times.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use perf_sdk::FutureExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::args::{Args, Scenario};
use crate::driven;
use crate::question::{Question, Questions};
use crate::random::Random;
use crate::tally::Tally;

/// In an endless run, the scenario repeats after this time.
const ENDLESS_PERIOD: Duration = Duration::from_secs(30);

/// The factor by which a spike multiplies the number of users.
const SPIKE: u32 = 4;

/// The users, and the times of their questions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    address: SocketAddr,
    users: u32,
    /// Questions of each user per second; 0: without a pause.
    rate: f64,
    scenario: Scenario,
    period: Duration,
    seed: u64,
}

impl Plan {
    /// A plan for a service that listens on `address`.
    pub(crate) fn new(args: &Args, mut address: SocketAddr) -> Self {
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        Self {
            address,
            users: args.users as u32,
            rate: args.rate,
            scenario: args.scenario,
            period: args.duration().unwrap_or(ENDLESS_PERIOD),
            seed: args.seed,
        }
    }

    /// The maximum number of users at any time.
    fn most(&self) -> u32 {
        if self.scenario == Scenario::Spike { self.users * SPIKE } else { self.users }
    }

    /// The number of users after `elapsed`.
    fn active(&self, elapsed: Duration) -> u32 {
        let part = (elapsed.as_secs_f64() / self.period.as_secs_f64()).fract();
        match self.scenario {
            Scenario::Steady => self.users,
            Scenario::Spike if (0.4..0.6).contains(&part) => self.users * SPIKE,
            Scenario::Spike => self.users,
            Scenario::Ramp => (f64::from(self.users) * part).ceil().max(1.0) as u32,
        }
    }
}

/// Runs all users until `stop` changes, and returns what they observed. It runs on the calling
/// thread, which is not one of the service's.
pub(crate) fn run(plan: Plan, questions: Questions, stop: watch::Receiver<bool>) -> std::io::Result<Tally> {
    driven::note_load_thread();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let (begin, questions) = (Instant::now(), Arc::new(questions));
        let users: Vec<_> = (0..plan.most())
            .map(|number| {
                let user = User {
                    number,
                    plan,
                    questions: questions.clone(),
                    random: Random::new(plan.seed, u64::from(number)),
                    connection: None,
                    last_results: Vec::new(),
                    tally: Tally::default(),
                };
                tokio::spawn(user.live(begin, stop.clone()))
            })
            .collect();
        let mut tally = Tally::default();
        for user in users {
            if let Ok(seen) = user.await {
                tally.add(&seen);
            }
        }
        tally.set_elapsed(begin.elapsed());
        tally
    }))
}

struct User {
    number: u32,
    plan: Plan,
    questions: Arc<Questions>,
    random: Random,
    connection: Option<SendRequest<Empty<Bytes>>>,
    /// The items found by the last search.
    last_results: Vec<i64>,
    tally: Tally,
}

impl User {
    async fn live(mut self, begin: Instant, mut stop: watch::Receiver<bool>) -> Tally {
        let mut due = begin;
        loop {
            if self.plan.rate > 0.0 {
                due += Duration::from_secs_f64(self.random.gap(self.plan.rate));
            } else {
                due = Instant::now();
            }
            tokio::select! {
                biased;
                _ = stop.changed() => return self.tally,
                () = async {
                    while driven::is_paused() || self.plan.active(begin.elapsed()) <= self.number {
                        self.connection = None;
                        sleep(Duration::from_millis(20)).await;
                        due = Instant::now();
                    }
                    // A late question is sent at once, and the delay counts, because a real user
                    // would have noticed it. Otherwise the time counts from now: timers have a
                    // resolution of a millisecond, for which the service is not responsible.
                    let late = due <= Instant::now();
                    sleep_until(due).await;
                    self.ask(if late { due } else { Instant::now() }).await;
                } => {}
            }
        }
    }

    /// Sends one question, and measures the time until its answer, from `begin` on.
    async fn ask(&mut self, begin: Instant) {
        let question = self.questions.pick(&mut self.random, &self.last_results);
        let path = question.path();
        let patience = match question {
            // The user has continued typing before the answer came.
            Question::Search(_) if self.random.unit() < 0.01 => {
                Some(Duration::from_secs_f64(self.random.unit() * 2e-3))
            }
            _ => None,
        };
        let wants_results = matches!(question, Question::Search(_)) && self.random.unit() < 0.1;
        let answer = self.request(&path).profiled("user request");
        let answer = match patience {
            Some(patience) => timeout(patience, answer).await,
            None => Ok(answer.await),
        };
        match answer {
            Ok(Ok((status, body))) => {
                self.tally.answered(status, begin.elapsed());
                driven::answered();
                if wants_results && status == 200 {
                    self.last_results = ids(&body);
                }
            }
            Ok(Err(_)) => {
                self.connection = None;
                self.tally.broken();
                sleep(Duration::from_millis(10)).await;
            }
            Err(_) => {
                // A part of the answer may still be in transit on it.
                self.connection = None;
                self.tally.abandoned();
            }
        }
    }

    /// Sends a request over the user's own connection. Returns status and body.
    async fn request(&mut self, path: &str) -> Result<(u16, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(self.plan.address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        let Some(sender) = &mut self.connection else { return Err("no connection".into()) };
        sender.ready().await?;
        let host = self.plan.address.to_string();
        let request = Request::get(path).header(header::HOST, host).body(Empty::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

/// The ids of the items in a page of results.
fn ids(page: &[u8]) -> Vec<i64> {
    #[derive(serde::Deserialize)]
    struct Page {
        results: Vec<Row>,
    }
    #[derive(serde::Deserialize)]
    struct Row {
        id: i64,
    }
    serde_json::from_slice(page)
        .map_or_else(|_| Vec::new(), |page: Page| page.results.iter().map(|row| row.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(scenario: Scenario, part: f64) -> u32 {
        let period = Duration::from_secs(10);
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let plan = Plan { address, users: 10, rate: 1.0, scenario, period, seed: 1 };
        assert!(plan.active(period.mul_f64(part)) <= plan.most());
        plan.active(period.mul_f64(part))
    }

    #[test]
    fn scenarios_determine_the_number_of_users() {
        for (part, steady, spike, ramp) in [
            (0.0, 10, 10, 1),
            (0.05, 10, 10, 1),
            (0.5, 10, 40, 5),
            (0.7, 10, 10, 7),
            (0.99, 10, 10, 10),
            (1.5, 10, 40, 5),
        ] {
            let found = [Scenario::Steady, Scenario::Spike, Scenario::Ramp].map(|scenario| active(scenario, part));
            assert_eq!(found, [steady, spike, ramp], "after {part}");
        }
    }

    #[test]
    fn results_are_read_from_a_page() {
        assert_eq!(ids(br#"{"total":2,"results":[{"id":7,"name":"a"},{"id":9}]}"#), [7, 9]);
        assert!(ids(b"oops").is_empty());
    }
}
