//! Entry points for the fuzz targets of `tests/fuzz`: each function passes bytes to one parser.
//! Compiled for them with `--cfg perf_fuzz`, and for the regression tests below.
//!
//! A function must return normally for any input. It panics if a parser violates its guarantees.

use std::time::Duration;

use crate::export::{self, Exposition, Format, Weight};
use crate::settings::Builder;
use crate::snapshot::Snapshot;

#[cfg(all(
    feature = "stacks",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
))]
pub use crate::stacks::{
    fuzz::{dwarf, elf},
    linux::fuzz::unwind,
};

/// Values of settings: one `NAME=VALUE` in each line.
pub fn settings(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    };
    // NOTE: the folder of profiles is checked by creating a file in it, so its value is not fuzzed.
    let resolved = Builder::default().resolve(|name| value(name).filter(|_| name != "PERF_PROFILES"));
    if let Err(error) = resolved {
        assert!(error.to_string().len() < 4 * text.len() + 4_096, "an error repeats a value once");
    }
    if let Some((pattern, name)) = text.split_once('\0') {
        crate::base::pattern::matches(pattern, name);
    }
}

/// Requests as the endpoint receives them on one connection. The same bytes are parsed as a
/// server's response to a push, because both are HTTP.
#[cfg(all(feature = "serve", feature = "push"))]
pub fn http(bytes: &[u8]) {
    crate::push::fuzz::answer(bytes);
    crate::serve::fuzz::requests(bytes, Duration::from_millis(50));
    let _ = Format::negotiate(std::str::from_utf8(bytes).ok());
}

/// A snapshot file. If it can be read, it is written and read again, merged, subtracted and
/// exported.
pub fn snapshot(bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::of_json(bytes) else { return };
    let mut written = Vec::new();
    export::json::write(&snapshot, &mut written).expect("a snapshot can be written");
    let again =
        Snapshot::of_json(&written[..]).unwrap_or_else(|error| panic!("a written snapshot cannot be read: {error:?}"));
    let mut merged = again.clone();
    merged.merge(&snapshot);
    let difference = merged.subtract(&again);
    for snapshot in [&snapshot, &merged, &difference] {
        let mut sink = std::io::sink();
        for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
            Exposition::new().write(format, snapshot, None, &mut sink).expect("a sink takes everything");
        }
        for weight in [Weight::Wall, Weight::Cpu, Weight::Bytes] {
            export::folded::write(snapshot, weight, None, &mut sink).expect("a sink takes everything");
            export::speedscope::write(snapshot, weight, None, &mut sink).expect("a sink takes everything");
        }
        export::table::write(snapshot, &mut sink).expect("a sink takes everything");
        #[cfg(feature = "hdr")]
        export::hlog::write(snapshot, &mut sink).expect("a sink takes everything");
        #[cfg(feature = "stacks")]
        {
            export::pprof::write_scopes(snapshot, &mut sink).expect("a sink takes everything");
            export::pprof::write_mutex(snapshot, &mut sink).expect("a sink takes everything");
            export::pprof::write_block(snapshot, &mut sink).expect("a sink takes everything");
        }
    }
}

/// Inputs that once revealed a bug, and the seed inputs of each target.
#[cfg(all(test, feature = "push", feature = "serve", target_os = "linux"))]
mod tests {
    use std::path::Path;

    fn replay(target: &str, read: fn(&[u8])) {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
        let mut count = 0;
        for folder in ["regressions", "seeds"] {
            for entry in std::fs::read_dir(fuzz.join(folder).join(target)).into_iter().flatten() {
                let path = entry.unwrap().path();
                // The last one printed is the one that failed.
                println!("{}", path.display());
                read(&std::fs::read(&path).unwrap());
                count += 1;
            }
        }
        assert!(count > 0, "there is no input for {target}");
    }

    macro_rules! targets {
        ($($name:ident),+) => {
            $(#[test]
            fn $name() {
                replay(stringify!($name), super::$name);
            })+
        };
    }

    targets!(http, settings, snapshot);
    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
    targets!(dwarf, elf, unwind);
}
