//! Settings: made in code with the builder, overridden by a file and by the environment. All are in
//! [`SETTINGS`].
//!
//! | file | job |
//! |---|---|
//! | `table` | one entry a setting: key, type, default, variable, what is allowed |
//! | `setting`, `given`, `builder` | what an entry becomes: a row, a field with its reading, the builder's method |
//! | `checks` | what is allowed besides the type |
//! | `values/`, `value` | the types of settings, and how they are written |
//! | `file` | settings in a file of TOML |
//! | `reader`, `resolve` | code, file and environment together, checked |
//! | `in_force` | a setting as it holds now |
//! | `misspelt` | variables that look like settings and are none |

mod builder;
mod callback;
#[cfg(feature = "enabled")]
mod checks;
#[cfg(feature = "toml")]
mod file;
mod given;
#[cfg(feature = "serve")]
mod in_force;
#[cfg(feature = "metrics")]
mod metrics_handle;
#[cfg(feature = "enabled")]
mod misspelt;
#[cfg(feature = "enabled")]
mod reader;
#[cfg(feature = "enabled")]
mod resolve;
mod setting;
mod table;
mod value;
mod values;

pub use builder::Builder;
#[cfg(feature = "enabled")]
pub(crate) use callback::Callback;
#[cfg(feature = "enabled")]
pub(crate) use checks::LEAK_WINDOWS;
#[cfg(feature = "enabled")]
pub(crate) use given::Settings;
#[cfg(feature = "serve")]
pub(crate) use in_force::InForce;
#[cfg(feature = "metrics")]
pub(crate) use metrics_handle::MetricsHandle;
#[cfg(feature = "enabled")]
pub(crate) use misspelt::warnings as misspelt_variables;
#[cfg(feature = "enabled")]
pub(crate) use resolve::{cpu_clock_of_environment, variable};
pub use setting::{SETTINGS, Setting};
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
    AlertsFrom, ByteSize, CpuClock, EvidenceSignal, Guard, HistoryStore, HotFunctions, LeakCaches, Listen,
    OtlpAttributes, OtlpHeaders, OtlpTemporality, ParseByteSizeError, ParseListenError, ParsePressureError,
    ParsePushServerError, ParseShareError, Pressure, ProfilesKeep, PushLabels, PushProtocol, PushServer, Secret,
    ServiceName, Share, StackEngine, TargetsFrom, Tenant,
};
