//! The file format of speedscope.app.

use std::io::{self, Write};

use serde::Serialize;

#[cfg(feature = "stacks")]
use super::WallWeight;
use super::Weight;
use super::drawing::{Drawing, Unit};
#[cfg(feature = "stacks")]
use crate::snapshot::{CpuProfile, WallProfile};
use crate::snapshot::{Snapshot, write_json};

#[derive(Serialize)]
struct File<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    name: String,
    exporter: &'static str,
    shared: Shared<'a>,
    profiles: [Profile; 1],
}

#[derive(Serialize)]
struct Shared<'a> {
    frames: Vec<Frame<'a>>,
}

#[derive(Serialize)]
struct Frame<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    r#type: &'static str,
    name: String,
    unit: &'static str,
    start_value: u64,
    end_value: u64,
    samples: Vec<Vec<u32>>,
    weights: Vec<u64>,
}

/// Writes one profile; with `function`, only its subtrees.
///
/// # Errors
/// Any error of the writer.
pub fn write(snapshot: &Snapshot, weight: Weight, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(Drawing::of_calls(snapshot, weight, function), to)
}

/// Writes CPU time by sampled stacks; with `function`, only those within that profiled function.
///
/// # Errors
/// Any error of the writer.
#[cfg(feature = "stacks")]
pub fn write_cpu(profile: &CpuProfile, function: Option<&str>, to: &mut impl Write) -> io::Result<()> {
    draw(Drawing::of_samples(profile, function), to)
}

/// Writes wall time by sampled stacks; with `function`, only those within that profiled function.
///
/// # Errors
/// Any error of the writer.
#[cfg(feature = "stacks")]
pub fn write_wall(
    profile: &WallProfile,
    weight: WallWeight,
    function: Option<&str>,
    to: &mut impl Write,
) -> io::Result<()> {
    draw(Drawing::of_wall(profile, weight, function), to)
}

fn draw(drawing: Drawing, to: &mut impl Write) -> io::Result<()> {
    let (samples, weights): (Vec<_>, Vec<_>) =
        drawing.stacks.into_iter().map(|stack| (stack.path, stack.weight)).unzip();
    let frames = drawing
        .frames
        .iter()
        .map(|f| Frame { name: &f.name, file: &f.file, line: (f.line > 0).then_some(f.line) })
        .collect();
    let unit = match drawing.unit {
        Unit::Nanoseconds => "nanoseconds",
        Unit::Bytes => "bytes",
        Unit::Allocations | Unit::Calls => "none",
    };
    let profile = Profile {
        r#type: "sampled",
        name: drawing.weight.clone(),
        unit,
        start_value: 0,
        end_value: weights.iter().sum(),
        samples,
        weights,
    };
    let file = File {
        schema: "https://www.speedscope.app/file-format-schema.json",
        name: format!("perf-sdk {}", drawing.weight),
        exporter: concat!("perf-sdk@", env!("CARGO_PKG_VERSION")),
        shared: Shared { frames },
        profiles: [profile],
    };
    write_json(&file, to)
}
