//! A host and a port, as in requests.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// `name`, `name:port`, `address:port` or `[v6]:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host<'a> {
    /// In lower case.
    pub(super) name: Cow<'a, str>,
    pub(super) port: Option<u16>,
}

impl<'a> Host<'a> {
    /// Parses a host. `None` for any other form, such as one with a user name, which parsers
    /// interpret differently.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (name, port) = match text.rfind(':') {
            Some(colon) if !text[colon..].contains(']') => (&text[..colon], Some(&text[colon + 1..])),
            _ => (text, None),
        };
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte))
        };
        let is_v6 = |name: &str| {
            let inside = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
            inside.is_some_and(|inside| inside.parse::<std::net::Ipv6Addr>().is_ok())
        };
        if !is_name(name) && !is_v6(name) {
            return None;
        }
        let port = match port.filter(|port| !port.is_empty()) {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
            Some(_) => return None,
            None => None,
        };
        let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) };
        Some(Self { name, port })
    }

    /// Parses a host in a setting, where an IPv6 address may lack its brackets.
    pub(super) fn allowed(text: &'a str) -> Option<Self> {
        if text.parse::<std::net::Ipv6Addr>().is_ok() {
            return Some(Self { name: Cow::Owned(format!("[{text}]")), port: None });
        }
        Self::parse(text)
    }

    /// Whether the hosts are equal, whatever the ports. An address has several spellings.
    pub(super) fn is_named_like(&self, other: &Host<'_>) -> bool {
        self.name == other.name || self.address().is_some_and(|address| other.address() == Some(address))
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        let inside = self.name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        inside.unwrap_or(&self.name).parse().ok()
    }

    /// Whether hosts and ports are equal. If there is no port, it is `usual`.
    pub(super) fn is_same(&self, other: &Host<'_>, usual: u16) -> bool {
        self.is_named_like(other) && self.port.unwrap_or(usual) == other.port.unwrap_or(usual)
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
