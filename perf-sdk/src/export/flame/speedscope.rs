//! The file format of speedscope.app.

#[cfg(all(feature = "flight", feature = "stacks"))]
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

#[cfg(feature = "stacks")]
use super::WallWeight;
use super::Weight;
use super::drawing::{Drawing, Frame as DrawnFrame, Unit};
#[cfg(all(feature = "flight", feature = "stacks"))]
use super::drawing::{frames_of, path_of};
#[cfg(all(feature = "flight", feature = "stacks"))]
use crate::snapshot::Timeline;
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
    profiles: Vec<Profile>,
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

/// Writes samples in their order: a profile for each thread, in which time without samples is
/// empty.
///
/// # Errors
/// Any error of the writer.
#[cfg(all(feature = "flight", feature = "stacks"))]
pub(crate) fn write_timeline(profile: &CpuProfile, timeline: &Timeline, to: &mut impl Write) -> io::Result<()> {
    // Of all stacks: samples refer to them by number, those without frames too.
    let (frames, of_address) = frames_of(&profile.code);
    let paths: Vec<Vec<u32>> = profile.stacks.iter().map(|stack| path_of(&stack.addresses, &of_address)).collect();
    let start = profile.taken_at_unix_ns.saturating_sub(profile.window_ns);
    let mut threads: BTreeMap<u32, Profile> = BTreeMap::new();
    for sample in &timeline.samples {
        let (Some(path), Some(stack)) = (paths.get(sample.stack as usize), profile.stacks.get(sample.stack as usize))
        else {
            continue;
        };
        let thread = threads.entry(sample.thread_id).or_insert_with(|| Profile {
            r#type: "sampled",
            name: format!("{} ({})", stack.thread, sample.thread_id),
            unit: "nanoseconds",
            start_value: 0,
            end_value: 0,
            samples: Vec::new(),
            weights: Vec::new(),
        });
        // A sample stands for the time before it.
        let end = sample.at_unix_ns.saturating_sub(start);
        let idle = end.saturating_sub(sample.time_ns).saturating_sub(thread.end_value);
        let parts = [(Vec::new(), idle), (path.clone(), end.saturating_sub(thread.end_value + idle))];
        for (path, weight) in parts.into_iter().filter(|(_, weight)| *weight > 0) {
            thread.samples.push(path);
            thread.weights.push(weight);
            thread.end_value += weight;
        }
    }
    write_file("timeline", &frames, threads.into_values().collect(), to)
}

fn draw(drawing: Drawing, to: &mut impl Write) -> io::Result<()> {
    let (samples, weights): (Vec<_>, Vec<_>) =
        drawing.stacks.iter().map(|stack| (stack.path.clone(), stack.weight)).unzip();
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
    write_file(&drawing.weight, &drawing.frames, vec![profile], to)
}

fn write_file(what: &str, frames: &[DrawnFrame], profiles: Vec<Profile>, to: &mut impl Write) -> io::Result<()> {
    let frames = frames.iter().map(|f| Frame { name: &f.name, file: &f.file, line: (f.line > 0).then_some(f.line) });
    let file = File {
        schema: "https://www.speedscope.app/file-format-schema.json",
        name: format!("perf-sdk {what}"),
        exporter: concat!("perf-sdk@", env!("CARGO_PKG_VERSION")),
        shared: Shared { frames: frames.collect() },
        profiles,
    };
    write_json(&file, to)
}

#[cfg(all(test, feature = "flight", feature = "stacks"))]
mod tests {
    use super::*;
    use crate::snapshot::{Address, Code, SampledStack, SourceLine, TimelineSample};

    #[test]
    fn samples_have_their_own_stacks_and_gaps_are_empty() {
        let line = |name: &str| SourceLine { function: name.into(), ..SourceLine::default() };
        let address = |name: &str| Address { lines: vec![line(name)], ..Address::default() };
        let stack = |addresses: &[u32]| SampledStack {
            thread: "worker".into(),
            addresses: addresses.to_vec(),
            ..SampledStack::default()
        };
        let profile = CpuProfile {
            taken_at_unix_ns: 1_000,
            window_ns: 1_000,
            code: Code { addresses: vec![address("main"), address("rank")], ..Code::default() },
            // The first one has lost its frames.
            stacks: vec![stack(&[]), stack(&[1, 0]), stack(&[0])],
            ..CpuProfile::default()
        };
        let sample = |at_unix_ns, thread_id, stack| TimelineSample { at_unix_ns, thread_id, stack, time_ns: 10 };
        let samples = vec![sample(20, 7, 1), sample(30, 7, 0), sample(100, 7, 2), sample(15, 8, 2)];
        let mut text = Vec::new();
        write_timeline(&profile, &Timeline { samples }, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let of_thread = |id: u32, samples: &str, weights: &str, end: u32| {
            format!(
                "{{\"type\":\"sampled\",\"name\":\"worker ({id})\",\"unit\":\"nanoseconds\",\"startValue\":0,\
                 \"endValue\":{end},\"samples\":{samples},\"weights\":{weights}}}"
            )
        };
        let expected =
            [of_thread(7, "[[],[0,1],[],[],[0]]", "[10,10,10,60,10]", 100), of_thread(8, "[[],[0]]", "[5,10]", 15)];
        assert!(text.trim_end().ends_with(&format!("\"profiles\":[{}]}}", expected.join(","))), "{text}");
    }
}
