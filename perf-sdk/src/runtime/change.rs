//! The settings in force, and changes to them while the profiler runs.
//!
//! Each setting that can change has a row in [`CHANGING`].

#[cfg(feature = "serve")]
use super::running;
use super::sample_rules::sample_rules;
use crate::error::Error;
use crate::memory;
use crate::record;
#[cfg(feature = "serve")]
use crate::settings::InForce;
use crate::settings::{ByteSize, Settings};

/// How one setting is changed.
struct Changing {
    key: &'static str,
    /// Makes the change. Returns its effect, as text.
    apply: fn(&Settings) -> String,
    /// The current value, as text.
    #[cfg(feature = "serve")]
    current: fn() -> String,
}

const CHANGING: [Changing; 3] = [
    Changing {
        key: "enabled",
        apply: |changed| {
            record::set_recording(changed.enabled);
            if changed.enabled { "recording".to_owned() } else { "not recording".to_owned() }
        },
        #[cfg(feature = "serve")]
        current: || (!record::is_off()).to_string(),
    },
    Changing {
        key: "sample",
        apply: |changed| {
            let places = record::add_rules(&sample_rules(changed));
            let hint = if places == 0 { "; a pattern is of module::function, such as *::parse" } else { "" };
            format!("{places} annotated places changed their rate{hint}")
        },
        #[cfg(feature = "serve")]
        current: || record::rules().iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    },
    Changing {
        key: "heap",
        apply: |changed| {
            memory::sample_heap(changed.heap.map(ByteSize::as_bytes));
            format!("sampling of the live heap: {}", memory::heap_state())
        },
        #[cfg(feature = "serve")]
        current: || {
            let bytes = memory::wanted_sample_bytes();
            bytes.map_or_else(|| "off".to_owned(), |bytes| ByteSize::bytes(bytes).to_string())
        },
    },
];

/// Makes all of these changes or none. Each is a key and a value in the form of its environment
/// variable. Returns the effect of each, in one line.
///
/// # Errors
/// [`Error::Setting`] for the first change that is not allowed.
pub(super) fn change(changes: &[(String, String)]) -> Result<Vec<String>, Error> {
    let checked: Vec<Settings> =
        changes.iter().map(|(key, text)| Settings::changed(key, text)).collect::<Result<_, _>>()?;
    let said = changes.iter().zip(&checked).flat_map(|((key, _), changed)| {
        let row = CHANGING.iter().find(|row| row.key == key);
        row.map(|row| format!("{key}: {}", (row.apply)(changed)))
    });
    Ok(said.collect())
}

/// All settings with their current values. Empty if no profiler runs.
#[cfg(feature = "serve")]
pub(super) fn in_force() -> Vec<InForce> {
    let Some(running) = running::latest() else { return Vec::new() };
    let mut all = running.settings.in_force();
    for row in &CHANGING {
        if let Some(setting) = all.iter_mut().find(|setting| setting.key == row.key) {
            setting.change((row.current)());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_that_may_change_has_its_row() {
        assert!(CHANGING.iter().map(|row| row.key).eq(Settings::changing()));
    }
}
