//! A server's address.

use std::fmt;
#[cfg(any(feature = "push", test))]
use std::net::IpAddr;
use std::str::FromStr;

use crate::settings::value::value_by_text;

const HTTP_PORT: u16 = 80;

/// `http://HOST[:PORT][/PREFIX]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushServer {
    /// A name or an address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As given, for the `Host` header.
    pub(crate) authority: String,
    /// Without a trailing slash; usually empty.
    pub(crate) prefix: String,
}

/// The text is not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsePushServerError(());

impl fmt::Display for ParsePushServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the address of a server; allowed: http://HOST, with :PORT and /PREFIX if needed, without user and password")
    }
}

impl std::error::Error for ParsePushServerError {}

value_by_text!(PushServer);

impl FromStr for PushServer {
    type Err = ParsePushServerError;

    /// Only plain HTTP, without user names.
    fn from_str(text: &str) -> Result<Self, ParsePushServerError> {
        let rest = text.strip_prefix("http://").ok_or(ParsePushServerError(()))?;
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_fine = |b: u8| b.is_ascii_graphic() && !b"?#%\"<>\\^`{|}".contains(&b);
        if !prefix.bytes().all(is_fine) {
            return Err(ParsePushServerError(()));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(ParsePushServerError(()))?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| ParsePushServerError(()))?;
                (
                    host,
                    port.strip_prefix(':')
                        .or(if port.is_empty() { Some("") } else { None })
                        .ok_or(ParsePushServerError(()))?,
                )
            }
            None => {
                let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
                if authority.ends_with(':') {
                    return Err(ParsePushServerError(()));
                }
                let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
                if host.is_empty() || !host.bytes().all(is_name) {
                    return Err(ParsePushServerError(()));
                }
                (host, port)
            }
        };
        let port = if port.is_empty() {
            HTTP_PORT
        } else {
            port.parse().ok().filter(|port| *port > 0).ok_or(ParsePushServerError(()))?
        };
        let prefix = prefix.trim_end_matches('/').to_owned();
        Ok(Self { host: host.to_owned(), port, authority: authority.to_owned(), prefix })
    }
}

#[cfg(any(feature = "push", test))]
impl PushServer {
    /// Whether it is certainly on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.').to_ascii_lowercase();
        match name.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

impl fmt::Display for PushServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_recognized() {
        let is_here = |host: &str| format!("http://{host}/x").parse::<PushServer>().unwrap().is_loopback();
        for here in [
            "127.0.0.1:4040",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
            "localhost",
            "LOCALHOST.:80",
            "a.localhost",
        ] {
            assert!(is_here(here), "{here}");
        }
        for away in ["10.0.0.1", "[::2]", "localhost.example", "notlocalhost", "pyroscope", "127.0.0.1.example"] {
            assert!(!is_here(away), "{away}");
        }
    }

    #[test]
    fn addresses_are_split_into_parts() {
        let parts = |text: &str| {
            let target: PushServer = text.parse().unwrap();
            assert_eq!(target.to_string(), text.trim_end_matches('/'));
            (target.host, target.port, target.prefix)
        };
        assert_eq!(parts("http://pyroscope:4040"), ("pyroscope".into(), 4040, String::new()));
        assert_eq!(parts("http://10.0.0.7/"), ("10.0.0.7".into(), 80, String::new()));
        assert_eq!(parts("http://a.b-c.svc:1/deep/er/"), ("a.b-c.svc".into(), 1, "/deep/er".into()));
        assert_eq!(parts("http://[::1]:4040/x"), ("::1".into(), 4040, "/x".into()));
        assert_eq!(parts("http://[fe80::1]"), ("fe80::1".into(), 80, String::new()));
        for wrong in [
            "",
            "http://",
            "http:///x",
            "https://a",
            "a:4040",
            "http://a:",
            "http://a:0",
            "http://a:70000",
            "http://a:b",
            "http://user:secret@a",
            "http://user@a",
            "http://a/b?c=d",
            "http://a/#b",
            "http://a b",
            "http://a/b\r\nX: y",
            "http://[::1",
            "http://[a]",
            "http://[::1]x",
        ] {
            assert!(wrong.parse::<PushServer>().is_err(), "{wrong:?}");
        }
    }
}
