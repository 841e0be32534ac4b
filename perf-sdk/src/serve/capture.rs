//! Query parameters, and captures over a window of time.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use axum::http::{StatusCode, Uri};

use super::concurrency_limit::{Place, Places};
use super::reply::{self, Refusal};
use crate::collect;
#[cfg(feature = "stacks")]
use crate::collect::{Names, WallWindow, Window};
use crate::snapshot::Snapshot;
#[cfg(feature = "stacks")]
use crate::snapshot::{CpuProfile, WallProfile};

/// Limits concurrent captures, because each holds a snapshot.
static CAPTURES: Places = Places::new(4);
/// The maximum length of a capture, in seconds.
const MAX_SECONDS: f64 = 3_600.0;

/// Limits concurrent captures of stacks. Each holds counts, and all share the same samples.
#[cfg(feature = "stacks")]
static STACK_CAPTURES: Places = Places::new(16);
/// The default length of a capture of stacks.
#[cfg(feature = "stacks")]
pub(super) const USUAL: Duration = Duration::from_secs(30);

/// A request's query, which has only known parameters.
#[derive(Debug)]
pub(super) struct Query(HashMap<String, String>);

impl Query {
    /// Parses a query. An error for a parameter that is not in `known`.
    pub(super) fn parse(uri: &Uri, known: &[&str]) -> Result<Self, Refusal> {
        let query = Self::parse_any(uri)?;
        match query.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Refusal::bad(format!("parameter {name:?} is not known; allowed: {}", list(known)))),
            None => Ok(query),
        }
    }

    /// Parses a query with any parameters.
    pub(super) fn parse_any(uri: &Uri) -> Result<Self, Refusal> {
        Ok(Self(Self::pairs(uri)?.into_iter().collect()))
    }

    /// All parameters, in their order, each once.
    pub(super) fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Refusal> {
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let mut known = HashSet::new();
        match pairs.iter().find(|(name, _)| !known.insert(name)) {
            Some((name, _)) => Err(Refusal::bad(format!("parameter {name:?} is given twice; allowed: once"))),
            None => Ok(pairs),
        }
    }

    /// The value of a parameter; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is given that has no value, such as `download`.
    pub(super) fn is_set(&self, name: &str) -> Result<bool, Refusal> {
        match self.0.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => Err(Refusal::bad(format!("{name} is {other:?}; allowed: no value, true, false"))),
        }
    }

    /// `seconds`: the length of the capture, if there is one.
    fn seconds(&self) -> Result<Option<Duration>, Refusal> {
        let Some(text) = self.get("seconds") else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(seconds) if seconds > 0.0 && seconds <= MAX_SECONDS => Ok(Some(Duration::from_secs_f64(seconds))),
            _ => Err(Refusal::bad(format!("seconds is {text:?}; allowed: a number above 0, up to {MAX_SECONDS}"))),
        }
    }

    /// Stacks of the next `seconds`, with `hz` samples for each second of CPU time. Without
    /// `seconds`, or with 0, the length is `otherwise`; if that is `None`, everything since the
    /// start.
    #[cfg(feature = "stacks")]
    pub(super) async fn cpu_profile(&self, otherwise: Option<Duration>) -> Result<CpuProfile, Refusal> {
        let nothing = || not_sampled("CPU time");
        let (hz, names) = (self.hz(crate::stacks::MAX_HZ)?, self.names()?);
        let Some(time) = self.positive_seconds()?.or(otherwise) else {
            return reply::long_work(move || CpuProfile::take().ok_or_else(nothing)).await;
        };
        let place = capture(&STACK_CAPTURES)?;
        let window = reply::work(move || Window::open(hz).ok_or_else(nothing)).await?;
        tokio::time::sleep(time).await;
        close(place, move || window.close(names).ok_or_else(nothing)).await
    }

    /// Wall time of the next `seconds`, 30 by default, of the matching `threads`, all by default.
    #[cfg(feature = "stacks")]
    pub(super) async fn wall_profile(&self) -> Result<WallProfile, Refusal> {
        let nothing = || not_sampled("wall time");
        let hz = self.hz(crate::stacks::MAX_WALL_HZ)?.unwrap_or(crate::stacks::USUAL_HZ);
        let time = self.positive_seconds()?.unwrap_or(USUAL);
        let (threads, names) = (self.get("threads").unwrap_or("*").to_owned(), self.names()?);
        let place = capture(&STACK_CAPTURES)?;
        let window = reply::work(move || WallWindow::open(hz, &threads).ok_or_else(nothing)).await?;
        tokio::time::sleep(time).await;
        close(place, move || window.close(names).ok_or_else(nothing)).await
    }

    /// `names`: `off` for a profile with addresses and build ids only.
    #[cfg(feature = "stacks")]
    pub(super) fn names(&self) -> Result<Names, Refusal> {
        match self.get("names") {
            None | Some("on") => Ok(Names::LookedUp),
            Some("off") => Ok(Names::LeftOut),
            Some(other) => Err(Refusal::bad(format!("names is {other:?}; allowed: on, off"))),
        }
    }

    /// As [`seconds`](Self::seconds); `None` for 0 or less, as in Go.
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

    /// The requested data: of the next `seconds`, or since the start.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, Refusal> {
        match self.window().await? {
            (None, now) => Ok(now),
            (Some((before, place)), now) => {
                reply::work(move || {
                    let _place = place;
                    Ok(now.subtract(&before))
                })
                .await
            }
        }
    }

    /// The snapshots before and after the next `seconds`; without `seconds`, only the current one.
    pub(super) async fn window(&self) -> Result<(Option<Before<Snapshot>>, Snapshot), Refusal> {
        self.window_of(collect::take).await
    }

    /// The results of `take` before and after the next `seconds`; without `seconds`, only the
    /// current one.
    pub(super) async fn window_of<T: Send + 'static>(
        &self,
        take: fn() -> T,
    ) -> Result<(Option<Before<T>>, T), Refusal> {
        let take = || reply::work(move || Ok(take()));
        let Some(time) = self.seconds()? else { return Ok((None, take().await?)) };
        let place = capture(&CAPTURES)?;
        let before = take().await?;
        tokio::time::sleep(time).await;
        Ok((Some((before, place)), take().await?))
    }
}

/// The data before a window, and the place of the capture, which is kept for as long as this
/// exists.
pub(super) type Before<T> = (T, Place);

fn capture(places: &'static Places) -> Result<Place, Refusal> {
    places.take().ok_or_else(|| {
        let text =
            format!("{} captures are running, which is the maximum; try again when one has ended", places.most());
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, text)
    })
}

/// Makes the profile of a window. It keeps its place even if the client has disconnected.
#[cfg(feature = "stacks")]
async fn close<T: Send + 'static>(
    place: Place,
    close: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    reply::long_work(move || {
        let _place = place;
        close()
    })
    .await
}

#[cfg(feature = "stacks")]
fn not_sampled(what: &str) -> Refusal {
    let state = crate::stacks::state();
    Refusal::new(StatusCode::NOT_FOUND, format!("there is no profile of {what}: stack sampling: {state}"))
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
