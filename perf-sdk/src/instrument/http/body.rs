//! Bodies of responses, which are counted until their end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Buf as _;
use http::{Extensions, Response, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::routes::{Ended, Route, Sum};
use crate::instrument::durations::Stopwatch;
use crate::record;

/// What the layer before a compression tells the one behind it, in the response's extensions.
#[derive(Clone, Debug, Default)]
pub(super) struct Uncompressed(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicU64,
    /// Time in the polls of the body.
    ns: AtomicU64,
}

/// A request that goes on. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    route: &'static Route,
    watch: Stopwatch,
    ended: Ended,
    bytes: u64,
    /// Bytes that are to come, if it is known.
    declared: Option<u64>,
    /// Of a response that was compressed, and whose layer before that tells its size.
    uncompressed: Option<Uncompressed>,
    ns: u64,
}

impl Running {
    pub(super) fn new(route: &'static Route) -> Self {
        route.add(Sum::Begun, 1);
        Self {
            route,
            watch: Stopwatch::start(),
            ended: Ended::Cancelled,
            bytes: 0,
            declared: None,
            uncompressed: None,
            ns: 0,
        }
    }

    pub(super) fn end_as(&mut self, ended: Ended) {
        self.ended = ended;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _operation = record::operation();
        let route = self.route;
        route.add(Sum::ResponseBytes, self.bytes);
        if let Some(Uncompressed(before)) = &self.uncompressed {
            route.add(Sum::Uncompressed, before.bytes.load(Relaxed));
            route.add(Sum::Compressed, self.bytes);
            route.add(Sum::CompressionNs, self.ns.saturating_sub(before.ns.load(Relaxed)));
        }
        route.end(self.ended, self.watch.elapsed_ns());
    }
}

/// What is done with the parts of a body.
#[derive(Debug)]
pub(super) enum Counting {
    Nothing,
    /// The response's status, which counts once the body has ended.
    Request(Running, u16),
    /// Before a compression.
    Size(Uncompressed),
}

impl Counting {
    pub(super) fn of_request<B: Body>(mut running: Running, is_head: bool, response: &Response<B>) -> Self {
        let (status, headers, body) = (response.status().as_u16(), response.headers(), response.body());
        if headers.contains_key(header::CONTENT_ENCODING) {
            running.uncompressed = response.extensions().get::<Uncompressed>().cloned();
        }
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        running.declared = length.or_else(|| body.size_hint().exact());
        // The server does not ask for a body that the answer does not have.
        if is_head || matches!(status, 204 | 304) || body.is_end_stream() {
            running.end_as(Ended::Status(status));
        }
        Self::Request(running, status)
    }

    /// Of a response that is about to be compressed.
    pub(super) fn of_size(extensions: &mut Extensions) -> Self {
        let uncompressed = Uncompressed::default();
        extensions.insert(uncompressed.clone());
        Self::Size(uncompressed)
    }
}

pin_project! {
    /// The body of a response, which is counted until it ends or is dropped.
    #[derive(Debug)]
    pub struct CountedBody<B> {
        #[pin]
        inner: B,
        counting: Counting,
    }
}

impl<B: Body> CountedBody<B> {
    pub(super) fn new(inner: B, counting: Counting) -> Self {
        Self { inner, counting }
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        if matches!(this.counting, Counting::Nothing) {
            return this.inner.poll_frame(context);
        }
        let is_timed = !matches!(this.counting, Counting::Request(Running { uncompressed: None, .. }, _));
        let watch = is_timed.then(Stopwatch::start);
        let polled = this.inner.as_mut().poll_frame(context);
        let ns = watch.map_or(0, Stopwatch::elapsed_ns);
        let data = |frame: &Frame<B::Data>| frame.data_ref().map_or(0, |data| data.remaining() as u64);
        match this.counting {
            Counting::Size(Uncompressed(shared)) => {
                shared.ns.fetch_add(ns, Relaxed);
                if let Poll::Ready(Some(Ok(frame))) = &polled {
                    shared.bytes.fetch_add(data(frame), Relaxed);
                }
            }
            Counting::Request(running, status) => {
                running.ns += ns;
                let mut is_over = false;
                match &polled {
                    Poll::Pending => {}
                    Poll::Ready(Some(Ok(frame))) => {
                        running.bytes += data(frame);
                        // Servers do not ask again after the last byte.
                        is_over = this.inner.is_end_stream() || running.declared == Some(running.bytes);
                    }
                    Poll::Ready(Some(Err(_))) => {
                        running.route.add(Sum::BodyErrors, 1);
                        is_over = true;
                    }
                    Poll::Ready(None) => is_over = true,
                }
                if is_over {
                    running.end_as(Ended::Status(*status));
                }
                if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
                    *this.counting = Counting::Nothing;
                }
            }
            Counting::Nothing => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
