//! Who may ask for what.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::foreign;
use super::host::Host;
use super::reply::Refusal;
use super::routes;
use super::token::Token;
use crate::config::Guard;

/// Headers that decide about access: of two, nobody can tell which one another server on the way
/// has looked at.
const DECIDING: [HeaderName; 7] = [
    header::HOST,
    header::AUTHORIZATION,
    header::ORIGIN,
    foreign::SITE,
    foreign::MODE,
    foreign::DEST,
    header::CONTENT_LENGTH,
];

/// The rules of one listening endpoint.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) token: Token,
    /// All reads need the token, for the address is not a loopback one.
    pub(super) guarded: bool,
    /// Which reads need it wherever the endpoint listens.
    pub(super) guard: Guard,
    /// Whether the Host header is checked; on a Unix socket it says nothing.
    pub(super) check_host: bool,
    pub(super) hosts: Vec<String>,
}

/// The address that the client connected to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local(pub(super) IpAddr);

/// The request bore the token.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoreToken;

/// Refuses what the rules forbid.
pub(super) async fn check(access: Arc<Access>, mut request: Request, next: Next) -> Response {
    match access.decide(&request) {
        Ok(true) => {
            request.extensions_mut().insert(BoreToken);
        }
        Ok(false) => {}
        Err(refusal) => {
            let is_unauthorized = refusal.status() == StatusCode::UNAUTHORIZED;
            let mut response = refusal.into_response();
            if is_unauthorized {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            return response;
        }
    }
    next.run(request).await
}

/// Whether a method may change something.
fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The one value of a header.
pub(super) fn header_text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(&name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Refusal::bad(format!("the header {name} is not ASCII text")))?;
    Ok(Some(text.trim()))
}

impl Access {
    /// Whether the request bore the token; an error if it may not have what it asks for.
    fn decide(&self, request: &Request) -> Result<bool, Refusal> {
        let headers = request.headers();
        for name in DECIDING {
            let count = headers.get_all(&name).iter().count();
            if count > 1 {
                return Err(Refusal::bad(format!("the request has {count} {name} headers; allowed: one")));
            }
        }
        let host = target(request.uri(), headers)?;
        if self.check_host {
            let Some(host) = &host else { return Err(Refusal::bad("the request has no Host header")) };
            let local = request.extensions().get::<Local>().map(|Local(address)| *address);
            if !self.knows(host, local) {
                let text = format!(
                    "host {:?} is not allowed: call this endpoint by its address or as localhost, or name the host in PERF_ALLOW_HOSTS",
                    host.to_string(),
                );
                return Err(Refusal::new(StatusCode::FORBIDDEN, text));
            }
        }
        let is_capture = routes::is_capture(request.uri());
        foreign::check_site(headers, is_capture)?;
        foreign::check_origin(headers, host.as_ref(), &self.hosts)?;
        let offered = header_text(headers, header::AUTHORIZATION)?.and_then(bearer);
        let bore_token = offered.is_some_and(|offered| self.token.matches(offered));
        let is_guarded = self.guarded || self.guard == Guard::All || (self.guard == Guard::Captures && is_capture);
        if !bore_token && (is_guarded || is_change(request.method())) {
            if let Some(why) = self.token.missing() {
                let text = format!(
                    "nothing can be changed here, since {why}; set PERF_TOKEN, or PERF_TOKEN_FILE to a file that \
                     can be written"
                );
                return Err(Refusal::new(StatusCode::FORBIDDEN, text));
            }
            return Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "this request needs the header \"Authorization: Bearer TOKEN\" with the profiler's token",
            ));
        }
        Ok(bore_token)
    }

    /// A browser on this machine that was lured to a foreign page resolves that page's name to us, but it sends the name:
    /// so addresses of our own are fine, names only if they are known.
    fn knows(&self, host: &Host<'_>, local: Option<IpAddr>) -> bool {
        let is_known = |known: &String| Host::allowed(known).is_some_and(|known| known.is_named_like(host));
        if host.name == "localhost" || self.hosts.iter().any(is_known) {
            return true;
        }
        // One listener of IPv6 may be called by addresses of IPv4, and then has those in its own
        // spelling.
        host.address()
            .map(|address| address.to_canonical())
            .is_some_and(|address| address.is_loopback() || Some(address) == local.map(|local| local.to_canonical()))
    }
}

