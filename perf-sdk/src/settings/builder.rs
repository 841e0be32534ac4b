//! Settings made in code.

use std::fmt;
#[cfg(not(feature = "enabled"))]
use std::marker::PhantomData;
use std::path::PathBuf;
#[cfg(feature = "enabled")]
use std::sync::Arc;
use std::time::Duration;

use super::callback::Callback;
use super::given::Given;
#[cfg(feature = "metrics")]
use super::metrics_handle::MetricsHandle;
#[cfg(feature = "enabled")]
use super::reader::is_secret;
use super::table::table;
use super::value::{Entry, IntoSetting, Value};
use super::values::{
    AlertsFrom, BucketRule, ByteSize, CpuClock, EvidenceSignal, Guard, HistoryStore, HotFunctions, LeakCaches, Listen,
    OtlpAttributes, OtlpHeaders, OtlpTemporality, Pressure, ProfilesKeep, PushLabels, PushProtocol, PushServer, Secret,
    ServiceName, Share, StackEngine, TargetsFrom, Tenant,
};
use crate::alert::{AlertCommand, AlertEvent, AlertRule};
use crate::rate::Rate;
use crate::snapshot::LeakFinding;
use crate::target::Target;

/// Settings made in code: see [`SETTINGS`](crate::SETTINGS) for the meaning and the default of
/// each. A settings file overrides them, and the environment overrides both.
///
/// A method takes a value, or its text as in the environment variable. A text that is not allowed
/// is an error at the start.
///
/// ```
/// use std::time::Duration;
/// use perf_sdk::settings::{ByteSize, Share};
///
/// let _builder = perf_sdk::builder()
///     .listen("off")
///     .budget(Share::percent(0.5))
///     .memory(ByteSize::mib(32))
///     .leak_window(Duration::from_secs(60));
/// // The same, as text.
/// let _builder = perf_sdk::builder().listen("off").budget("0.5%").memory("32MiB").leak_window("60s");
/// ```
#[derive(Clone, Default)]
#[must_use = "call start() to start the profiler"]
pub struct Builder {
    #[cfg(feature = "enabled")]
    given: Given,
    #[cfg(feature = "metrics")]
    pub(crate) metrics_handle: Option<MetricsHandle>,
    #[cfg(feature = "enabled")]
    pub(crate) on_leak: Option<Callback<LeakFinding>>,
    #[cfg(feature = "enabled")]
    pub(crate) on_alert: Option<Callback<AlertEvent>>,
    /// Keeps `Builder` without `UnwindSafe`, as it is with the feature.
    #[cfg(not(feature = "enabled"))]
    on_leak: PhantomData<Callback<LeakFinding>>,
}

#[cfg(feature = "enabled")]
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Builder");
        for (key, value) in self.given.shown() {
            shown.field(key, if is_secret(key, &value) { &"…" } else { &value });
        }
        shown.field("on_leak", &self.on_leak).field("on_alert", &self.on_alert).finish_non_exhaustive()
    }
}

#[cfg(not(feature = "enabled"))]
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Builder")
    }
}

/// Adds an entry to a list.
#[cfg_attr(not(feature = "enabled"), allow(dead_code))]
fn add<T: Value>(list: &mut Option<Entry<T>>, separator: char, entry: &str) {
    *list = Some(match list {
        Some(before) => Entry::of_text(&format!("{}{separator}{entry}", before.show())),
        None => Entry::of_text(entry),
    });
}

impl Builder {
    /// The builder after `set`.
    #[cfg(feature = "enabled")]
    pub(super) fn with(mut self, set: impl FnOnce(&mut Given)) -> Self {
        set(&mut self.given);
        self
    }

    #[cfg(not(feature = "enabled"))]
    #[inline(always)]
    pub(super) fn with(self, _: impl FnOnce(&mut Given)) -> Self {
        self
    }

    #[cfg(feature = "enabled")]
    pub(super) fn given(&self) -> &Given {
        &self.given
    }

    /// Adds a name by which clients may call the endpoint, besides `localhost`, the machine's host
    /// name and every address. `*` in it stands for any text, and alone for any host.
    ///
    /// With `*` alone, a web page can point its own name at the endpoint and read it, from every
    /// browser that reaches the endpoint. Use it only for endpoints that no browser reaches, or
    /// together with [`guard`](Self::guard).
    pub fn allow_host(self, host: impl fmt::Display) -> Self {
        self.with(|given| add(&mut given.allow_hosts, ',', &host.to_string()))
    }

    /// Adds functions whose slowest calls are kept with what they did, as if they were marked with
    /// `#[profiled(root)]`: those whose `module::function` matches `pattern`, in which `*` stands
    /// for any text.
    pub fn root(self, pattern: &str) -> Self {
        self.with(|given| add(&mut given.roots, ',', pattern))
    }

