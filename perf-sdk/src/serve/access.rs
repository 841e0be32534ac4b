//! Who may ask for what.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::reply::Refusal;
use super::token::Token;

/// The rules of one listening endpoint.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) token: Token,
    /// Reads need the token too.
    pub(super) guarded: bool,
    /// Whether the Host header is looked at; a Unix socket has none to speak of.
    pub(super) check_host: bool,
    pub(super) hosts: Vec<String>,
}

/// The address that the client connected to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local(pub(super) IpAddr);

/// Refuses what the rules forbid.
pub(super) async fn check(access: Arc<Access>, request: Request, next: Next) -> Response {
    if access.check_host {
        let local = request.extensions().get::<Local>().map(|Local(address)| *address);
        // HTTP/1.1 demands a Host; an absolute request line overrides it.
        let host =
            request.uri().authority().map(|a| a.as_str()).or_else(|| header_text(request.headers(), header::HOST));
        match host {
            None => return Refusal::bad("the request has no Host header").into_response(),
            Some(host) if !access.knows(host, local) => {
                let text = format!(
                    "host {host:?} is not allowed: call this endpoint by its address or as localhost, or name the host in PERF_ALLOW_HOSTS"
                );
                return Refusal::new(StatusCode::FORBIDDEN, text).into_response();
            }
            Some(_) => {}
        }
    }
    if access.guarded || is_change(request.method()) {
        let offered =
            header_text(request.headers(), header::AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer "));
        if !offered.is_some_and(|offered| access.token.matches(offered.trim())) {
            let mut response = Refusal::new(
                StatusCode::UNAUTHORIZED,
                "this request needs the header \"Authorization: Bearer TOKEN\" with the profiler's token",
            )
            .into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            return response;
        }
    }
    next.run(request).await
}

/// Whether a method may change something.
fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl Access {
    /// A browser on this machine that was lured to a foreign page resolves that page's name to us, but it sends the name:
    /// so addresses of our own are fine, names only if they are known.
    fn knows(&self, host: &str, local: Option<IpAddr>) -> bool {
        let host = host.to_ascii_lowercase();
        let name = without_port(&host);
        if name == "localhost" || self.hosts.iter().any(|known| *known == host || without_port(known) == name) {
            return true;
        }
        let address: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
        address.is_some_and(|address| address.is_loopback() || Some(address) == local)
    }
}

/// `name:port` and `[v6]:port` without the port.
fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if host[..colon].ends_with(']') || !host[..colon].contains(':') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_are_not_known() {
        let config = crate::config::Builder::default().token("0123456789abcdef").resolve(|_| None).unwrap();
        let access = Access {
            token: Token::of(&config).unwrap(),
            guarded: false,
            check_host: true,
            hosts: vec!["pod-1.svc".into(), "10.0.0.7:9464".into()],
        };
        let local = Some("192.0.2.1".parse().unwrap());
        for known in [
            "localhost",
            "LOCALHOST:9464",
            "127.0.0.1:9464",
            "127.8.8.8",
            "[::1]:80",
            "192.0.2.1",
            "192.0.2.1:9464",
            "pod-1.svc:9464",
            "10.0.0.7",
        ] {
            assert!(access.knows(known, local), "{known}");
        }
        for foreign in
            ["evil.example", "evil.example:9464", "localhost.evil.example", "192.0.2.2", "", "127.0.0.1.evil.example"]
        {
            assert!(!access.knows(foreign, local), "{foreign}");
        }
    }
}
