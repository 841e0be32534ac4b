//! What the profiler says on stderr.

use std::io::{self, Write as _};

/// One line.
pub(crate) fn say(text: &str) {
    // Not `eprintln`, which panics when stderr is closed.
    let _ = writeln!(io::stderr(), "perf-sdk: {text}");
}
