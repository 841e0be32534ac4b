//! The rows of the table of settings.

use super::table::table;

/// One row of the table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name of the builder's method.
    pub key: &'static str,
    /// The environment variable, which overrides code.
    pub variable: &'static str,
    /// The allowed values.
    pub allowed: &'static str,
    /// The default.
    pub default: &'static str,
    /// What the setting does.
    pub meaning: &'static str,
    /// Whether it can be changed while the profiler runs: see [`Handle::set`](crate::Handle::set).
    pub changes: bool,
}

macro_rules! rows {
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
        pub const SETTINGS: &[Setting] = &[$(
            Setting {
                key: stringify!($key),
                variable: $variable,
                allowed: $allowed,
                default: $shown,
                meaning: $meaning,
                changes: $changes,
            },
        )*];
    };
}

table!(rows);
