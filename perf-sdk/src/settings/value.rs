//! Values of settings, and their text forms.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A value with a text form.
pub trait Value: Clone + fmt::Debug + PartialEq + Sized {
    /// `None` if the text is not allowed.
    fn parse(text: &str) -> Option<Self>;

    /// The text that [`parse`](Self::parse) reads.
    fn show(&self) -> String;

    /// As [`parse`](Self::parse), with what is wrong in the text where that is known.
    fn read(text: &str) -> Entry<Self> {
        Self::parse(text).map_or_else(|| Entry::Wrong(text.to_owned()), Entry::Value)
    }
}

/// The argument of a builder's method.
#[derive(Clone, Debug)]
pub enum Entry<T> {
    /// A value.
    Value(T),
    /// An invalid text. It is an error at the start, unless the environment overrides it.
    Wrong(String),
    /// The same, where it is known what is wrong.
    Refused(Refusal),
}

/// The part of a text that is not allowed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Line and column in the text, if it has some.
    pub(super) at: Option<(usize, usize)>,
    pub(super) value: String,
    pub(super) allowed: String,
}

impl<T: Value> Entry<T> {
    pub(super) fn of_text(text: &str) -> Self {
        match T::read(text.trim()) {
            // As it was given.
            Self::Wrong(_) => Self::Wrong(text.to_owned()),
            entry => entry,
        }
    }

    /// The value as text.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(super) fn show(&self) -> String {
        match self {
            Self::Value(value) => value.show(),
            Self::Wrong(text) => text.clone(),
            Self::Refused(refusal) => refusal.value.clone(),
        }
    }
}

/// The value of a setting, or its text as in the environment variable.
///
/// A text that is not allowed is an error at the start, which names it.
pub trait IntoSetting<T> {
    #[doc(hidden)]
    fn into_setting(self) -> Entry<T>;
}

impl<T: Value> IntoSetting<T> for T {
    fn into_setting(self) -> Entry<T> {
        Entry::Value(self)
    }
}

impl<T: Value> IntoSetting<Option<T>> for T
where
    Option<T>: Value,
{
    fn into_setting(self) -> Entry<Option<T>> {
        Entry::Value(Some(self))
    }
}

impl<T: Value> IntoSetting<T> for &str {
    fn into_setting(self) -> Entry<T> {
        Entry::of_text(self)
    }
}

impl<T: Value> IntoSetting<T> for &String {
    fn into_setting(self) -> Entry<T> {
        Entry::of_text(self)
    }
}

impl<T: Value> IntoSetting<T> for String {
    fn into_setting(self) -> Entry<T> {
        Entry::of_text(&self)
    }
}

impl IntoSetting<PathBuf> for &Path {
    fn into_setting(self) -> Entry<PathBuf> {
        Entry::Value(self.to_owned())
    }
}

impl IntoSetting<PathBuf> for &PathBuf {
    fn into_setting(self) -> Entry<PathBuf> {
        Entry::Value(self.clone())
    }
}

impl IntoSetting<Option<PathBuf>> for &Path {
    fn into_setting(self) -> Entry<Option<PathBuf>> {
        Entry::Value(Some(self.to_owned()))
    }
}

impl IntoSetting<Option<PathBuf>> for &PathBuf {
    fn into_setting(self) -> Entry<Option<PathBuf>> {
        Entry::Value(Some(self.clone()))
    }
}

/// `off`, or a value.
impl<T: Value> Value for Option<T> {
    fn parse(text: &str) -> Option<Self> {
        if text == "off" { Some(None) } else { T::parse(text).map(Some) }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "off".to_owned(), T::show)
    }

    fn read(text: &str) -> Entry<Self> {
        if text == "off" {
            return Entry::Value(None);
        }
        match T::read(text) {
            Entry::Value(value) => Entry::Value(Some(value)),
            Entry::Wrong(text) => Entry::Wrong(text),
            Entry::Refused(refusal) => Entry::Refused(refusal),
        }
    }
}

impl Value for bool {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Some(true),
            "false" | "0" | "off" | "no" => Some(false),
            _ => None,
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for u32 {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for PathBuf {
    fn parse(text: &str) -> Option<Self> {
        Some(Self::from(text))
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

/// A whole number with a unit.
impl Value for Duration {
    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = DURATIONS.iter().find_map(|(unit, ms)| Some((text.strip_suffix(unit)?, *ms)))?;
        number.trim().parse::<u64>().ok()?.checked_mul(unit).map(Self::from_millis)
    }

    fn show(&self) -> String {
        let ms = self.as_millis();
        let whole = DURATIONS.iter().rev().find(|(_, unit)| ms > 0 && ms.is_multiple_of(u128::from(*unit)));
        let (unit, of_unit) = whole.unwrap_or(&DURATIONS[0]);
        format!("{}{unit}", ms / u128::from(*of_unit))
    }
}

/// Units, in milliseconds.
const DURATIONS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000)];

/// For types that implement the standard library's traits for formatting and parsing.
macro_rules! value_by_text {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::settings::value::Value for $type {
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
pub(super) use value_by_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, ms, shown) in [
            ("250ms", 250, "250ms"),
            ("30 s", 30_000, "30s"),
            ("5min", 300_000, "5min"),
            ("2h", 7_200_000, "2h"),
            ("0s", 0, "0ms"),
            ("90s", 90_000, "90s"),
        ] {
            let duration = Duration::parse(text).unwrap();
            assert_eq!((duration, duration.show().as_str()), (Duration::from_millis(ms), shown));
        }
        for wrong in ["", "5", "s", "-1s", "1.5s", "99999999999999999h", "1d"] {
            assert_eq!(Duration::parse(wrong), None, "{wrong}");
        }
    }
}
