//! A handle without a profiler.

use std::net::SocketAddr;

use super::event::Events;
use crate::alert::AlertsReport;
use crate::error::Error;
use crate::finding::{Findings, Optimization};
use crate::rate::Rate;
use crate::settings::Builder;
use crate::snapshot::{HistoryColumns, HistoryQuery, HistorySeries, Leaks, Snapshot};
use crate::target::Judgement;

impl Builder {
    /// Starts nothing.
    ///
    /// # Errors
    /// None.
    pub fn start(self) -> Result<Handle, Error> {
        Ok(Handle(()))
    }
}

/// A handle without a profiler.
#[derive(Clone, Debug)]
#[must_use = "the endpoint closes when the handle drops"]
pub struct Handle(());

// As with the feature, so that dropping it has the same meaning.
impl Drop for Handle {
    #[inline(always)]
    fn drop(&mut self) {}
}

impl Handle {
    /// Always `None`.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        None
    }

    /// Always 0: no site changes its rate.
    pub fn set_sampling(&self, _pattern: &str, _rate: Option<Rate>) -> usize {
        0
    }

    /// Does nothing.
    pub fn set_recording(&self, _on: bool) {}

    /// Does nothing: flags are off.
    pub fn set_flag(&self, _name: &str, _on: bool) {}

    /// Always `false`.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        false
    }

    /// Does nothing.
    ///
    /// # Errors
    /// None.
    pub fn set_heap(&self, _size: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Does nothing.
    ///
    /// # Errors
    /// None.
    pub fn set(&self, _key: &str, _value: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Always `None`.
    #[must_use]
    pub fn leaks(&self) -> Option<Leaks> {
        None
    }

    /// Always `None`.
    ///
    /// # Errors
    /// None.
    pub fn history(&self, _query: &HistoryQuery) -> Result<Option<HistoryColumns>, Error> {
        Ok(None)
    }

    /// Always empty.
    #[must_use]
    pub fn history_series(&self) -> Vec<HistorySeries> {
        Vec::new()
    }

    /// Always without findings.
    #[must_use]
    pub fn findings(&self) -> Findings {
        Findings::default()
    }

    /// Does nothing.
    pub fn optimize(&self) -> Optimization {
        Optimization::default()
    }

    /// Always `None`.
    #[must_use]
    pub fn targets(&self) -> Option<Judgement> {
        None
    }

    /// Always `None`.
    #[must_use]
    pub fn alerts(&self) -> Option<AlertsReport> {
        None
    }

    /// Always without events.
    pub fn events(&self) -> Events {
        Events(())
    }

    /// Always `None`.
    #[must_use]
    pub fn scaling(&self) -> Option<crate::snapshot::Scaling> {
        None
    }

    /// Nothing.
    #[must_use]
    pub fn slowest(&self) -> crate::snapshot::SlowCalls {
        crate::snapshot::SlowCalls::default()
    }

    /// An empty snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }
}
