use std::collections::{BTreeMap, VecDeque};
use std::pin::{Pin, pin};
use std::task::Waker;

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::*;
use crate::collect;

/// A body of these frames; `None` is one poll without a frame.
#[derive(Debug, Default)]
struct Frames {
    frames: VecDeque<Option<Result<&'static str, &'static str>>>,
    knows_its_end: bool,
}

impl Frames {
    fn of(frames: &[&'static str]) -> Self {
        Self { frames: frames.iter().map(|frame| Some(Ok(*frame))).collect(), knows_its_end: true }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.frames.pop_front() {
            Some(None) => Poll::Pending,
            Some(Some(frame)) => Poll::Ready(Some(frame.map(|text| Frame::data(Bytes::from_static(text.as_bytes()))))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.knows_its_end {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.frames.iter().flatten().flatten().map(|text| text.len() as u64).sum())
    }
}

/// Answers with what `answer` makes of the request, after one poll without an answer.
#[derive(Clone)]
struct Server<F>(F);

impl<F: Fn(Request<Frames>) -> Result<Response<Frames>, &'static str>> Service<Request<Frames>> for Server<F> {
    type Response = Response<Frames>;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Frames>, &'static str>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Pending
    }

    fn call(&mut self, request: Request<Frames>) -> Self::Future {
        let mut answer = Some(self.0(request));
        let mut waits = true;
        Box::pin(std::future::poll_fn(move |_| {
            if std::mem::replace(&mut waits, false) { Poll::Pending } else { Poll::Ready(answer.take().unwrap()) }
        }))
    }
}

#[derive(Clone)]
struct Template(&'static str);

fn request(method: &str, template: Option<&'static str>) -> Request<Frames> {
    let mut request = Request::builder().method(method).uri("/user/secret-7").body(Frames::of(&["body"])).unwrap();
    request.extensions_mut().extend(
        template
            .map(Template)
            .map(|template| {
                let mut extensions = Extensions::new();
                extensions.insert(template);
                extensions
            })
            .unwrap_or_default(),
    );
    request
}

fn layer(name: &str) -> HttpLayer {
    watch_http(name).route(|extensions| extensions.get::<Template>().map(|template| template.0))
}

fn response(status: u16, frames: Frames) -> Result<Response<Frames>, &'static str> {
    Ok(Response::builder().status(status).body(frames).unwrap())
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context()) {
            return output;
        }
    }
}

/// Reads a body as a server does: not beyond the end that the body knows. Returns the bytes.
fn drain<B: Body<Data = Bytes>>(body: B) -> usize {
    let mut body = pin!(body);
    let mut bytes = 0;
    while !body.is_end_stream() {
        match body.as_mut().poll_frame(&mut context()) {
            Poll::Ready(Some(Ok(frame))) => bytes += frame.data_ref().map_or(0, Bytes::len),
            Poll::Ready(_) => break,
            Poll::Pending => {}
        }
    }
    bytes
}

fn value(server: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let expected: BTreeMap<String, String> = [("server", server)]
        .iter()
        .chain(labels)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let seen = collect::take();
    seen.readings.iter().find(|reading| reading.name == name && reading.labels == expected).map(|reading| reading.value)
}

#[test]
fn requests_are_counted_by_route_and_status() {
    let mut service = layer("counts").layer(Server(|request: Request<Frames>| match request.method().as_str() {
        "GET" => response(200, Frames::of(&["some ", "text"])),
        "HEAD" => response(200, Frames { frames: VecDeque::new(), knows_its_end: false }),
        "PUT" => response(304, Frames { frames: VecDeque::new(), knows_its_end: false }),
        "POST" => response(503, Frames::of(&[])),
        _ => Err("no answer"),
    }));
    assert!(service.poll_ready(&mut context()).is_pending(), "back-pressure is that of the service");
    for method in ["GET", "GET", "HEAD", "PUT", "POST"] {
        let response = finish(service.call(request(method, Some("/user/{id}")))).unwrap();
        let (head, body) = response.into_parts();
        match method {
            "GET" => {
                let in_flight = [("route", "GET /user/{id}")];
                assert_eq!(value("counts", "http_requests_in_flight", &in_flight), Some(1.0));
                assert_eq!((head.status.as_u16(), drain(body)), (200, 9));
                assert_eq!(value("counts", "http_requests_in_flight", &in_flight), Some(0.0));
            }
            _ => drop(body),
        }
    }
    assert_eq!(finish(service.call(request("DELETE", None))).unwrap_err(), "no answer");
    let requests = |route, status| value("counts", "http_requests_total", &[("route", route), ("status", status)]);
    assert_eq!(requests("GET /user/{id}", "2xx"), Some(2.0));
    assert_eq!(requests("HEAD /user/{id}", "2xx"), Some(1.0));
    assert_eq!(requests("PUT /user/{id}", "3xx"), Some(1.0));
    assert_eq!(requests("POST /user/{id}", "5xx"), Some(1.0));
    assert_eq!(requests("(unknown)", "failed"), Some(1.0));
    let of = |name, route| value("counts", name, &[("route", route)]);
    assert_eq!(of("http_response_bytes_total", "GET /user/{id}"), Some(18.0));
    assert_eq!(of("http_request_bytes_total", "GET /user/{id}"), Some(8.0));
    assert_eq!(of("http_not_modified_total", "PUT /user/{id}"), Some(1.0));
    assert_eq!(of("http_response_compressed_bytes_total", "GET /user/{id}"), None);
    let seen = collect::take();
    let calls = |name: &str| {
        let found = seen.functions.iter().find(|function| function.name == name && function.module == "counts");
        found.map(|function| (function.calls.ok, function.calls.error))
    };
    assert_eq!(calls("GET /user/{id}"), Some((2, 0)));
    assert_eq!(calls("POST /user/{id}"), Some((0, 1)));
    assert_eq!(calls("(unknown)"), Some((0, 1)));
    assert!(!format!("{seen:?}").contains("secret-7"), "a path is never kept");
    let durations =
        seen.distributions.iter().filter(|one| one.labels.get("server").is_some_and(|name| name == "counts"));
    assert_eq!(durations.map(|one| one.histogram.count()).sum::<u64>(), 6);
}

