//! A flamegraph as SVG, drawn by inferno.

use std::io::{self, Write};

use inferno::flamegraph::{self, Options};

use super::Weight;
use super::folded;
use crate::snapshot::Snapshot;
use crate::units::time;

/// Writes an interactive SVG; with `function` only its subtrees.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::NotFound`] when nothing has this weight.
pub fn write(snapshot: &Snapshot, weight: Weight, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    let lines = folded::lines(snapshot, weight, function);
    if lines.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("no profiled call has any {weight} weight yet")));
    }
    let (unit, factor) = match weight {
        Weight::Wall | Weight::Cpu | Weight::OffCpu => ("µs", 1e-3),
        Weight::Bytes | Weight::Live | Weight::RetainedOld | Weight::LiveGrowth => ("bytes", 1.0),
        Weight::Allocations | Weight::LiveObjects => ("allocations", 1.0),
        Weight::Calls => ("calls", 1.0),
    };
    let mut options = Options::default();
    options.title = match function {
        Some(function) => format!("{weight} of {function}"),
        None => format!("{weight} of all profiled functions"),
    };
    options.subtitle = Some(match weight {
        Weight::Live | Weight::LiveObjects => "held now".to_owned(),
        Weight::RetainedOld => {
            let old_ns = snapshot.heap.map_or(0, |heap| heap.old_ns);
            format!("held now for longer than {}", time(old_ns as f64))
        }
        _ => format!("over {:.1} s", snapshot.window_ns as f64 / 1e9),
    });
    unit.clone_into(&mut options.count_name);
    "Function:".clone_into(&mut options.name_type);
    options.factor = factor;
    // The same function has the same colour in every picture.
    options.hash = true;
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), to)
}