    /// Sets the upper bounds of the classic buckets for those of the program's own histograms
    /// (`metrics`) whose name matches `pattern`, in which `*` stands for any text. `bounds` are 1
    /// to 100 ascending numbers, from 0 on, in the unit of the histogram. If several patterns
    /// match, the last one applies.
    pub fn buckets(self, pattern: &str, bounds: &[f64]) -> Self {
        let rule = || BucketRule { pattern: pattern.to_owned(), bounds: bounds.to_vec() }.to_string();
        self.with(|given| add(&mut given.buckets, ';', &rule()))
    }

    /// Measures one call in this many of each function whose `module::function` matches `pattern`,
    /// in which `*` stands for any text. All calls are counted. If several patterns match, the last
    /// one applies.
    pub fn sample(self, pattern: &str, rate: Rate) -> Self {
        self.with(|given| add(&mut given.sample, ',', &format!("{pattern}={rate}")))
    }

    /// Adds a target: what a figure of the program ought to be. A settings file and the environment
    /// replace all targets made in code.
    ///
    /// ```
    /// use perf_sdk::target::Target;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = perf_sdk::builder()
    ///     .target(Target::new("p95(\"search\") < 100ms")?.name("search is fast").objective(99.9))
    ///     .target(Target::new("resident < 1GiB")?);
    /// # drop(builder);
    /// # Ok(())
    /// # }
    /// ```
    pub fn target(self, target: Target) -> Self {
        self.with(|given| given.targets = Some(TargetsFrom::with(given.targets.take(), target)))
    }

    /// Adds an alert: what ought not to be so. A settings file and the environment replace all
    /// alerts made in code. A name that is given twice, or that is too long, is an error at the
    /// start.
    ///
    /// ```
    /// use perf_sdk::alert::AlertRule;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = perf_sdk::builder()
    ///     .alert(AlertRule::new("p99(\"search\") > 250ms for 30s")?.name("search is slow"));
    /// # drop(builder);
    /// # Ok(())
    /// # }
    /// ```
    pub fn alert(self, rule: AlertRule) -> Self {
        self.with(|given| given.alerts = Some(AlertsFrom::with(given.alerts.take(), rule)))
    }

    /// Calls `f` with each finding whose verdict has become worse, on a thread of the profiler:
    /// from `suspect` on, and for `retention`.
    ///
    /// A panic in `f` is caught. The next evaluation of the leak detector waits for `f`.
    #[cfg_attr(not(feature = "enabled"), allow(unused_mut, unused_variables))]
    pub fn on_leak(mut self, f: impl Fn(&LeakFinding) + Send + Sync + 'static) -> Self {
        #[cfg(feature = "enabled")]
        {
            self.on_leak = Some(Callback(Arc::new(f)));
        }
        self
    }

    /// Calls `f` with each change of an alert: it fires, becomes worse, or is over. On a thread of
    /// the profiler, on which callbacks wait for each other. Changes that another alert explains
    /// are among them ([`explained_by`](AlertEvent::explained_by)).
    ///
    /// ```
    /// let builder = perf_sdk::builder().on_alert(|event| {
    ///     if event.rule == "memory" {
    ///         // Drop caches.
    ///     }
    /// });
    /// # drop(builder);
    /// ```
    ///
    /// A panic in `f` is caught. While `f` hangs, up to 1,000 changes wait, and so do other
    /// callbacks and relief when memory is short.
    #[cfg_attr(not(feature = "enabled"), allow(unused_mut, unused_variables))]
    pub fn on_alert(mut self, f: impl Fn(&AlertEvent) + Send + Sync + 'static) -> Self {
        #[cfg(feature = "enabled")]
        {
            self.on_alert = Some(Callback(Arc::new(f)));
        }
        self
    }

    /// Serves the metrics of a `metrics` recorder that the program has installed itself.
    #[cfg(feature = "metrics")]
    pub fn metrics_handle(mut self, handle: metrics_exporter_prometheus::PrometheusHandle) -> Self {
        self.metrics_handle = Some(MetricsHandle(handle));
        self
    }
}

macro_rules! method {
    (by_hand $($rest:tt)*) => {};
    (method $key:ident: $type:ty, $variable:literal, $allowed:literal, $shown:literal, $(#[doc = $doc:literal])*) => {
        $(#[doc = $doc])*
        ///
        #[doc = concat!("Allowed: ", $allowed, ".")]
        ///
        #[doc = concat!("Default: ", $shown, ". Variable: `", $variable, "`.")]
        pub fn $key(self, value: impl IntoSetting<$type>) -> Self {
            self.with(|given| given.$key = Some(value.into_setting()))
        }
    };
}

macro_rules! methods {
    ($(
        $(#[doc = $doc:literal])*
        $how:ident $key:ident: $type:ty = $kind:ident $( ($default:expr) )? $(, if $check:expr)? => {
            variable: $variable:literal,
            allowed: $allowed:literal,
            default: $shown:literal,
            meaning: $meaning:literal,
            changes: $changes:literal,
        }
    )*) => {
        /// One method for each entry of the table.
        impl Builder {
            $( method! { $how $key: $type, $variable, $allowed, $shown, $(#[doc = $doc])* } )*
        }
    };
}

table!(methods);
