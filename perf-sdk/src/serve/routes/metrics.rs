//! `/metrics`: a scrape.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use hyper::body::Frame;

use crate::base::fork::Lock;
use crate::base::process_identity::Process;
use crate::collect;
use crate::export::{Exposition, Format, Pieces};
use crate::reading;
use crate::record;
use crate::serve::capture::Query;
use crate::serve::reply::{self, Refusal};
use crate::snapshot::Snapshot;

/// The number of bytes of a body that are written at a time.
const CHUNK: usize = 64 * 1024;

/// Shared by all listeners, because its state is that of the process.
static EXPOSITION: Lock<Option<(Process, Arc<Exposition>)>> = Lock::new(None);

/// The exposition of this process. A forked child begins a new one: a thread of the parent may have
/// held locks of the parent's when it forked.
fn exposition() -> Arc<Exposition> {
    let mut latest = EXPOSITION.lock();
    if let Some((process, exposition)) = &*latest
        && process.is_current()
    {
        return Arc::clone(exposition);
    }
    let new = Arc::new(Exposition::new());
    // The parent's may be half written, so it is not dropped.
    std::mem::forget(latest.replace((Process::current(), Arc::clone(&new))));
    new
}

pub(super) async fn metrics(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    Query::parse(&uri, &[])?;
    let accepted: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::negotiate(Some(&accepted.join(",")));
    let mut response = reply::work(move || {
        #[cfg(feature = "metrics")]
        let (user, histograms) = crate::serve::user_metrics();
        #[cfg(not(feature = "metrics"))]
        let (user, histograms): (Option<String>, _) = (None, Vec::new());
        let exposition = exposition();
        exposition.expect(&reading::reserved());
        let (snapshot, functions) = collect::take_late(detail(format));
        let pieces = exposition.pieces(snapshot, Some(Box::new(functions)), user, histograms);
        Ok(reply::ok(format.content_type(), Body::new(Scrape { format, pieces, last: 0, is_over: false })))
    })
    .await?;
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// What is read for a format.
fn detail(format: Format) -> collect::Detail {
    match format {
        Format::Text => collect::Detail::Classic { has_exemplars: false },
        Format::OpenMetrics => collect::Detail::Classic { has_exemplars: true },
        Format::Protobuf => collect::Detail::Native,
    }
}

/// A body that is written at the speed at which it is read. So only one chunk of a large scrape is
/// in memory.
struct Scrape {
    format: Format,
    pieces: Pieces<Snapshot, String>,
    /// The number of bytes of the latest piece. The next one has much the same.
    last: usize,
    is_over: bool,
}

impl HttpBody for Scrape {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let mut chunk = Vec::with_capacity(CHUNK);
        let written = record::own_work(|| -> io::Result<()> {
            // A chunk that grows is copied.
            while !this.is_over && (chunk.is_empty() || chunk.len() + this.last <= CHUNK) {
                let before = chunk.len();
                this.is_over = !this.pieces.write_next(this.format, &mut chunk)?;
                this.last = chunk.len() - before;
            }
            Ok(())
        });
        if let Err(error) = written {
            this.is_over = true;
            return Poll::Ready(Some(Err(error)));
        }
        Poll::Ready((!chunk.is_empty()).then(|| Ok(Frame::data(chunk.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

#[cfg(all(test, unix, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn a_forked_child_has_an_exposition_of_its_own() {
        let parents = Arc::as_ptr(&exposition()).addr();
        assert_eq!(Arc::as_ptr(&exposition()).addr(), parents);
        assert!(crate::base::fork::in_child(|| Arc::as_ptr(&exposition()).addr() != parents));
    }
}
