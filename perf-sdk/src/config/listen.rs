//! Where the endpoint listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the endpoint listens when nothing else is said.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:9464";

/// Where the endpoint listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// The default address; when it is taken, serving waits for it.
    Default,
    /// This address, or an error.
    Tcp(SocketAddr),
    /// This Unix socket, or an error.
    Unix(PathBuf),
    /// Nowhere.
    Off,
}

impl FromStr for Listen {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "off" => Ok(Self::Off),
            _ => match text.strip_prefix("unix:") {
                Some("") => Err(()),
                Some(path) if cfg!(unix) => Ok(Self::Unix(path.into())),
                Some(_) => Err(()),
                None => text.parse().map(Self::Tcp).map_err(|_| ()),
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
