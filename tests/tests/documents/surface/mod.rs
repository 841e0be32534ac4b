//! The public surface of `perf-sdk` is as listed, features only add to it, and it is the same
//! without the feature `enabled`.

mod reader;
mod rustdoc;
mod types;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use reader::{Crate, Surface};

/// The surface with all features, with `enabled` alone, and with no features.
struct Surfaces {
    all: Surface,
    enabled: Surface,
    off: Surface,
    format: u64,
}

/// Reads the surfaces once for all tests. `None` without rustdoc: the tests are skipped.
fn surfaces() -> Option<&'static Surfaces> {
    static SURFACES: OnceLock<Option<Surfaces>> = OnceLock::new();
    let read = || {
        let all = rustdoc::json(&["--all-features"]);
        let format = reader::number(&all["format_version"]);
        let of = |features: &[&str]| Crate::read(rustdoc::json(features)).surface();
        Surfaces {
            all: Crate::read(all).surface(),
            enabled: of(&["--no-default-features", "--features", "enabled"]),
            off: of(&["--no-default-features"]),
            format,
        }
    };
    SURFACES.get_or_init(|| rustdoc::is_there().then(read)).as_ref()
}

/// All promises as single lines.
fn promises(surface: &Surface) -> BTreeSet<String> {
    surface.iter().flat_map(|(path, item)| item.promises(path)).collect()
}

impl Surfaces {
    /// A hint for a failure, if a new toolchain may be the reason.
    fn hint(&self) -> String {
        match self.format {
            rustdoc::FORMAT => String::new(),
            other => format!(
                "\nThis rustdoc writes JSON format {other}, the reader was written for {}. Compare \
                 the changes of rustdoc-types with tests/tests/documents/surface/.",
                rustdoc::FORMAT
            ),
        }
    }
}

/// The beginning of the list.
const HEADER: &str = "\
# The public surface of perf-sdk with all features, without the name of the crate.
# Written by: UPDATE_DOCUMENTS=1 cargo test --workspace --test documents
#
# A removed or changed line may break a program. `..`: private fields. `hidden::`: a name that
# programs cannot write. Send, Sync, Unpin, UnwindSafe and RefUnwindSafe are listed where they are
# missing or have conditions.

";

#[test]
fn public_surface_is_as_listed() {
    let Some(surfaces) = surfaces() else { return };
    let mut expected = HEADER.to_owned();
    expected.extend(surfaces.all.iter().map(|(path, item)| item.shown(path)));
    let (path, text) = super::document("docs/public-api.txt");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(path, expected).expect("a writable document");
        return;
    }
    if text == expected {
        return;
    }
    let (before, now) = (in_full(&text), in_full(&expected));
    panic!(
        "the public surface differs from docs/public-api.txt:\n{}{}\
         If that is intended, rewrite the list with UPDATE_DOCUMENTS=1 cargo test --workspace \
         --test documents, and add the change to CHANGELOG.md.{}",
        lines("removed: ", before.difference(&now)),
        lines("added: ", now.difference(&before)),
        surfaces.hint()
    );
}

/// The lines of the list. A line within an item is prefixed with the name of the item.
fn in_full(text: &str) -> BTreeSet<String> {
    const KINDS: [&str; 15] = [
        "async",
        "attribute",
        "const",
        "constant",
        "enum",
        "fn",
        "impl",
        "macro",
        "module",
        "static",
        "struct",
        "trait",
        "type",
        "unsafe",
        "use",
    ];
    let mut item = "";
    let mut lines = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with(' ') {
            lines.insert(format!("{item}: {}", line.trim_start()));
        } else {
            let name = line.split(' ').find(|word| !word.starts_with('#') && !KINDS.contains(word));
            item = name.and_then(|name| name.split(['<', '(']).next()).unwrap_or_default().trim_end_matches(':');
            lines.insert(line.to_owned());
        }
    }
    lines
}

fn lines<'a>(mark: &str, lines: impl Iterator<Item = &'a String>) -> String {
    lines.map(|line| format!("{mark}{line}\n")).collect()
}

#[test]
fn features_only_add_to_the_public_surface() {
    let Some(surfaces) = surfaces() else { return };
    let (all, enabled) = (promises(&surfaces.all), promises(&surfaces.enabled));
    let missing = lines("", enabled.difference(&all));
    assert!(
        missing.is_empty(),
        "there with the feature `enabled` alone, but not with all features:\n{missing}\
         A feature may only add: cargo unites the features that different crates ask for.{}",
        surfaces.hint()
    );
}

/// The side on which something is there alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    With,
    Without,
}

/// What may differ with and without the feature `enabled`, and the reason. `*` matches any text.
const DIFFERENCES: [(Only, &str, &str); 14] = [
    (Only::With, "*: impl serde::*", "serde is no dependency without it"),
    (Only::With, "fn export::json::write(&impl serde::Serialize, *", "serde is no dependency without it"),
    (Only::Without, "fn export::json::write(&impl Sized, *", "the same function"),
    (Only::With, "attribute macro profiled", "without it `unprofiled` has this name, which rustdoc does not show"),
    (Only::With, "module sync", "locks that record; without it the module is the standard library's"),
    (Only::With, "struct sync::*", "as above"),
    (Only::With, "#[must_use] struct sync::*", "as above"),
    (Only::With, "use sync::*", "as above"),
    (Only::With, "sync::*", "as above"),
    (Only::Without, "use sync = std::sync", "as above"),
    (Only::Without, "fn watch_runtime<*", "with it, it needs the feature `tokio`"),
    (Only::Without, "Handle: impl Drop", "with it, a field of the handle implements Drop"),
    (Only::With, "Profiled: impl Future {*, J: hidden::Judge<*", "without it no outcome is judged"),
    (Only::Without, "Profiled: impl Future {*", "as above"),
];

#[test]
fn public_surface_is_the_same_without_the_feature_enabled() {
    let Some(surfaces) = surfaces() else { return };
    let with = promises(&surfaces.enabled);
    let without = promises(&surfaces.off);
    let found = with.difference(&without).map(|promise| (Only::With, promise));
    let found: Vec<(Only, &String)> =
        found.chain(without.difference(&with).map(|promise| (Only::Without, promise))).collect();
    let matches =
        |(only, pattern, _): &(Only, &str, &str), (of, promise): &(Only, &String)| only == of && fits(pattern, promise);
    let mut faults = String::new();
    for each in found.iter().filter(|each| !DIFFERENCES.iter().any(|known| matches(known, each))) {
        let side = if each.0 == Only::With { "only with" } else { "only without" };
        faults += &format!("{side} `enabled`: {}\n", each.1);
    }
    for known in DIFFERENCES.iter().filter(|known| !found.iter().any(|each| matches(known, each))) {
        faults += &format!("in DIFFERENCES, but no difference: {:?} {:?}\n", known.0, known.1);
    }
    assert!(
        faults.is_empty(),
        "the public surface differs with and without the feature `enabled`:\n{faults}\
         Make both the same: perf-sdk/src/off/ is what is there without `enabled`. A difference that \
         must be is a line of DIFFERENCES in tests/tests/documents/surface/mod.rs.{}",
        surfaces.hint()
    );
}

/// Whether `text` is `pattern`, in which `*` matches any text.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| fits(after, &rest[at..]))
        }),
    }
}
