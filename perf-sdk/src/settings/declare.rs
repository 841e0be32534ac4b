//! What an entry of the table of settings becomes.
//!
//! ```text
//! /// What the builder's method says.
//! method KEY: TYPE = or(DEFAULT), if CHECK => { variable: …, allowed: …, default: …, meaning: …, changes: … }
//! ```
//!
//! `none` in the place of `or(…)`: there is no default, and the field is an `Option`. `by_hand`: the
//! builder's method is written in `builder.rs`, and adds to a list.

macro_rules! settings {
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
        /// All settings.
        pub const SETTINGS: &[$crate::settings::Setting] = &[$(
            $crate::settings::Setting {
                key: stringify!($key),
                variable: $variable,
                allowed: $allowed,
                default: $shown,
                meaning: $meaning,
                changes: $changes,
            },
        )*];

        /// What was set in code.
        #[derive(Clone, Default)]
        #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
        pub(crate) struct Given {
            $( pub(super) $key: Option<$crate::settings::value::Entry<$type>>, )*
        }

        /// Settings as they hold: code and environment together, checked.
        #[cfg(feature = "enabled")]
        #[derive(Clone, Debug)]
        #[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
        pub(crate) struct Settings {
            $( pub(crate) $key: $crate::settings::declare::field!($kind $type), )*
            /// Those that were made, in code or by the environment: what was asked for by name is an
            /// error where it cannot be had, and otherwise left out.
            pub(crate) made: Vec<$crate::settings::resolve::Made>,
        }

        #[cfg(feature = "enabled")]
        impl Given {
            /// Each that was set, with its text.
            pub(super) fn shown(&self) -> Vec<(&'static str, String)> {
                let mut all = Vec::new();
                $( all.extend(self.$key.as_ref().map(|entry| (stringify!($key), entry.show()))); )*
                all
            }

            /// Each by itself.
            pub(super) fn read(
                &self,
                reader: &mut $crate::settings::resolve::Reader<'_>,
            ) -> Result<Settings, $crate::error::Error> {
                let mut settings = SETTINGS.iter();
                $(
                    // In the order of the table.
                    let check: fn(&$type) -> bool = $crate::settings::declare::check!($($check)?);
                    let $key = match settings.next() {
                        Some(setting) => reader.read(setting, self.$key.as_ref(), check)?,
                        None => None,
                    };
                )*
                Ok(Settings {
                    $( $key: $crate::settings::declare::or_default!($kind $( ($default) )? $key), )*
                    made: reader.take_made(),
                })
            }
        }

        #[cfg(feature = "enabled")]
        impl Settings {
            /// The first setting in which two configurations differ: key, value here, value there. Tokens are not shown.
            pub(crate) fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
                use $crate::settings::declare::shown;
                $(
                    if self.$key != other.$key {
                        return Some((stringify!($key), shown!($kind self.$key), shown!($kind other.$key)));
                    }
                )*
                None
            }
        }

        impl $crate::settings::Builder {
            $( $crate::settings::declare::method! {
                $how $key: $type, $variable, $allowed, $shown, $(#[doc = $doc])*
            } )*
        }
    };
}

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

#[cfg(feature = "enabled")]
macro_rules! shown {
    (none $value:expr) => {
        $value.as_ref().map_or_else(|| "the default".to_owned(), $crate::settings::value::Value::show)
    };
    (or $value:expr) => {
        $crate::settings::value::Value::show(&$value)
    };
}

macro_rules! method {
    (by_hand $($rest:tt)*) => {};
    (method $key:ident: $type:ty, $variable:literal, $allowed:literal, $shown:literal, $(#[doc = $doc:literal])*) => {
        $(#[doc = $doc])*
        ///
        #[doc = concat!("Allowed: ", $allowed, ".")]
        ///
        #[doc = concat!("Default: ", $shown, ". Variable: `", $variable, "`.")]
        pub fn $key(self, value: impl $crate::settings::IntoSetting<$type>) -> Self {
            self.with(|given| given.$key = Some(value.into_setting()))
        }
    };
}

#[cfg(feature = "enabled")]
pub(super) use {check, field, or_default, shown};
pub(super) use {method, settings};
