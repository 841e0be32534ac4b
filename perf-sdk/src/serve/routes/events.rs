//! `/api/v1/events`: what happens, as it happens, as server-sent events.
//!
//! With `tick` there is an event of this name at each such interval, with the time of the server.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::Frame;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::event::{self, Event, EventRecord, Events};
use crate::export;
use crate::memory;
use crate::serve::capture::Query;
use crate::serve::concurrency_limit::{Place, Places};
use crate::serve::reply::{self, Refusal};

/// Each has a connection of its own, of which there are 64.
static READERS: Places = Places::new(8);
/// A line is sent at this interval even if nothing happens, so that a peer that is gone is noticed.
const ALIVE: Duration = Duration::from_secs(15);
/// On a server of the program's own, which waits for its connections when it ends, a reader is sent
/// away after this time. Browsers come again by themselves, and go on where they were.
const LONGEST_VISIT: Duration = Duration::from_secs(15);
/// The number of events that are sent at a time.
const TOGETHER: usize = 32;
/// The header in which a browser says where it was.
const LAST: &str = "last-event-id";

/// Marks requests to a server of the program's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit;

/// Goes on until the reader or the profiler ends.
pub(super) async fn events(request: Request) -> Result<Response, Refusal> {
    let (headers, is_visit) = (request.headers(), request.extensions().get::<Visit>().is_some());
    let query = Query::parse(request.uri(), &["last", "tick"])?;
    let tick = tick(&query)?;
    let last = match query.get("last") {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            Refusal::bad(format!("last is {text:?}; allowed: the number of earlier events to begin with, such as 100"))
        })?,
    };
    if !event::is_open() {
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the profiler does not run, so nothing is told"));
    }
    let place = READERS.take().ok_or_else(|| {
        let text = format!("{} readers of events are there, which is the maximum; try again later", READERS.most());
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, text)
    })?;
    let events = match headers.get(LAST).map(|id| id.to_str().ok().and_then(parse_id)) {
        // What a reader had from another process is none of these.
        Some(place) => Events::after(place.unwrap_or_default()),
        None => Events::new().with_last(last),
    };
    let mut alive = interval(tick.unwrap_or(ALIVE));
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = is_visit.then(|| Instant::now() + LONGEST_VISIT);
    let stream = Stream { events, alive, has_ticks: tick.is_some(), end, is_over: false, _place: place };
    Ok(reply::ok("text/event-stream", Body::new(stream)))
}

/// The seconds between two ticks.
fn tick(query: &Query) -> Result<Option<Duration>, Refusal> {
    let Some(text) = query.get("tick") else { return Ok(None) };
    let seconds = text.parse().ok().filter(|seconds| (1..=60).contains(seconds)).map(Duration::from_secs);
    seconds.map(Some).ok_or_else(|| Refusal::bad(format!("tick is {text:?}; allowed: whole seconds from 1 to 60")))
}

/// Of which profiler, and which of its events.
fn parse_id(id: &str) -> Option<(u64, u64)> {
    let (start, number) = id.trim().split_once('-')?;
    Some((u64::from_str_radix(start, 16).ok()?, number.parse().ok()?))
}

/// The body.
struct Stream {
    events: Events,
    alive: Interval,
    has_ticks: bool,
    end: Option<Instant>,
    is_over: bool,
    _place: Place,
}

impl Stream {
    /// What happened since, as far as it is sent together.
    fn poll_events(&mut self, context: &mut Context<'_>) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..TOGETHER {
            match self.events.poll_next(context) {
                Poll::Ready(Some(record)) => write(&mut text, self.events.place(), &record),
                Poll::Ready(None) => {
                    self.is_over = true;
                    break;
                }
                Poll::Pending => break,
            }
        }
        text
    }
}

/// One event. A reader that was slow is told under a name of its own.
fn write(text: &mut Vec<u8>, (start, number): (u64, u64), record: &EventRecord) {
    let name = if matches!(record.event, Event::Lost(_)) { "event: lost\n" } else { "" };
    text.extend_from_slice(format!("id: {start:x}-{number}\n{name}data: ").as_bytes());
    // It ends with the end of a line, and has none inside.
    if export::json::write(record, text).is_err() {
        text.extend_from_slice(b"{}\n");
    }
    text.push(b'\n');
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let mut text = memory::uncounted(|| self.poll_events(context));
        if text.is_empty() && !self.is_over {
            // The first time at once, so that the reader knows that it is connected.
            match self.alive.poll_tick(context) {
                Poll::Ready(_) => {
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
                    let line =
                        if self.has_ticks { format!("event: tick\ndata: {now}\n\n") } else { ":\n\n".to_owned() };
                    text.extend_from_slice(line.as_bytes());
                    self.is_over = self.end.is_some_and(|end| Instant::now() >= end);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready((!text.is_empty()).then(|| Ok(Frame::data(Bytes::from(text)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_of_which_profiler_it_is() {
        assert_eq!(parse_id("1f-12"), Some((31, 12)));
        for wrong in ["", "12", "x-1", "1f-", "1f--1"] {
            assert_eq!(parse_id(wrong), None, "{wrong}");
        }
    }
}
