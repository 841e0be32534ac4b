//! Requests that a page of another origin makes a browser send.
//!
//! The page cannot read the response. But a capture would have its cost, and would interrupt
//! sleeping threads, all the same.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};

use super::header_text::header_text;
use super::host::Host;
use super::reply::Refusal;

/// Browsers set this header, and pages cannot: <https://www.w3.org/TR/fetch-metadata/>. Browsers
/// omit it for addresses that are neither loopback nor reached over TLS.
pub(super) const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
pub(super) const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
pub(super) const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Rejects requests by a page of another site or port. A link to a route that is not a capture may
/// be followed from anywhere.
pub(super) fn check_site(headers: &HeaderMap, is_capture: bool) -> Result<(), Refusal> {
    let Some(site) = header_text(headers, SITE)? else { return Ok(()) };
    if matches!(site, "same-origin" | "none") {
        return Ok(());
    }
    let is_link = header_text(headers, MODE)? == Some("navigate") && header_text(headers, DEST)? == Some("document");
    if is_link && !is_capture {
        return Ok(());
    }
    let text = format!(
        "a page of another origin requested this (Sec-Fetch-Site: {site:?}); allowed: pages of this endpoint, an address that you \
         type, and programs that are no browsers"
    );
    Err(Refusal::new(StatusCode::FORBIDDEN, text))
}

/// Rejects an `Origin` that is neither this endpoint, which the request names as `host`, nor one of
/// the allowed `hosts`.
pub(super) fn check_origin(headers: &HeaderMap, host: Option<&Host<'_>>, hosts: &[String]) -> Result<(), Refusal> {
    let Some(origin) = header_text(headers, header::ORIGIN)? else { return Ok(()) };
    let is_ours = [("http://", 80), ("https://", 443)].into_iter().any(|(scheme, usual)| {
        let Some(page) = origin.strip_prefix(scheme).and_then(Host::parse) else { return false };
        // An entry without a port allows any port.
        let is_allowed = |known: &String| {
            Host::allowed(known).is_some_and(|known| match known.port {
                Some(_) => known.is_same(&page, usual),
                None => known.is_named_like(&page),
            })
        };
        host.is_some_and(|host| host.is_same(&page, usual)) || hosts.iter().any(is_allowed)
    });
    if is_ours {
        return Ok(());
    }
    let text = format!(
        "a page of origin {origin:?} may not request this; allowed: pages of this endpoint, and of hosts in PERF_ALLOW_HOSTS"
    );
    Err(Refusal::new(StatusCode::FORBIDDEN, text))
}
