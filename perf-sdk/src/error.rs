//! Errors of the profiler's start.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why [`start`](crate::start) failed. Recording itself never fails: it drops a sample and counts
/// it.
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that is not allowed.
    Setting {
        /// Where it was set: an environment variable, or a method of the builder.
        place: String,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// The profiler is already running with another configuration.
    Running {
        /// The setting that differs.
        key: &'static str,
        /// Its current value.
        in_force: String,
        /// The requested value.
        asked: String,
    },
    /// The endpoint would be reachable from other machines without protection.
    Unprotected {
        /// The address.
        address: SocketAddr,
    },
    /// The configured address cannot be bound.
    Listen {
        /// The address or socket path.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// The token cannot be stored in its file.
    TokenFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The settings file cannot be read.
    Config {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file of targets cannot be read.
    Targets {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file of alerts cannot be read.
    Alerts {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file of accepted findings cannot be read.
    Findings {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Bundles of evidence cannot be written to their folder.
    Evidence {
        /// The folder.
        folder: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Profiles cannot be written to their folder.
    Profiles {
        /// The folder.
        folder: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The history cannot be kept in its file.
    History {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, or the system's error.
        source: io::Error,
    },
    /// The system could not provide a thread, or what it needs, for something that was explicitly
    /// configured.
    Thread {
        /// The setting.
        key: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { place, value, allowed } => {
                write!(f, "{place} is {value:?}; allowed: {allowed}")
            }
            Self::Running { key, in_force, asked } => write!(
                f,
                "the profiler is already running with {key} = {in_force}, not {asked}; start it once, or with equal settings"
            ),
            Self::Unprotected { address } => write!(
                f,
                "{address} can be reached from other machines; set a token (PERF_TOKEN), or allow it (PERF_ALLOW_REMOTE=true), \
                 or listen on a loopback address"
            ),
            Self::Listen { address, source } => {
                write!(
                    f,
                    "cannot listen on {address}: {source}; choose another address (PERF_LISTEN) or port 0 for a free one"
                )
            }
            Self::TokenFile { path, source } => write!(
                f,
                "cannot keep the token in {}: {source}; choose another file (PERF_TOKEN_FILE) or set PERF_TOKEN",
                path.display()
            ),
            Self::Config { path, source } => {
                write!(
                    f,
                    "cannot read the settings in {}: {source}; name a file that is there (PERF_CONFIG)",
                    path.display()
                )
            }
            Self::Targets { path, source } => {
                write!(
                    f,
                    "cannot read the targets in {}: {source}; name a file that is there (PERF_TARGETS)",
                    path.display()
                )
            }
            Self::Alerts { path, source } => {
                write!(
                    f,
                    "cannot read the alerts in {}: {source}; name a file that is there (PERF_ALERTS)",
                    path.display()
                )
            }
            Self::Findings { path, source } => {
                write!(f, "cannot read {}: {source} (PERF_FINDINGS_ACCEPTED)", path.display())
            }
            Self::Evidence { folder, source } => write!(
                f,
                "cannot write evidence to {}: {source}; make the folder, or choose another (PERF_EVIDENCE)",
                folder.display()
            ),
            Self::Profiles { folder, source } => write!(
                f,
                "cannot write profiles to {}: {source}; make the folder, or choose another (PERF_PROFILES)",
                folder.display()
            ),
            Self::History { path, source } => write!(
                f,
                "cannot keep the history in {}: {source}; name a new file, or one that a history wrote (PERF_HISTORY)",
                path.display()
            ),
            Self::Thread { key, source } => write!(
                f,
                "the system could not start a thread for {key}: {source}; raise its limit (ulimit -u, pids.max of the control group), or do not set {key}: \
                 by default it is left out then"
            ),
        }
    }
}

/// The same text as `Display`, so that `unwrap()` and `main` print it too.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen { source, .. }
            | Self::TokenFile { source, .. }
            | Self::Config { source, .. }
            | Self::Targets { source, .. }
            | Self::Findings { source, .. }
            | Self::Evidence { source, .. }
            | Self::Profiles { source, .. }
            | Self::History { source, .. }
            | Self::Thread { source, .. } => Some(source),
            _ => None,
        }
    }
}
