//! The types of settings: one file for each type, or for several types whose values have names.

mod alert_command;
mod buckets;
mod byte_size;
mod history_store;
mod hosts;
mod listen;
mod named;
mod otlp;
mod patterns;
mod pressure;
mod profiles_keep;
mod push_labels;
mod push_server;
mod rules_from;
mod sample_rules;
mod secret;
mod service_name;
mod share;
mod tenant;

pub(crate) use buckets::{BucketRule, BucketRules};
pub use byte_size::{ByteSize, ParseByteSizeError};
pub use history_store::HistoryStore;
pub(super) use hosts::Hosts;
#[cfg(feature = "serve")]
pub(crate) use listen::DEFAULT_ADDRESS;
pub use listen::{Listen, ParseListenError};
pub use named::{
    CpuClock, EvidenceSignal, Guard, HotFunctions, LeakCaches, OtlpTemporality, PushProtocol, StackEngine,
};
pub use otlp::{OtlpAttributes, OtlpHeaders};
pub(super) use patterns::Patterns;
pub use pressure::{ParsePressureError, Pressure};
pub use profiles_keep::ProfilesKeep;
pub use push_labels::PushLabels;
pub use push_server::{ParsePushServerError, PushServer};
pub use rules_from::{AlertsFrom, TargetsFrom};
#[cfg(feature = "enabled")]
pub(crate) use sample_rules::SampleRule;
pub(crate) use sample_rules::SampleRules;
pub use secret::Secret;
pub use service_name::ServiceName;
pub use share::{ParseShareError, Share};
pub use tenant::Tenant;
