//! Running calls as a profile.

use std::io::{self, Write};

use super::builder::{Builder, Header, Scope};
use crate::snapshot::Snapshot;

/// Writes the number of running calls and of open futures of each profiled function. Readers of
/// Go's profiles show this as goroutines.
///
/// The label `kind` is `call` or `future`.
///
/// # Errors
/// Any error of the writer.
pub fn write_running(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    let mut profile = Builder::default();
    for function in &snapshot.functions {
        let scope = Scope::of(function);
        if function.running > 0 {
            let kind = if function.future.is_some() { "future" } else { "call" };
            let location = profile.scope(&scope);
            profile.sample(vec![location], vec![function.running as i64], &[("scope", &scope.name), ("kind", kind)]);
        }
    }
    let header = Header {
        types: &[("goroutine", "count")],
        opens: 0,
        period: (("goroutine", "count"), 1),
        taken_at_unix_ns: snapshot.taken_at_unix_ns,
        window_ns: 0,
        comments: vec!["calls of profiled functions that are running, and futures that are open".to_owned()],
    };
    profile.write(&header, to)
}
