//! Access control: which requests are allowed.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::bearer::BoreToken;
use super::foreign;
use super::header_text::header_text;
use super::host::Host;
use super::reply::Refusal;
use super::routes;
use super::token::Token;
use crate::settings::Guard;

/// Headers on which access depends. If one occurs twice, a proxy may have used the other one.
const DECIDING: [HeaderName; 7] = [
    header::HOST,
    header::AUTHORIZATION,
    header::ORIGIN,
    foreign::SITE,
    foreign::MODE,
    foreign::DEST,
    header::CONTENT_LENGTH,
];

/// The access rules of one listening endpoint.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) token: Token,
    /// Whether all reads need the token, because the address is not a loopback one.
    pub(super) guarded: bool,
    /// Which reads need the token wherever the endpoint listens.
    pub(super) guard: Guard,
    /// Whether the `Host` header is checked. On a Unix socket it is meaningless.
    pub(super) check_host: bool,
    /// `PERF_ALLOW_HOSTS`: names and addresses. In a name, `*` stands for any text.
    pub(super) hosts: Vec<String>,
    /// The names of this machine or container.
    pub(super) own_names: Vec<String>,
    /// Whether the endpoint is reachable from this machine only.
    pub(super) is_local: bool,
}

/// Rejects requests that the rules forbid.
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

/// Whether a method may change state.
fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

