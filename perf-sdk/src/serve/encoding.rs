//! `Content-Encoding`: which encodings a client accepts, and bodies that are compressed while they
//! are sent.
//!
//! Only gzip is supported. zstd would add a C library, and brotli costs more than it saves on a
//! scrape.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;

use super::concurrency_limit::{Place, Places};
use super::reply::Refusal;
use crate::base::headroom;
use crate::record;

/// Shorter bodies are not compressed, because they fit into one packet together with the head.
const LEAST_BYTES: u64 = 1_000;
/// The number of bytes that are compressed at a time. Bodies up to this size are compressed at
/// once.
const CHUNK: usize = 64 * 1024;
/// The size of a piece that is passed on.
const PIECE: usize = 16 * 1024;
/// The working memory of an encoder, in bytes.
const ENCODER_BYTES: usize = 512 * 1024;

/// Limits concurrent encoders, because each holds its working memory until the client has read
/// everything. Further bodies are sent uncompressed.
static ENCODERS: Places = Places::new(8);

/// What a client accepts, by RFC 9110, section 12.5.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Plain,
    /// gzip is preferred, and uncompressed is possible.
    Zipped,
    /// Only gzip.
    ZippedOnly,
    /// Neither gzip nor uncompressed.
    Neither,
}

impl Taken {
    fn of(headers: &HeaderMap) -> Self {
        let (mut gzip, mut identity, mut others) = (None, None, None);
        let texts = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        // Without the header, any encoding is allowed. Then the body is sent uncompressed, which
        // every client can read.
        let mut is_asked = false;
        for entry in texts.inspect(|_| is_asked = true).flat_map(|text| text.split(',')) {
            let mut parts = entry.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            // An entry that cannot be parsed is ignored.
            let Some(weight) = parts.next().map_or(Some(1.0), weight) else { continue };
            match name.as_str() {
                "gzip" | "x-gzip" => gzip = Some(gzip.map_or(weight, |before: f32| before.max(weight))),
                "identity" => identity = Some(weight),
                "*" => others = Some(weight),
                _ => {}
            }
        }
        if !is_asked {
            return Self::Plain;
        }
        let gzip = gzip.or(others).unwrap_or(0.0);
        // An encoding that is not named is accepted, with the lowest preference.
        let identity = identity.or(others).unwrap_or(f32::MIN_POSITIVE);
        match (gzip > 0.0, identity > 0.0) {
            (true, true) if gzip >= identity => Self::Zipped,
            (true, false) => Self::ZippedOnly,
            (_, true) => Self::Plain,
            (false, false) => Self::Neither,
        }
    }
}

/// The weight in `q=0.5`. `None` if it is invalid.
fn weight(text: &str) -> Option<f32> {
    let (name, value) = text.split_once('=')?;
    let value: f32 = value.trim().parse().ok()?;
    (name.trim().eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&value)).then_some(value)
}

