//! Where the endpoint listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::settings::value::{Entry, IntoSetting, value_by_text};

/// The default address of the endpoint.
#[cfg_attr(not(feature = "serve"), allow(dead_code))]
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:9464";

/// Where the endpoint listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listen {
    /// The default address. If it is already in use, the endpoint waits for it.
    Default,
    /// This address; an error if it cannot be used.
    Tcp(SocketAddr),
    /// This Unix socket; an error if it cannot be used.
    Unix(PathBuf),
    /// The endpoint is off.
    Off,
}

/// The text is not an address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseListenError(());

impl fmt::Display for ParseListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address to listen on; allowed: an address such as 127.0.0.1:9464, unix:/path, or off")
    }
}

impl std::error::Error for ParseListenError {}

value_by_text!(Listen);

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl IntoSetting<Listen> for SocketAddr {
    fn into_setting(self) -> Entry<Listen> {
        Entry::Value(self.into())
    }
}

impl FromStr for Listen {
    type Err = ParseListenError;

    fn from_str(text: &str) -> Result<Self, ParseListenError> {
        match text {
            "off" => Ok(Self::Off),
            _ => match text.strip_prefix("unix:") {
                Some("") => Err(ParseListenError(())),
                Some(path) if cfg!(unix) => Ok(Self::Unix(path.into())),
                Some(_) => Err(ParseListenError(())),
                None => text.parse().map(Self::Tcp).map_err(|_| ParseListenError(())),
            },
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str(DEFAULT_ADDRESS),
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Off => f.write_str("off"),
        }
    }
}
