//! Settings as given in code, and the resolved settings: one field for each entry of the table.

use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "enabled")]
use super::checks::{
    FLIGHT, LEAK_WINDOW, PRESSURE, PUSH_INTERVAL, SLOW_WINDOW, is_heap_interval, is_stack_engine, may_be_file,
};
#[cfg(feature = "serve")]
use super::in_force::InForce;
#[cfg(feature = "serve")]
use super::reader::is_secret;
#[cfg(feature = "enabled")]
use super::reader::{Made, Reader};
#[cfg(feature = "enabled")]
use super::setting::SETTINGS;
use super::table::table;
use super::value::Entry;
#[cfg(feature = "enabled")]
use super::value::Value;
use super::values::{
    AlertsFrom, BucketRules, ByteSize, CpuClock, EvidenceSignal, Guard, HistoryStore, Hosts, HotFunctions, LeakCaches,
    Listen, OtlpAttributes, OtlpHeaders, OtlpTemporality, Patterns, Pressure, ProfilesKeep, PushLabels, PushProtocol,
    PushServer, SampleRules, Secret, ServiceName, Share, StackEngine, TargetsFrom, Tenant,
};
use crate::alert::AlertCommand;
#[cfg(feature = "enabled")]
use crate::error::Error;

#[cfg(feature = "enabled")]
macro_rules! field {
    (none $type:ty) => { Option<$type> };
    (or $type:ty) => { $type };
}

#[cfg(feature = "enabled")]
macro_rules! check {
    () => {
        |_| true
    };
    ($check:expr) => {
        $check
    };
}

#[cfg(feature = "enabled")]
macro_rules! or_default {
    (none $value:ident) => {
        $value
    };
    (or ($default:expr) $value:ident) => {
        $value.unwrap_or_else(|| $default)
    };
}

/// Its text; `None` where there is nothing.
#[cfg(feature = "enabled")]
macro_rules! shown {
    (none $value:expr) => {
        $value.as_ref().map(Value::show)
    };
    (or $value:expr) => {
        Some(Value::show(&$value))
    };
}

macro_rules! fields {
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
        /// The settings made in code.
        #[derive(Clone, Default)]
        #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
        pub(crate) struct Given {
            $( pub(super) $key: Option<Entry<$type>>, )*
        }

        /// Resolved settings: those of code, file and environment, checked.
        #[cfg(feature = "enabled")]
        #[derive(Clone, Debug)]
        #[allow(clippy::struct_excessive_bools, reason = "each is an independent setting")]
        pub(crate) struct Settings {
            $( pub(crate) $key: field!($kind $type), )*
            /// The settings that were explicitly made. If such a setting cannot be fulfilled, that
            /// is an error. A default that cannot be fulfilled is skipped.
            pub(super) made: Vec<Made>,
        }

        #[cfg(feature = "enabled")]
        impl Given {
            /// All settings that were made, with their texts.
            pub(super) fn shown(&self) -> Vec<(&'static str, String)> {
                let mut all = Vec::new();
                $( all.extend(self.$key.as_ref().map(|entry| (stringify!($key), entry.show()))); )*
                all
            }

            /// Reads each setting independently.
            pub(super) fn read(&self, reader: &mut Reader<'_>) -> Result<Settings, Error> {
                let mut settings = SETTINGS.iter();
                $(
                    // In the order of the table.
                    let check: fn(&$type) -> bool = check!($($check)?);
                    let $key = match settings.next() {
                        Some(setting) => reader.read(setting, self.$key.as_ref(), check)?,
                        None => None,
                    };
                )*
                Ok(Settings {
                    $( $key: or_default!($kind $( ($default) )? $key), )*
                    made: reader.take_made(),
                })
            }
        }

        #[cfg(feature = "enabled")]
        impl Settings {
            /// Each with its text, if it has one.
            #[cfg(feature = "serve")]
            fn shown(&self) -> Vec<Option<String>> {
                vec![$( shown!($kind self.$key), )*]
            }

            /// Every setting as it holds.
            #[cfg(feature = "serve")]
            pub(crate) fn in_force(&self) -> Vec<InForce> {
                // In the order of the table.
                let all = SETTINGS.iter().zip(self.shown());
                all.map(|(setting, value)| InForce {
                    key: setting.key,
                    variable: setting.variable,
                    value: value.map(|text| if is_secret(setting.key, &text) { "…".to_owned() } else { text }),
                    default: setting.default,
                    place: self.made.iter().find(|made| made.key == setting.key).map(|made| made.place.clone()),
                    changes: setting.changes,
                })
                .collect()
            }

            /// The first setting in which two configurations differ: key, value here, value there.
            /// Tokens are not shown. What counts is what has an effect.
            pub(crate) fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
                $(
                    let is_idle = self.is_idle(stringify!($key)) && other.is_idle(stringify!($key));
                    if !is_idle && self.$key != other.$key {
                        let shown = |text: Option<String>| text.unwrap_or_else(|| "the default".to_owned());
                        let (here, there) = (shown!($kind self.$key), shown!($kind other.$key));
                        return Some((stringify!($key), shown(here), shown(there)));
                    }
                )*
                None
            }
        }
    };
}

table!(fields);
