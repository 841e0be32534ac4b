//! Settings as they hold now, and those that change while the profiler runs.
//!
//! A setting that changes has an arm in [`apply`], and one in [`current`].

#[cfg(feature = "serve")]
use super::running;
use super::sample_rules::sample_rules;
use crate::error::Error;
use crate::memory;
use crate::record;
#[cfg(feature = "serve")]
use crate::settings::InForce;
use crate::settings::{ByteSize, Settings};

/// Makes all of these changes, each a key with a text as its environment variable would have it, or
/// none of them. What came of it, a line each.
///
/// # Errors
/// [`Error::Setting`] for the first that may not be.
pub(super) fn change(changes: &[(String, String)]) -> Result<Vec<String>, Error> {
    let checked: Vec<Settings> =
        changes.iter().map(|(key, text)| Settings::changed(key, text)).collect::<Result<_, _>>()?;
    Ok(changes.iter().zip(&checked).map(|((key, _), changed)| apply(key, changed)).collect())
}

fn apply(key: &str, changed: &Settings) -> String {
    match key {
        "heap" => {
            memory::sample_heap(changed.heap.map(ByteSize::as_bytes));
            format!("heap: sampling of the live heap: {}", memory::heap_state())
        }
        "enabled" => {
            record::set_recording(changed.enabled);
            format!("enabled: {}", if changed.enabled { "recording" } else { "not recording" })
        }
        _ => {
            let places = record::add_rules(&sample_rules(changed));
            format!("sample: {places} annotated places changed their rate")
        }
    }
}

/// What holds now of a setting that changes, as text.
#[cfg(feature = "serve")]
fn current(key: &str) -> Option<String> {
    match key {
        "heap" => {
            let bytes = memory::wanted_sample_bytes();
            Some(bytes.map_or_else(|| "off".to_owned(), |bytes| ByteSize::bytes(bytes).to_string()))
        }
        "enabled" => Some((!record::is_off()).to_string()),
        "sample" => Some(record::rules().iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        _ => None,
    }
}

/// Every setting as it holds now; none where no profiler runs.
#[cfg(feature = "serve")]
pub(super) fn in_force() -> Vec<InForce> {
    let Some(running) = running::latest() else { return Vec::new() };
    let mut all = running.settings.in_force();
    for setting in all.iter_mut().filter(|setting| setting.changes) {
        setting.value = current(setting.key).or_else(|| setting.value.take());
    }
    all
}
