//! What names an endpoint on the command line.

use std::fmt;
use std::net::IpAddr;

use crate::address::Address;
use crate::failure::{Failure, said};
use crate::process;

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) address: Address,
    /// Before each route: empty, or `/perf`.
    pub(crate) prefix: String,
    /// The process, if it was named by its id.
    pub(crate) pid: Option<u32>,
}

const ALLOWED: &str = "allowed: HOST:PORT such as 127.0.0.1:9464, :PORT, http://HOST:PORT/PREFIX, unix:/path/to/socket, \
                       or the id of a process";

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if let Some(path) = text.strip_prefix("unix:").or_else(|| text.starts_with('/').then_some(text)) {
            return Ok(Self { address: Address::Unix(path.into()), prefix: String::new(), pid: None });
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let Ok(pid) = text.parse() else { return said(format!("{text} is no process id; {ALLOWED}")) };
            return Ok(Self { address: process::endpoint_of(pid)?, prefix: String::new(), pid: Some(pid) });
        }
        if text.starts_with("https://") {
            return said(format!("{text:?} is https, which is not supported: ask through a forwarder; {ALLOWED}"));
        }
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\\\"<>".contains(&byte));
        let found = if is_plain(rest) { tcp(authority, text.starts_with("http://")) } else { None };
        let address = found.ok_or_else(|| Failure::new(format!("endpoint is {text:?}; {ALLOWED}")))?;
        Ok(Self { address, prefix, pid: None })
    }

    /// Whether a request stays on this machine.
    pub(crate) fn is_local(&self) -> bool {
        match &self.address {
            Address::Unix(_) => true,
            Address::Tcp { host, .. } => {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
            }
        }
    }
}

/// The host without brackets, and the port.
fn tcp(authority: &str, is_url: bool) -> Option<Address> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        _ if is_url => (authority, 80),
        _ => return None,
    };
    let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
        Some(inner) => inner.filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())?,
        None if host.is_empty() && !is_url => "127.0.0.1",
        None => host,
    };
    (!host.is_empty() && port > 0).then(|| Address::Tcp { host: host.to_owned(), port })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_or_a_socket() {
        for (text, shown, is_local) in [
            ("127.0.0.1:9464", "127.0.0.1:9464", true),
            (":9470", "127.0.0.1:9470", true),
            ("localhost:1", "localhost:1", true),
            ("[::1]:9464", "[::1]:9464", true),
            ("[::ffff:127.0.0.1]:9464", "[::ffff:127.0.0.1]:9464", true),
            ("http://web-7:9464/", "web-7:9464", false),
            ("http://web-7/perf/", "web-7:80/perf", false),
            ("10.0.0.7:9464", "10.0.0.7:9464", false),
            ("localhost.evil.example:80", "localhost.evil.example:80", false),
            ("unix:/run/a.sock", "unix:/run/a.sock", true),
            ("/run/a.sock", "unix:/run/a.sock", true),
        ] {
            let place = Place::parse(text).unwrap();
            assert_eq!((place.to_string().as_str(), place.is_local()), (shown, is_local), "{text}");
        }
    }

    #[test]
    fn a_wrong_endpoint_is_named_with_what_is_allowed() {
        for text in
            ["", "web-7", "::1:9464", "web:port", "web:0", "web:70000", "https://web:1", "a b:1", "u@web:1", "[web]:1"]
        {
            let said = Place::parse(text).unwrap_err().to_string();
            assert!(said.contains(&format!("{text:?}")) && said.contains("unix:/path"), "{said}");
        }
    }
}
