//! CPU time by stack as a profile.

use std::io::{self, Write};

use super::sampled::Sampled;
use crate::snapshot::CpuProfile;

/// Writes sampled stacks as a profile of two values: samples, and the CPU time that they stand for.
///
/// Each sample has these labels: `scope`, the innermost profiled function; `thread`, the thread's
/// name; the labels that the program set; and within a span, `trace_id` and `span_id`. The comments
/// contain the sampled share of the process's CPU time, and the losses.
///
/// # Errors
/// Any error of the writer.
pub fn write_cpu(profile: &CpuProfile, to: &mut impl Write) -> io::Result<()> {
    let sampled = Sampled {
        types: &[("samples", "count"), ("cpu", "nanoseconds")],
        hz: profile.hz,
        code: &profile.code,
        taken_at_unix_ns: profile.taken_at_unix_ns,
        window_ns: profile.window_ns,
        comments: comments(profile),
    };
    sampled.write(&profile.stacks, to)
}

/// Comments that qualify the figures.
fn comments(profile: &CpuProfile) -> Vec<String> {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let mut comments = vec![
        format!(
            "sampled {:.2} s of {:.2} s of CPU time, coverage {:.3}",
            seconds(profile.sampled_ns),
            seconds(profile.process_ns),
            profile.coverage()
        ),
        format!(
            "{} samples at {} per second of CPU time by {} on {} threads; {:.1} distinct samples per second",
            profile.samples,
            profile.hz,
            profile.engine,
            profile.threads,
            profile.samples as f64 / seconds(profile.window_ns).max(1e-9)
        ),
        format!(
            "{} samples without their outermost frames, {} with the innermost one only, {} lost, {} without room for their stacks",
            profile.cut, profile.leaf_only, profile.dropped, profile.folded
        ),
    ];
    if profile.engine == "pprof" {
        comments.push(
            "the pprof crate loses samples and omits those in the C library: shares refer to the remaining samples; lines are those of a stack's first sample"
                .to_owned(),
        );
    } else {
        comments.push(format!("samples in each sixteenth of the kernel's tick: {:?}", profile.phases));
    }
    if profile.refused > 0 {
        comments.push(format!(
            "{} threads could not be sampled, because of limits of the system or because they block the signal",
            profile.refused
        ));
    }
    comments
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use prost::Message as _;

    use super::super::wire;
    use super::*;
    use crate::snapshot::{Address, Code, Frame, LoadedImage, SampledStack, SourceLine};

    fn line(function: &str, line: u32) -> SourceLine {
        SourceLine { function: function.to_owned(), file: "a.rs".to_owned(), line }
    }

    fn image(path: &str, start: u64) -> LoadedImage {
        let (path, build_id) = (path.to_owned(), "c0ffee".to_owned());
        LoadedImage { path, build_id, start, end: start + 0x1000, offset: 0x200, base: start - 0x200 }
    }

    fn profile() -> CpuProfile {
        let address = |address, image, lines| Address { address, image, lines };
        let code = Code {
            addresses: vec![
                address(0x10, None, Vec::new()),
                address(0x5010, Some(0), vec![line("inlined", 3), line("m::outer", 9)]),
                address(0x5020, Some(0), vec![line("m::main", 20)]),
                address(0x9040, Some(1), Vec::new()),
            ],
            images: vec![image("/bin/program", 0x5000), image("/lib/other.so", 0x9000)],
            ..Code::default()
        };
        let scope = Frame { name: "outer".to_owned(), module: "m".to_owned(), ..Frame::default() };
        let stack = |addresses: &[u32], scope: Vec<Frame>, samples| SampledStack {
            scope,
            thread: "worker".to_owned(),
            labels: Vec::new(),
            trace: None,
            addresses: addresses.to_vec(),
            is_cut: false,
            samples,
            time_ns: samples * 10_000_000,
            off_cpu_ns: 0,
        };
        CpuProfile {
            hz: 100,
            samples: 5,
            sampled_ns: 50_000_000,
            process_ns: 100_000_000,
            window_ns: 1_000_000_000,
            refused: 2,
            stacks: vec![stack(&[1, 2], vec![scope], 3), stack(&[0, 3], Vec::new(), 2), stack(&[], Vec::new(), 1)],
            code,
            ..CpuProfile::default()
        }
    }

    fn read(profile: &CpuProfile) -> wire::Profile {
        let mut zipped = Vec::new();
        write_cpu(profile, &mut zipped).unwrap();
        let mut plain = Vec::new();
        GzDecoder::new(zipped.as_slice()).read_to_end(&mut plain).unwrap();
        wire::Profile::decode(plain.as_slice()).unwrap()
    }

    /// The checks of Parca before it accepts a profile, and the identity of a stack in Alloy: its
    /// addresses.
    #[test]
    fn it_is_accepted_by_those_who_collect_profiles() {
        let profile = read(&profile());
        let text = |number: i64| profile.string_table[usize::try_from(number).unwrap()].as_str();
        assert_eq!(text(0), "");
        assert!(!profile.sample_type.is_empty() && profile.sample_type.iter().all(|t| t.r#type > 0 && t.unit > 0));
        assert_eq!((text(profile.default_sample_type), profile.period), ("cpu", 10_000_000));
        let sequential = |ids: &mut dyn Iterator<Item = u64>| ids.zip(1..).all(|(id, expected)| id == expected);
        assert!(sequential(&mut profile.mapping.iter().map(|m| m.id)) && !profile.mapping.is_empty());
        assert!(sequential(&mut profile.location.iter().map(|l| l.id)));
        assert!(sequential(&mut profile.function.iter().map(|f| f.id)));
        for location in &profile.location {
            assert!(location.mapping_id <= profile.mapping.len() as u64 && location.address != 0);
            assert!(!location.line.is_empty());
            assert!(
                location
                    .line
                    .iter()
                    .all(|line| line.function_id <= profile.function.len() as u64 && line.function_id > 0)
            );
        }
        let addresses: HashSet<u64> = profile.location.iter().map(|location| location.address).collect();
        assert_eq!(addresses.len(), profile.location.len());
        for sample in &profile.sample {
            assert_eq!(sample.value.len(), profile.sample_type.len());
            assert!(sample.location_id.iter().all(|id| (1..=profile.location.len() as u64).contains(id)));
            assert!(sample.label.iter().all(|label| label.key > 0 && label.str > 0));
        }
        let stacks: HashSet<Vec<u64>> = profile.sample.iter().map(|sample| sample.location_id.clone()).collect();
        assert_eq!(stacks.len(), profile.sample.len());
    }

    #[test]
    fn what_nobody_knows_is_a_place_in_its_module() {
        let profile = read(&profile());
        let text = |number: i64| profile.string_table[number as usize].as_str();
        let names = |location: u64| -> Vec<&str> {
            let lines = &profile.location[location as usize - 1].line;
            lines.iter().map(|line| text(profile.function[line.function_id as usize - 1].name)).collect()
        };
        assert_eq!((names(1), names(4)), (vec!["0x10"], vec!["other.so+0x240"]));
        assert_eq!(names(2), ["inlined", "m::outer"]);
        let [program, other] = &profile.mapping[..] else { panic!("{:?}", profile.mapping) };
        assert!(program.has_functions && !other.has_functions);
        assert_eq!((text(other.build_id), other.file_offset), ("c0ffee", 0x200));
        let labels = |sample: &wire::Sample| -> Vec<(String, String)> {
            sample.label.iter().map(|label| (text(label.key).to_owned(), text(label.str).to_owned())).collect()
        };
        let of = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(labels(&profile.sample[0]), [of("scope", "m::outer"), of("thread", "worker")]);
        assert_eq!(labels(&profile.sample[1]), [of("thread", "worker")]);
        let comments: Vec<&str> = profile.comment.iter().map(|comment| text(*comment)).collect();
        assert!(
            comments[1].ends_with("coverage 0.500") && comments.iter().any(|c| c.starts_with("2 threads could not"))
        );
    }
}