/// Compresses responses for clients that accept it, and declares this dependence in `Vary`.
pub(super) async fn encode(request: Request, next: Next) -> Response {
    let taken = Taken::of(request.headers());
    if taken == Taken::Neither {
        let text = "Accept-Encoding allows neither gzip nor identity, and no other encoding is supported";
        return varying(Refusal::new(StatusCode::NOT_ACCEPTABLE, text).into_response());
    }
    let response = next.run(request).await;
    if response.status() != StatusCode::OK || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let is_of =
        |response: &Response, kind: &str| response.headers().get(header::CONTENT_TYPE).is_some_and(|is| is == kind);
    // An event would wait in the encoder for further ones.
    if is_of(&response, "text/event-stream") {
        return response;
    }
    let response = varying(response);
    let length = response.body().size_hint().exact();
    // Profiles for Go's pprof are compressed already.
    let is_compressed = is_of(&response, "application/octet-stream");
    let is_worth_it = taken == Taken::Zipped && !is_compressed && length.is_none_or(|length| length >= LEAST_BYTES);
    if taken != Taken::ZippedOnly && !is_worth_it {
        return response;
    }
    let place = ENCODERS.take().filter(|_| headroom::is_there(ENCODER_BYTES));
    let Some(place) = place else {
        if taken == Taken::Zipped {
            return response;
        }
        let text = format!("{} responses are being compressed, which is the maximum; try again later", ENCODERS.most());
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let (mut head, body) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    // Files are the same for everybody and few; of other bodies, a slower level takes several times
    // as long to save a tenth.
    let is_file = ["text/javascript; charset=utf-8", "text/css; charset=utf-8"]
        .iter()
        .any(|kind| head.headers.get(header::CONTENT_TYPE).is_some_and(|is| is == kind));
    let level = if is_file { Compression::best() } else { Compression::fast() };
    let is_short = length.is_some_and(|length| length <= CHUNK as u64);
    let body = Zipped::new(body, place, level);
    let body = if is_short { body.whole().await } else { Ok(Body::new(body)) };
    match body {
        Ok(body) => Response::from_parts(head, body),
        Err(error) => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Adds to the headers on which the response depends.
fn varying(mut response: Response) -> Response {
    let other = response.headers().get(header::VARY).and_then(|other| other.to_str().ok());
    let vary = other.map_or("Accept-Encoding".to_owned(), |other| format!("{other}, Accept-Encoding"));
    if let Ok(vary) = HeaderValue::from_str(&vary) {
        response.headers_mut().insert(header::VARY, vary);
    }
    response
}

/// A body that is compressed at the rate at which it is read.
struct Zipped {
    /// Kept until everything is read, because its drop marks the end of the response.
    body: Body,
    /// `None` after the last piece was passed on.
    encoder: Option<GzEncoder<Vec<u8>>>,
    /// Bytes that are not compressed yet.
    rest: Bytes,
    _place: Place,
}

impl Zipped {
    fn new(body: Body, place: Place, level: Compression) -> Self {
        let encoder = record::own_work(|| GzEncoder::new(Vec::new(), level));
        Self { body, encoder: Some(encoder), rest: Bytes::new(), _place: place }
    }

    /// Compresses the whole body, whose length is then known.
    async fn whole(mut self) -> Result<Body, axum::Error> {
        let mut whole = Vec::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            if let Ok(data) = frame?.into_data() {
                whole.extend_from_slice(&data);
            }
        }
        Ok(whole.into())
    }

    /// Compresses a piece. Returns the output that is ready, if any.
    fn compress(&mut self) -> io::Result<Option<Bytes>> {
        let Some(encoder) = &mut self.encoder else { return Ok(None) };
        let part = self.rest.split_to(self.rest.len().min(CHUNK));
        record::own_work(|| encoder.write_all(&part))?;
        Ok((encoder.get_ref().len() >= PIECE).then(|| std::mem::take(encoder.get_mut()).into()))
    }
}

impl HttpBody for Zipped {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        while this.encoder.is_some() {
            if !this.rest.is_empty() {
                match this.compress() {
                    Ok(None) => continue,
                    Ok(Some(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                    Err(error) => {
                        this.encoder = None;
                        return Poll::Ready(Some(Err(axum::Error::new(error))));
                    }
                }
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                // The body has no trailers.
                Some(Ok(frame)) => this.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    this.encoder = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    let Some(encoder) = this.encoder.take() else { break };
                    let last = record::own_work(|| encoder.finish()).map(|last| Frame::data(last.into()));
                    return Poll::Ready(Some(last.map_err(axum::Error::new)));
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide() {
        for (texts, expected) in [
            (&[][..], Taken::Plain),
            (&[""], Taken::Plain),
            (&["gzip"], Taken::Zipped),
            (&["deflate, GZIP;q=0.2"], Taken::Zipped),
            (&["br", "gzip"], Taken::Zipped),
            (&["gzip;q=0.5, identity;q=0.6"], Taken::Plain),
            (&["gzip;q=0.6, identity;q=0.6"], Taken::Zipped),
            (&["*;q=0.1"], Taken::Zipped),
            (&["*;q=0"], Taken::Neither),
            (&["*;q=0, gzip"], Taken::ZippedOnly),
            (&["identity;q=0, gzip;q=0"], Taken::Neither),
            (&["identity;q=0.000, gzip;q=1.000"], Taken::ZippedOnly),
            (&["gzip;q=2, *;q=0, identity"], Taken::Plain),
            (&["gzip;quality=1"], Taken::Plain),
            (&["gzip ; Q = 0.4"], Taken::Zipped),
            (&["zstd, br"], Taken::Plain),
        ] {
            let mut headers = HeaderMap::new();
            texts.iter().for_each(|text| _ = headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(text)));
            assert_eq!(Taken::of(&headers), expected, "{texts:?}");
        }
    }
}