/// What the request calls this endpoint: an absolute request line overrides the Host header, and
/// may not contradict it.
fn target<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Option<Host<'a>>, Refusal> {
    let parse = |text: &'a str| {
        Host::parse(text).ok_or_else(|| {
            Refusal::bad(format!("host {text:?} is not allowed: a name or an address, and a port of digits"))
        })
    };
    let named = header_text(headers, header::HOST)?.map(parse).transpose()?;
    let Some(authority) = uri.authority() else { return Ok(named) };
    let asked = parse(authority.as_str())?;
    if let Some(named) = named {
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        if !asked.is_same(&named, usual) {
            return Err(Refusal::bad(format!(
                "the request is for {:?}, its Host header says {:?}; allowed: the same",
                asked.to_string(),
                named.to_string()
            )));
        }
    }
    Ok(Some(asked))
}

/// The token after the scheme, which may be spelled in any case.
fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(hosts: &[&str], guard: Guard) -> Access {
        let config = crate::config::Builder::default().token("0123456789abcdef").resolve(|_| None).unwrap();
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Access { token: Token::of(&config).unwrap(), guarded: false, guard, check_host: true, hosts }
    }

    #[test]
    fn foreign_names_are_not_known() {
        let access = access(&["pod-1.svc", "10.0.0.7:9464", "fd00::7", "[fd00::8]:9464"], Guard::Off);
        let local = Some("192.0.2.1".parse().unwrap());
        for known in [
            "localhost",
            "LOCALHOST:9464",
            "127.0.0.1:9464",
            "127.8.8.8",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[::ffff:192.0.2.1]",
            "192.0.2.1",
            "192.0.2.1:9464",
            "pod-1.svc:9464",
            "10.0.0.7",
            "[fd00::7]:9464",
            "[fd00:0::7]",
            "[fd00::8]:1",
        ] {
            assert!(access.knows(&Host::parse(known).unwrap(), local), "{known}");
            let mapped = Some("::ffff:192.0.2.1".parse().unwrap());
            assert!(access.knows(&Host::parse(known).unwrap(), mapped), "{known}");
        }
        for foreign in
            ["evil.example", "evil.example:9464", "localhost.evil.example", "192.0.2.2", "127.0.0.1.evil.example"]
        {
            assert!(!access.knows(&Host::parse(foreign).unwrap(), local), "{foreign}");
        }
    }

    /// The status that a request gets, 200 if it may have what it asks for.
    fn status(access: &Access, method: &str, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        access
            .decide(&request.body(axum::body::Body::empty()).unwrap())
            .map_or_else(|refusal| refusal.status().as_u16(), |_| 200)
    }

    #[test]
    fn a_request_of_two_meanings_is_refused() {
        let access = access(&["pod-1.svc"], Guard::Off);
        let host = ("host", "localhost:9464");
        for (uri, headers) in [
            ("/metrics", &[host, host][..]),
            ("/metrics", &[host, ("host", "evil.example")]),
            ("/metrics", &[host, ("authorization", "Bearer a"), ("authorization", "Bearer b")]),
            ("/metrics", &[host, ("origin", "http://localhost:9464"), ("origin", "http://localhost:9464")]),
            ("/metrics", &[host, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]),
            ("/metrics", &[host, ("content-length", "0"), ("content-length", "1")]),
            ("http://127.0.0.1:9464/metrics", &[host]),
            ("http://localhost/metrics", &[host]),
            ("http://localhost:9464@evil.example/metrics", &[]),
            ("http://a@localhost:9464/metrics", &[host]),
            ("/metrics", &[("host", "localhost:port")]),
            ("/metrics", &[("host", "localhost:1:2")]),
            ("/metrics", &[("host", "a@localhost")]),
            ("/metrics", &[("host", "[[::1]]")]),
            ("/metrics", &[("host", "localhost/")]),
            ("/metrics", &[("host", "")]),
            ("/metrics", &[]),
        ] {
            assert_eq!(status(&access, "GET", uri, headers), 400, "{uri} {headers:?}");
        }
        for (uri, headers) in [
            ("http://localhost:9464/metrics", &[host][..]),
            ("http://LOCALHOST/metrics", &[("host", "localhost:80")]),
            ("http://[::1]:9464/metrics", &[]),
        ] {
            assert_eq!(status(&access, "GET", uri, headers), 200, "{uri} {headers:?}");
        }
    }

    #[test]
    fn pages_of_others_get_no_captures() {
        let access = access(&["pod-1.svc", "perf.example:8443"], Guard::Off);
        let ask = |uri: &str, headers: &[(&str, &str)]| {
            status(&access, "GET", uri, &[headers, &[("host", "localhost:9464")]].concat())
        };
        let captures = [
            "/debug/pprof/profile",
            "/debug/pprof/profile?seconds=5",
            "/debug/fgprof",
            "/debug/pprof/symbol?0x1",
            "/debug/pprof/heap",
            "/flamegraph?seconds=1",
            "/folded?%73econds=1",
            "/folded?weight=wall_samples",
            "/folded?weight=cpu_sample%73",
        ];
        let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        for uri in captures {
            assert!(routes::is_capture(&uri.parse().unwrap()), "{uri}");
            for site in ["cross-site", "same-site", "anything"] {
                assert_eq!(ask(uri, &[("sec-fetch-site", site)]), 403, "{uri} {site}");
                assert_eq!(ask(uri, &[&navigation[..], &[("sec-fetch-site", site)]].concat()), 403, "{uri} {site}");
            }
            for site in ["same-origin", "none"] {
                assert_eq!(ask(uri, &[("sec-fetch-site", site)]), 200, "{uri} {site}");
            }
            assert_eq!(ask(uri, &[]), 200, "what is no browser says nothing");
        }
        for uri in captures.into_iter().chain(["/", "/metrics", "/healthz"]) {
            for origin in [
                "http://evil.example",
                "null",
                "http://localhost:3000",
                "http://localhost",
                "x",
                "",
                "http://pod-1.svc.evil.example",
                "https://perf.example",
            ] {
                assert_eq!(ask(uri, &[("origin", origin)]), 403, "{uri} {origin}");
            }
            for origin in [
                "http://localhost:9464",
                "https://LOCALHOST:9464",
                "https://pod-1.svc",
                "http://pod-1.svc:99",
                "https://perf.example:8443",
            ] {
                assert_eq!(ask(uri, &[("origin", origin)]), 200, "{uri} {origin}");
            }
        }
        for uri in ["/", "/metrics", "/flamegraph", "/folded?weight=calls&seconds="] {
            assert!(!routes::is_capture(&uri.parse().unwrap()), "{uri}");
            assert_eq!(ask(uri, &[("sec-fetch-site", "cross-site")]), 403, "{uri}");
            let link = [&navigation[..], &[("sec-fetch-site", "cross-site")]].concat();
            assert_eq!(ask(uri, &link), 200, "a link on another page");
            let frame =
                [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), ("sec-fetch-site", "cross-site")];
            assert_eq!(ask(uri, &frame), 403, "{uri}");
        }
        let changes = |headers: &[(&str, &str)]| {
            status(
                &access,
                "POST",
                "/api/v1/heap",
                &[headers, &[("host", "localhost:9464"), ("authorization", "bearer 0123456789abcdef")]].concat(),
            )
        };
        assert_eq!((changes(&[]), changes(&[("origin", "http://evil.example")])), (200, 403));
    }

    #[test]
    fn what_is_guarded_asks_for_the_token() {
        for (guard, read, capture) in [(Guard::Off, 200, 200), (Guard::Captures, 200, 401), (Guard::All, 401, 401)] {
            let access = access(&[], guard);
            let host = ("host", "localhost");
            for (uri, expected) in [
                ("/metrics", read),
                ("/flamegraph?weight=cpu", read),
                ("/healthz", read),
                ("/debug/fgprof", capture),
                ("/folded?seconds=1", capture),
            ] {
                for method in ["GET", "HEAD", "OPTIONS"] {
                    assert_eq!(status(&access, method, uri, &[host]), expected, "{guard} {uri}");
                    assert_eq!(
                        status(&access, method, uri, &[host, ("authorization", "Bearer 0123456789abcdee")]),
                        expected
                    );
                    assert_eq!(
                        status(&access, method, uri, &[host, ("authorization", "Bearer  0123456789abcdef")]),
                        200
                    );
                }
                assert_eq!(status(&access, "POST", uri, &[host]), 401);
            }
        }
    }
}