#[test]
fn what_is_dropped_before_its_end_is_cancelled() {
    let mut service = layer("drops").layer(Server(|_| {
        let frames = VecDeque::from([Some(Ok("one")), None, Some(Ok("two"))]);
        response(200, Frames { frames, knows_its_end: false })
    }));
    // Before the head.
    {
        let mut future = pin!(service.call(request("GET", Some("/"))));
        assert!(future.as_mut().poll(&mut context()).is_pending());
    }
    // Within the body, and behind its end.
    for frames in [1, 4] {
        let mut body = pin!(finish(service.call(request("GET", Some("/")))).unwrap().into_body());
        for _ in 0..frames {
            let _ = body.as_mut().poll_frame(&mut context());
        }
    }
    let requests = |status| value("drops", "http_requests_total", &[("route", "GET /"), ("status", status)]);
    assert_eq!((requests("cancelled"), requests("2xx")), (Some(2.0), Some(1.0)));
    assert_eq!(value("drops", "http_response_bytes_total", &[("route", "GET /")]), Some(9.0));
    let seen = collect::take();
    let function = seen.functions.iter().find(|function| function.module == "drops").unwrap();
    assert_eq!((function.calls.ok, function.calls.cancelled), (2, 1));
}

#[test]
fn errors_of_bodies_are_counted() {
    let mut service = layer("broken").layer(Server(|_| {
        let frames = VecDeque::from([Some(Ok("one")), Some(Err("reset"))]);
        response(200, Frames { frames, knows_its_end: false })
    }));
    assert_eq!(drain(finish(service.call(request("GET", Some("/")))).unwrap().into_body()), 3);
    assert_eq!(value("broken", "http_body_errors_total", &[("route", "GET /")]), Some(1.0));
}

/// Removes every second byte.
#[derive(Clone)]
struct Compression<S>(S);

impl<S, B> Service<Request<Frames>> for Compression<S>
where
    S: Service<Request<Frames>, Response = Response<B>, Error = &'static str>,
    S::Future: 'static,
    B: Body<Data = Bytes> + 'static,
{
    type Response = Response<Frames>;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Frames>, &'static str>>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Frames>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let (mut head, body) = answer.await?.into_parts();
            assert_eq!(drain(body), 8);
            head.headers.insert(http::header::CONTENT_ENCODING, http::HeaderValue::from_static("gzip"));
            Ok(Response::from_parts(head, Frames::of(&["half"])))
        })
    }
}

#[test]
fn compression_saves_what_two_layers_say() {
    let measured = layer("compression");
    let answers = Server(|_: Request<Frames>| response(200, Frames::of(&["12345678"])));
    let mut service = measured.layer(Compression(measured.before_compression().layer(answers)));
    for _ in 0..2 {
        assert_eq!(drain(finish(service.call(request("GET", Some("/")))).unwrap().into_body()), 4);
    }
    let of = |name| value("compression", name, &[("route", "GET /")]);
    assert_eq!(of("http_response_uncompressed_bytes_total"), Some(16.0));
    assert_eq!(of("http_response_compressed_bytes_total"), Some(8.0));
    assert!(of("http_compression_seconds_total").is_some());
    assert_eq!(value("compression", "http_requests_total", &[("route", "GET /"), ("status", "2xx")]), Some(2.0));
}

#[test]
fn connections_are_told_apart() {
    let layer = layer("reuse").connection(|extensions| extensions.get::<u16>().copied());
    let mut service = layer.layer(Server(|_| response(204, Frames::of(&[]))));
    for port in [1_000, 1_000, 2_000, 1_000] {
        let mut request = request("GET", Some("/"));
        request.extensions_mut().insert::<u16>(port);
        drop(finish(service.call(request)).unwrap());
    }
    let of = |connection| value("reuse", "http_connection_requests_total", &[("connection", connection)]);
    assert_eq!((of("new"), of("reused")), (Some(2.0), Some(2.0)));
}
