//! Settings and a handle of nothing.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::error::Error;
use crate::rate::Rate;
use crate::snapshot::{Finding, Leaks, Snapshot};

/// Settings that nobody reads.
#[derive(Clone, Debug, Default)]
#[must_use = "call start() to start the profiler"]
pub struct Builder(());

impl Builder {
    /// Nothing.
    pub fn listen(self, _address: impl fmt::Display) -> Self {
        self
    }

    /// Nothing.
    pub fn token(self, _token: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn token_file(self, _path: impl Into<PathBuf>) -> Self {
        self
    }

    /// Nothing.
    pub fn allow_remote(self, _allow: bool) -> Self {
        self
    }

    /// Nothing.
    pub fn allow_host(self, _host: impl fmt::Display) -> Self {
        self
    }

    /// Nothing.
    pub fn guard(self, _reads: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn buckets(self, _pattern: &str, _bounds: &[f64]) -> Self {
        self
    }

    /// Nothing.
    pub fn report(self, _print: bool) -> Self {
        self
    }

    /// Nothing.
    pub fn report_signals(self, _listen: bool) -> Self {
        self
    }

    /// Nothing.
    pub fn enabled(self, _on: bool) -> Self {
        self
    }

    /// Nothing.
    pub fn sample(self, _pattern: &str, _rate: Rate) -> Self {
        self
    }

    /// Nothing.
    pub fn budget(self, _share: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn hot(self, _what: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn budget_floor(self, _share: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn stacks(self, _engine: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn stacks_hz(self, _hz: u32) -> Self {
        self
    }

    /// Nothing.
    pub fn heap(self, _size: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn memory(self, _size: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn leak_window(self, _window: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn leak_horizon(self, _horizon: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn leak_floor(self, _size: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn memory_limit(self, _size: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn leak_caches(self, _caches: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn pressure(self, _thresholds: impl Into<String>) -> Self {
        self
    }

    /// Nothing: it is never called.
    pub fn on_leak(self, _f: impl Fn(&Finding) + Send + Sync + 'static) -> Self {
        self
    }

    /// Nothing.
    pub fn push(self, _server: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn push_protocol(self, _protocol: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn push_interval(self, _interval: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn push_name(self, _name: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn push_labels(self, _labels: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn push_token(self, _token: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn push_tenant(self, _tenant: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn profiles(self, _folder: impl Into<PathBuf>) -> Self {
        self
    }

    /// Nothing.
    pub fn profiles_keep(self, _keep: impl Into<String>) -> Self {
        self
    }

    /// Nothing.
    pub fn cpu_clock(self, _engine: impl Into<String>) -> Self {
        self
    }

    /// Starts nothing.
    ///
    /// # Errors
    /// None.
    pub fn start(self) -> Result<Handle, Error> {
        Ok(Handle(()))
    }
}

/// A handle of nothing.
#[derive(Clone, Debug)]
#[must_use = "the endpoint closes when the handle drops"]
pub struct Handle(());

// As with the feature: dropping it is an act.
impl Drop for Handle {
    #[inline(always)]
    fn drop(&mut self) {}
}

impl Handle {
    /// Nowhere.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        None
    }

    /// No place changes its rate.
    pub fn set_sampling(&self, _pattern: &str, _rate: Option<Rate>) -> usize {
        0
    }

    /// Nothing.
    pub fn set_recording(&self, _on: bool) {}

    /// No.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        false
    }

    /// Nothing.
    ///
    /// # Errors
    /// None.
    pub fn set_heap(&self, _size: &str) -> Result<(), Error> {
        Ok(())
    }

    /// None.
    #[must_use]
    pub fn leaks(&self) -> Option<Leaks> {
        None
    }

    /// An empty one.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }
}
