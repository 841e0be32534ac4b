//! A handle of nothing.

use std::net::SocketAddr;

use crate::error::Error;
use crate::rate::Rate;
use crate::settings::Builder;
use crate::snapshot::{Leaks, Snapshot};

impl Builder {
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

    /// Nothing.
    ///
    /// # Errors
    /// None.
    pub fn set(&self, _key: &str, _value: &str) -> Result<(), Error> {
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