impl Access {
    /// Whether the request had the token. An error if the request is not allowed.
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
            match &host {
                Some(host) if self.knows(host) => {}
                Some(host) => {
                    let text = format!(
                        "host {:?} is not allowed: call this endpoint by its address or as localhost, or name the host in PERF_ALLOW_HOSTS, where * is any",
                        host.to_string(),
                    );
                    return Err(Refusal::new(StatusCode::FORBIDDEN, text));
                }
                // HTTP/1.0 probes of load balancers have none. Every browser sends one.
                None if request.version() <= Version::HTTP_10 => {}
                None => return Err(Refusal::bad("the request has no Host header")),
            }
        }
        let is_capture = routes::is_capture(request.uri());
        if !routes::is_asset(request.uri()) {
            foreign::check_site(headers, is_capture)?;
            foreign::check_origin(headers, host.as_ref(), &self.hosts)?;
        }
        let offered = header_text(headers, header::AUTHORIZATION)?.and_then(bearer);
        let bore_token = offered.is_some_and(|offered| self.token.matches(offered));
        let is_guarded = !routes::is_static(request.uri())
            && (self.guarded || self.guard == Guard::All || (self.guard == Guard::Captures && is_capture));
        // A route that only reads rejects other methods itself, so they are not checked here.
        let is_change = is_change(request.method()) && !routes::only_reads(request.uri());
        if !bore_token && (is_guarded || is_change) {
            if let Some(why) = self.token.missing() {
                let text = format!(
                    "nothing can be changed here, because {why}; set PERF_TOKEN, or PERF_TOKEN_FILE to a file that \
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

    /// Whether the host is one of this endpoint.
    ///
    /// A page that rebinds its own name to this endpoint's address makes a browser send that name.
    /// So only known names are allowed. All addresses are allowed, because DNS does not resolve
    /// them.
    ///
    /// The unspecified address reaches a loopback endpoint too, and browsers do not say which page
    /// requests it (`foreign.rs`).
    fn knows(&self, host: &Host<'_>) -> bool {
        let is_known = |known: &String| match known.split_once('*') {
            Some(_) => crate::base::pattern::matches(without_port(known), &host.name),
            None => Host::allowed(known).is_some_and(|known| known.is_named_like(host)),
        };
        // A trailing dot does not change a name; it only prevents the use of search domains.
        let name = host.name.strip_suffix('.').unwrap_or(&host.name);
        if name == "localhost" || self.own_names.iter().any(|own| own == name) || self.hosts.iter().any(is_known) {
            return true;
        }
        host.address().is_some_and(|address| !self.is_local || !address.to_canonical().is_unspecified())
    }
}

/// A pattern of `PERF_ALLOW_HOSTS` without its port, because ports are not compared.
fn without_port(pattern: &str) -> &str {
    match pattern.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => pattern,
    }
}

/// The host in the request. An absolute request line overrides the `Host` header, and must not
/// contradict it.
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

/// The token after the scheme, whose case does not matter.
fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(hosts: &[&str], guard: Guard) -> Access {
        let config = crate::settings::Builder::default().token("0123456789abcdef").resolve(|_| None).unwrap();
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let own_names = vec!["web-7.shop.example".to_owned(), "web-7".to_owned()];
        let token = Token::of(&config).unwrap();
        Access { token, guarded: false, guard, check_host: true, hosts, own_names, is_local: true }
    }

    #[test]
    fn foreign_names_are_not_known() {
        let access = access(&["pod-1.svc", "10.0.0.7:9464", "fd00::7", "*.shop.svc:9464"], Guard::Off);
        for known in [
            "localhost",
            "LOCALHOST:9464",
            "localhost.",
            "127.0.0.1:9464",
            "127.8.8.8",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "192.0.2.1:9464",
            "203.0.113.9",
            "[2001:db8::1]:9464",
            "[::ffff:192.0.2.1]",
            "pod-1.svc:9464",
            "cart.shop.svc",
            "cart.shop.svc:80",
            "web-7",
            "WEB-7:9464",
            "web-7.shop.example",
            "web-7.shop.example.",
        ] {
            assert!(access.knows(&Host::parse(known).unwrap()), "{known}");
        }
        for foreign in [
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2",
            "0x7f000001",
            "web-7.evil.example",
            "web-70",
            "example",
            "cart.shop.svc.evil.example",
            "shop.svc",
            "0.0.0.0",
            "[::]:9464",
            "[::ffff:0.0.0.0]",
        ] {
            assert!(!access.knows(&Host::parse(foreign).unwrap()), "{foreign}");
        }
        let remote = Access { is_local: false, ..access };
        assert!(["0.0.0.0:9464", "[::]"].iter().all(|host| remote.knows(&Host::parse(host).unwrap())));
        let open = Access { is_local: true, hosts: vec!["*".into()], ..remote };
        assert!(["evil.example", "[::]"].iter().all(|host| open.knows(&Host::parse(host).unwrap())));
        // Allowing any host does not allow the pages of any origin.
        let origin = [("host", "localhost:9464"), ("origin", "http://evil.example")];
        assert_eq!(status(&open, "GET", "/metrics", &origin), 403);
    }

    #[test]
    fn old_probes_name_no_host() {
        let access = access(&[], Guard::Off);
        for (version, allowed) in [(Version::HTTP_09, true), (Version::HTTP_10, true), (Version::HTTP_11, false)] {
            let request = Request::builder().version(version).uri("/healthz");
            let request = request.body(axum::body::Body::empty()).unwrap();
            assert_eq!(access.decide(&request).is_ok(), allowed, "{version:?}");
        }
    }

    /// The status for a request: 200 if it is allowed.
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
    fn pages_of_other_origins_get_no_captures() {
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
        for uri in captures.into_iter().filter(|uri| cfg!(feature = "heap") || !uri.ends_with("/heap")) {
            assert!(routes::is_capture(&uri.parse().unwrap()), "{uri}");
            for site in ["cross-site", "same-site", "anything"] {
                assert_eq!(ask(uri, &[("sec-fetch-site", site)]), 403, "{uri} {site}");
                assert_eq!(ask(uri, &[&navigation[..], &[("sec-fetch-site", site)]].concat()), 403, "{uri} {site}");
            }
            for site in ["same-origin", "none"] {
                assert_eq!(ask(uri, &[("sec-fetch-site", site)]), 200, "{uri} {site}");
            }
            assert_eq!(ask(uri, &[]), 200, "clients other than browsers send no such header");
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
        for uri in
            ["/", "/metrics", "/flamegraph", "/folded?weight=calls&seconds=", "/flame?weight=cpu_samples&seconds=1"]
        {
            assert!(!routes::is_capture(&uri.parse().unwrap()), "{uri}");
            assert_eq!(ask(uri, &[("sec-fetch-site", "cross-site")]), 403, "{uri}");
            let link = [&navigation[..], &[("sec-fetch-site", "cross-site")]].concat();
            assert_eq!(ask(uri, &link), 200, "a link on another page");
            let frame =
                [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), ("sec-fetch-site", "cross-site")];
            assert_eq!(ask(uri, &frame), 403, "{uri}");
        }
        // A file says nothing of the program.
        assert_eq!(ask("/assets/flame.js", &[("sec-fetch-site", "cross-site"), ("origin", "null")]), 200);
        let changes = |headers: &[(&str, &str)]| {
            status(
                &access,
                "POST",
                "/api/v1/settings?heap=off",
                &[headers, &[("host", "localhost:9464"), ("authorization", "bearer 0123456789abcdef")]].concat(),
            )
        };
        assert_eq!((changes(&[]), changes(&[("origin", "http://evil.example")])), (200, 403));
    }

    #[test]
    fn guarded_routes_require_the_token() {
        assert!(!routes::is_static(&"/assets/app.js/more".parse().unwrap()), "no file is there");
        let open = access(&[], Guard::Off);
        for uri in
            ["/api/v1/settings", "/api/v1/settings?enabled=off", "/nowhere", "/metrics/", "//metrics", "/%6detrics"]
        {
            assert_eq!(status(&open, "POST", uri, &[("host", "localhost")]), 401, "{uri}");
        }
        for (guard, read, capture) in [(Guard::Off, 200, 200), (Guard::Captures, 200, 401), (Guard::All, 401, 401)] {
            let access = access(&[], guard);
            let host = ("host", "localhost");
            for (uri, expected) in [
                ("/metrics", read),
                ("/flamegraph?weight=cpu", read),
                ("/healthz", read),
                ("/api/v1/flame", read),
                ("/api/v1/flame?seconds=1", capture),
                ("/flame?weight=cpu_samples&seconds=10", 200),
                ("/assets/flame.js", 200),
                ("/pages", read),
                ("/api/v1/overview", read),
                // The same for everybody.
                ("/", 200),
                ("/assets/app.js", 200),
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
                assert_eq!(status(&access, "POST", uri, &[host]), expected, "the route itself rejects the method");
            }
        }
    }
}
