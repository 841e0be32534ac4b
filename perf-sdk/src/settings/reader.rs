//! Reads one setting after the other.

use super::setting::Setting;
use super::value::{Entry, Refusal, Value};
use crate::error::Error;

/// A setting that was explicitly made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(super) key: &'static str,
    /// Where it was made.
    pub(super) place: String,
    pub(super) text: String,
}

/// Reads one setting after the other.
pub(crate) struct Reader<'a> {
    /// Returns where a setting was made outside of code, and its text.
    pub(super) environment: &'a dyn Fn(&'static Setting) -> Option<(String, String)>,
    pub(super) made: Vec<Made>,
}

/// Whether a value must be hidden: tokens, and addresses, in which a user may have put a password.
/// Such an address is refused, and the refusal must not print it. So may arguments of a command.
pub(super) fn is_secret(key: &str, value: &str) -> bool {
    matches!(key, "token" | "push_token" | "otlp_headers")
        || (matches!(key, "push" | "otlp") && value.contains('@'))
        || (key == "alert_command" && value.trim().contains(char::is_whitespace))
}

pub(super) fn not_allowed(setting: &Setting, place: String, text: String) -> Error {
    let value = if is_secret(setting.key, &text) { "…".to_owned() } else { text };
    Error::Setting { place, value, allowed: setting.allowed.to_owned() }
}

impl Reader<'_> {
    /// The value of a setting. `None` if it was not made; an error if it is not allowed.
    pub(super) fn read<T: Value>(
        &mut self,
        setting: &'static Setting,
        given: Option<&Entry<T>>,
        check: fn(&T) -> bool,
    ) -> Result<Option<T>, Error> {
        let from_environment = (self.environment)(setting);
        let (place, entry) = match (from_environment, given) {
            (Some((place, text)), _) => (place, Entry::of_text(&text)),
            (None, Some(given)) => (format!("{}()", setting.key), given.clone()),
            (None, None) => return Ok(None),
        };
        match entry {
            Entry::Value(value) if check(&value) => {
                self.note(setting, place, value.show());
                Ok(Some(value))
            }
            Entry::Refused(refusal) => Err(refused(place, refusal)),
            wrong => Err(not_allowed(setting, place, wrong.show())),
        }
    }

    fn note(&mut self, setting: &'static Setting, place: String, text: String) {
        self.made.push(Made { key: setting.key, place, text });
    }

    pub(super) fn take_made(&mut self) -> Vec<Made> {
        std::mem::take(&mut self.made)
    }
}

fn refused(place: String, refusal: Refusal) -> Error {
    let Refusal { at, value, allowed } = refusal;
    // The place of a value in a file has line and column already.
    let place = match at.filter(|_| !place.contains(':')) {
        Some((line, column)) => format!("{place}:{line}:{column}"),
        None => place,
    };
    Error::Setting { place, value, allowed }
}
