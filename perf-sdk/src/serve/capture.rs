//! Query parameters, and windows of time that a request waits for.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{StatusCode, Uri};
use tokio::sync::Semaphore;
#[cfg(feature = "stacks")]
use tokio::sync::SemaphorePermit;

use super::reply::{self, Refusal};
use crate::snapshot::{self, Snapshot};
#[cfg(feature = "stacks")]
use crate::snapshot::{CpuProfile, WallProfile, WallWindow, Window};

/// Captures at once: each holds a snapshot.
const MAX_CAPTURES: usize = 4;
/// Longest capture.
const MAX_SECONDS: f64 = 3_600.0;

static CAPTURES: Semaphore = Semaphore::const_new(MAX_CAPTURES);
/// Of stacks: each holds counts of what was seen, and all see the same samples.
#[cfg(feature = "stacks")]
const MAX_STACK_CAPTURES: usize = 16;
/// How long a capture of stacks takes when nobody says.
#[cfg(feature = "stacks")]
pub(super) const USUAL: Duration = Duration::from_secs(30);
#[cfg(feature = "stacks")]
static STACK_CAPTURES: Semaphore = Semaphore::const_new(MAX_STACK_CAPTURES);

/// A request's query, with only known parameters.
#[derive(Debug)]
pub(super) struct Query(HashMap<String, String>);

impl Query {
    /// A refusal for a parameter that is not `known`.
    pub(super) fn parse(uri: &Uri, known: &[&str]) -> Result<Self, Refusal> {
        let query = Self::parse_any(uri)?;
        match query.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Refusal::bad(format!("parameter {name:?} is not known; allowed: {}", list(known)))),
            None => Ok(query),
        }
    }

    /// Whatever its parameters are called.
    pub(super) fn parse_any(uri: &Uri) -> Result<Self, Refusal> {
        let pairs: axum::extract::Query<HashMap<String, String>> = axum::extract::Query::try_from_uri(uri)
            .map_err(|error| Refusal::bad(format!("the query cannot be read: {error}")))?;
        Ok(Self(pairs.0))
    }

    /// The value of a parameter; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `seconds`: how long to wait, if at all.
    fn seconds(&self) -> Result<Option<Duration>, Refusal> {
        let Some(text) = self.get("seconds") else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(seconds) if seconds > 0.0 && seconds <= MAX_SECONDS => Ok(Some(Duration::from_secs_f64(seconds))),
            _ => Err(Refusal::bad(format!("seconds is {text:?}; allowed: a number above 0, up to {MAX_SECONDS}"))),
        }
    }

    /// Stacks of the next `seconds`, at `hz` samples for each second of CPU time; without `seconds`, or 0 of them, of `otherwise`, or if
    /// that is nothing everything since the start.
    #[cfg(feature = "stacks")]
    pub(super) async fn cpu_profile(&self, otherwise: Option<Duration>) -> Result<CpuProfile, Refusal> {
        let nothing = || not_sampled("CPU time");
        let hz = self.hz(crate::stacks::MAX_HZ)?;
        let Some(time) = self.positive_seconds()?.or(otherwise) else {
            return reply::long_work(move || CpuProfile::take().ok_or_else(nothing)).await;
        };
        let _place = stack_capture()?;
        let window = reply::work(move || Window::open(hz).ok_or_else(nothing)).await?;
        tokio::time::sleep(time).await;
        reply::long_work(move || window.close().ok_or_else(nothing)).await
    }

    /// Wall time of the next `seconds`, or of 30, of the `threads` that fit, or all.
    #[cfg(feature = "stacks")]
    pub(super) async fn wall_profile(&self) -> Result<WallProfile, Refusal> {
        let nothing = || not_sampled("wall time");
        let hz = self.hz(crate::stacks::MAX_WALL_HZ)?.unwrap_or(crate::stacks::USUAL_HZ);
        let time = self.positive_seconds()?.unwrap_or(USUAL);
        let threads = self.get("threads").unwrap_or("*").to_owned();
        let _place = stack_capture()?;
        let window = reply::work(move || WallWindow::open(hz, &threads).ok_or_else(nothing)).await?;
        tokio::time::sleep(time).await;
        reply::long_work(move || window.close().ok_or_else(nothing)).await
    }

    /// As [`seconds`](Self::seconds); none for 0 or less, as Go has it.
    #[cfg(feature = "stacks")]
    fn positive_seconds(&self) -> Result<Option<Duration>, Refusal> {
        let is_none = |text: &str| text.parse::<f64>().is_ok_and(|seconds| seconds <= 0.0);
        if self.get("seconds").is_some_and(is_none) { Ok(None) } else { self.seconds() }
    }

    #[cfg(feature = "stacks")]
    fn hz(&self, most: u32) -> Result<Option<u32>, Refusal> {
        let Some(text) = self.get("hz") else { return Ok(None) };
        match text.parse() {
            Ok(hz) if (1..=most).contains(&hz) => Ok(Some(hz)),
            _ => Err(Refusal::bad(format!("hz is {text:?}; allowed: a whole number from 1 to {most}"))),
        }
    }

    /// What the request asks to see: the next `seconds`, or everything since the start.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, Refusal> {
        match self.window().await? {
            (None, now) => Ok(now),
            (Some(before), now) => reply::work(move || Ok(now.subtract(&before))).await,
        }
    }

    /// The same as what was before, if it is the next `seconds`, and what is now.
    pub(super) async fn window(&self) -> Result<(Option<Snapshot>, Snapshot), Refusal> {
        self.window_of(snapshot::take).await
    }

    /// What `take` takes before, if the request asks for the next `seconds`, and now.
    pub(super) async fn window_of<T: Send + 'static>(&self, take: fn() -> T) -> Result<(Option<T>, T), Refusal> {
        let take = || reply::work(move || Ok(take()));
        let Some(time) = self.seconds()? else { return Ok((None, take().await?)) };
        let Ok(_place) = CAPTURES.try_acquire() else {
            let text = format!("{MAX_CAPTURES} captures are running, which is the most; try again when one has ended");
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, text));
        };
        let before = take().await?;
        tokio::time::sleep(time).await;
        Ok((Some(before), take().await?))
    }
}

#[cfg(feature = "stacks")]
fn stack_capture() -> Result<SemaphorePermit<'static>, Refusal> {
    STACK_CAPTURES.try_acquire().map_err(|_| {
        let text =
            format!("{MAX_STACK_CAPTURES} captures are running, which is the most; try again when one has ended");
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, text)
    })
}

#[cfg(feature = "stacks")]
fn not_sampled(what: &str) -> Refusal {
    let state = crate::stacks::state();
    Refusal::new(StatusCode::NOT_FOUND, format!("there is no profile of {what}: sampling of stacks: {state}"))
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
