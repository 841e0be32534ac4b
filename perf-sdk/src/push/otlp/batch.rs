//! Metrics as requests of a bounded size.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::plan::OtlpPlan;
use crate::collect;
#[cfg(feature = "otlp-profiles")]
use crate::collect::Window;
use crate::export::Exposition;
use crate::export::otlp::{self, Deltas, Otlp, Times};
#[cfg(feature = "otlp-profiles")]
use crate::export::pprof;
use crate::export::{UserHistogram, otlp::request};
use crate::push::backlog::Item;
use crate::reading;
use crate::settings::OtlpTemporality;
#[cfg(feature = "otlp-profiles")]
use crate::snapshot::CpuProfile;
#[cfg(feature = "otlp-profiles")]
use crate::stacks;

/// A request is ended after this many data points. One of a function's histogram takes some hundred
/// bytes.
const MOST_POINTS: usize = 4_096;

/// The program's own metrics: text of a Prometheus recorder, and histograms.
pub(crate) type UserMetrics = fn() -> (Option<String>, Vec<UserHistogram>);

/// One request.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) path: &'static str,
    /// The number of data points, or of samples of stacks.
    pub(super) points: u64,
    /// An `ExportMetricsServiceRequest` or an `ExportProfilesServiceRequest`, gzipped.
    pub(super) body: Vec<u8>,
}

impl Batch {
    fn new(path: &'static str, points: usize, request: &impl Message) -> io::Result<Self> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&request.encode_to_vec())?;
        Ok(Self { path, points: points as u64, body: gzip.finish()? })
    }
}

impl Item for Batch {
    fn bytes(&self) -> usize {
        self.body.len()
    }
}

/// Makes the requests of one process.
#[derive(Debug)]
pub(super) struct Batches {
    exposition: Exposition,
    /// `None`: sums count all since the start.
    deltas: Option<Deltas>,
    resource: Resource,
    user: UserMetrics,
    #[cfg(feature = "otlp-profiles")]
    has_profiles: bool,
    /// The window of the profile that is open now.
    #[cfg(feature = "otlp-profiles")]
    window: Option<Window>,
}

impl Batches {
    pub(super) fn new(plan: &OtlpPlan, user: UserMetrics) -> Self {
        Self {
            exposition: Exposition::new(),
            deltas: (plan.temporality == OtlpTemporality::Delta).then(Deltas::default),
            resource: otlp::resource(plan.attributes.clone()),
            user,
            #[cfg(feature = "otlp-profiles")]
            has_profiles: plan.has_profiles,
            #[cfg(feature = "otlp-profiles")]
            window: Window::open(stacks::always_hz()).filter(|_| plan.has_profiles),
        }
    }

    /// Hands all metrics of this moment over, one request after the other, so that only one of them
    /// is in memory uncompressed. Returns the number of series that are left out, for whose
    /// differences there is no room.
    pub(super) fn take(&mut self, mut add: impl FnMut(Batch)) -> io::Result<u64> {
        let (user, histograms) = (self.user)();
        self.exposition.expect(&reading::reserved());
        let (snapshot, functions) = collect::take_late(collect::Detail::Native);
        let taken = snapshot.taken_at_unix_ns;
        let times = Times { since: taken.saturating_sub(snapshot.window_ns), taken };
        let mut pieces = self.exposition.pieces(snapshot, Some(Box::new(functions)), user, histograms);
        let mut metrics = Otlp::new(times, self.deltas.as_mut());
        let mut goes_on = true;
        while goes_on {
            goes_on = pieces.encode_otlp(&mut metrics)?;
            let points = metrics.points();
            if points >= MOST_POINTS || (!goes_on && points > 0) {
                let request = request(&self.resource, metrics.take());
                add(Batch::new("/v1/metrics", points, &request)?);
            }
        }
        let left_out = metrics.left_out();
        drop(metrics);
        #[cfg(feature = "otlp-profiles")]
        if let Some(profile) = self.profile() {
            let request = pprof::otlp(&profile, self.resource.clone());
            add(Batch::new("/v1development/profiles", profile.stacks.len(), &request)?);
        }
        Ok(left_out)
    }

    /// CPU time since the last one. `None` if stacks are not sampled, and if there was none.
    #[cfg(feature = "otlp-profiles")]
    fn profile(&mut self) -> Option<CpuProfile> {
        if !self.has_profiles {
            return None;
        }
        let profile = self.window.as_mut().and_then(Window::turn);
        if profile.is_none() {
            // Sampling may have begun meanwhile.
            self.window = Window::open(stacks::always_hz());
        }
        profile.filter(|profile| profile.samples > 0)
    }
}
