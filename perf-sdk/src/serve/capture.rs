//! Query parameters, and windows of time that a request waits for.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{StatusCode, Uri};
use tokio::sync::Semaphore;

use super::reply::{self, Refusal};
use crate::snapshot::{self, Snapshot};

/// Captures at once: each holds a snapshot.
const MAX_CAPTURES: usize = 4;
/// Longest capture.
const MAX_SECONDS: f64 = 3_600.0;

static CAPTURES: Semaphore = Semaphore::const_new(MAX_CAPTURES);

/// A request's query, with only known parameters.
#[derive(Debug)]
pub(super) struct Query(HashMap<String, String>);

impl Query {
    /// A refusal for a parameter that is not `known`.
    pub(super) fn parse(uri: &Uri, known: &[&str]) -> Result<Self, Refusal> {
        let pairs: axum::extract::Query<Vec<(String, String)>> = axum::extract::Query::try_from_uri(uri)
            .map_err(|error| Refusal::bad(format!("the query cannot be read: {error}")))?;
        let mut query = HashMap::new();
        for (name, value) in pairs.0 {
            if !known.contains(&name.as_str()) {
                return Err(Refusal::bad(format!("parameter {name:?} is not known; allowed: {}", list(known))));
            }
            query.insert(name, value);
        }
        Ok(Self(query))
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

    /// What the request asks to see: the next `seconds`, or everything since the start.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, Refusal> {
        match self.window().await? {
            (None, now) => Ok(now),
            (Some(before), now) => reply::work(move || Ok(now.subtract(&before))).await,
        }
    }

    /// The same as what was before, if it is the next `seconds`, and what is now.
    pub(super) async fn window(&self) -> Result<(Option<Snapshot>, Snapshot), Refusal> {
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

async fn take() -> Result<Snapshot, Refusal> {
    reply::work(|| Ok(snapshot::take())).await
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
