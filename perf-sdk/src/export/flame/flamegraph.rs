//! Flamegraphs as SVG, drawn by inferno.

#[cfg(all(feature = "flight", feature = "stacks"))]
use std::collections::BTreeMap;
use std::io::{self, Write};

use inferno::flamegraph::{self, Direction, Options};

#[cfg(feature = "stacks")]
use super::WallWeight;
use super::Weight;
use super::drawing::{Drawing, Unit};
use crate::export::safe;
use crate::snapshot::Snapshot;
#[cfg(feature = "stacks")]
use crate::snapshot::{CpuProfile, WallProfile};

/// Writes an interactive SVG; with `function`, only its subtrees.
///
/// # Errors
/// Any error of the writer; [`io::ErrorKind::NotFound`] if nothing has this weight.
pub fn write(snapshot: &Snapshot, weight: Weight, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(&Drawing::of_calls(snapshot, weight, function), to)
}

/// Writes an interactive SVG of CPU time by sampled stacks; with `function`, only those within that
/// profiled function.
///
/// # Errors
/// Any error of the writer; [`io::ErrorKind::NotFound`] if there is no sample.
#[cfg(feature = "stacks")]
pub fn write_cpu(profile: &CpuProfile, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(&Drawing::of_samples(profile, function), to)
}

/// Writes an interactive SVG of wall time by sampled stacks; with `function`, only those within
/// that profiled function.
///
/// # Errors
/// Any error of the writer; [`io::ErrorKind::NotFound`] if there is no sample.
#[cfg(feature = "stacks")]
pub fn write_wall(
    profile: &WallProfile,
    weight: WallWeight,
    function: Option<&str>,
    to: &mut impl Write,
) -> io::Result<()> {
    draw(&Drawing::of_wall(profile, weight, function), to)
}

/// Writes an interactive SVG of what takes more CPU time than before in red, and of what takes less
/// in blue. The time before is scaled to as much CPU time.
///
/// # Errors
/// Any error of the writer; [`io::ErrorKind::NotFound`] if there is no sample.
#[cfg(all(feature = "flight", feature = "stacks"))]
pub(crate) fn write_difference(before: &CpuProfile, after: &CpuProfile, to: &mut impl Write) -> io::Result<()> {
    let (was, mut now) = (Drawing::of_samples(before, None), Drawing::of_samples(after, None));
    let scale = if before.sampled_ns == 0 { 0.0 } else { after.sampled_ns as f64 / before.sampled_ns as f64 };
    let mut stacks: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (at, drawing) in [&was, &now].into_iter().enumerate() {
        for line in drawing.lines() {
            // The weight is behind the last space.
            let Some((stack, weight)) = line.rsplit_once(' ') else { continue };
            let weight: u64 = weight.parse().unwrap_or(0);
            let weight = if at == 0 { (weight as f64 * scale) as u64 } else { weight };
            stacks.entry(stack.to_owned()).or_default()[at] += weight;
        }
    }
    let lines = stacks.into_iter().map(|(stack, [was, now])| format!("{stack} {was} {now}")).collect();
    now.title = "CPU time against the time before".to_owned();
    now.subtitle = format!("{}; before: {}", now.subtitle, was.subtitle);
    draw_lines(&now, lines, to)
}

fn draw(drawing: &Drawing, to: &mut impl Write) -> io::Result<()> {
    draw_lines(drawing, drawing.lines(), to)
}

fn draw_lines(drawing: &Drawing, lines: Vec<String>, to: &mut impl Write) -> io::Result<()> {
    if lines.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, drawing.empty.clone()));
    }
    let (unit, factor) = match drawing.unit {
        Unit::Nanoseconds => ("µs", 1e-3),
        Unit::Bytes => ("bytes", 1.0),
        Unit::Allocations => ("allocations", 1.0),
        Unit::Calls => ("calls", 1.0),
    };
    let mut options = Options::default();
    options.title = safe::line(&drawing.title).into_owned();
    options.subtitle = Some(safe::line(&drawing.subtitle).into_owned());
    unit.clone_into(&mut options.count_name);
    "Function:".clone_into(&mut options.name_type);
    options.factor = factor;
    // Stacks are tall: with the outermost frames at the top, these are visible without scrolling.
    options.direction = Direction::Inverted;
    // A function has the same colour in every flamegraph.
    options.hash = true;
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), to)
}
