//! Settings: in code through the builder, overridden by a file and by the environment; all are in [`SETTINGS`].
//!
//! | file | job |
//! |---|---|
//! | `table` | one entry a setting: key, type, default, variable, what is allowed |
//! | `declare` | what an entry becomes: a row, a field, the builder's method, its parsing |
//! | `values/`, `value` | the types of settings, and how they are written |
//! | `builder` | what is set in code |
//! | `file` | settings in a file of TOML |
//! | `resolve` | code, file and environment together, checked |
//! | `misspelt` | variables that look like settings and are none |

mod builder;
mod declare;
#[cfg(feature = "toml")]
mod file;
#[cfg(feature = "metrics")]
mod metrics_handle;
#[cfg(feature = "enabled")]
mod misspelt;
#[cfg(feature = "enabled")]
mod on_leak;
#[cfg(feature = "enabled")]
mod resolve;
mod table;
mod value;
mod values;

use std::ops::RangeInclusive;

pub use builder::Builder;
#[cfg(feature = "metrics")]
pub(crate) use metrics_handle::MetricsHandle;
#[cfg(feature = "enabled")]
pub(crate) use misspelt::warnings as misspelt_variables;
#[cfg(feature = "enabled")]
pub(crate) use on_leak::OnLeak;
pub use table::SETTINGS;
#[cfg(feature = "enabled")]
pub(crate) use table::Settings;
pub use value::IntoSetting;
#[cfg(all(test, feature = "push"))]
pub(crate) use value::Value;
#[cfg(feature = "metrics")]
pub(crate) use values::BucketRule;
#[cfg(feature = "serve")]
pub(crate) use values::DEFAULT_ADDRESS;
#[cfg(feature = "enabled")]
pub(crate) use values::SampleRule;
pub use values::{
    ByteSize, CpuClock, Guard, HotFunctions, LeakCaches, Listen, ParseByteSizeError, ParseListenError,
    ParsePressureError, ParsePushServerError, ParseShareError, Pressure, ProfilesKeep, PushLabels, PushProtocol,
    PushServer, Secret, ServiceName, Share, StackEngine, Tenant,
};

/// One line of the table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The builder's method.
    pub key: &'static str,
    /// The environment variable, which overrides code.
    pub variable: &'static str,
    /// What is allowed.
    pub allowed: &'static str,
    /// What holds when nothing is set.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// Whether it can be changed while the profiler runs: see [`Handle::set`](crate::Handle::set).
    pub changes: bool,
}

/// How many windows a leak's horizon may have.
pub(crate) const LEAK_WINDOWS: RangeInclusive<u32> = 40..=480;
