//! Messages of the profiler on stderr.

use std::io::{self, Write as _};

/// Writes one line.
pub(crate) fn say(text: &str) {
    // Not `eprintln!`, which panics if stderr is closed.
    let _ = writeln!(io::stderr(), "perf-sdk: {text}");
}
