//! Wall time by stack as a profile.

use std::io::{self, Write};

use super::sampled::Sampled;
use crate::snapshot::WallProfile;

/// The maximum number of functions in the comments.
const RECORDED: usize = 20;

/// Writes sampled stacks as a profile of three values: samples, the wall time that they stand for,
/// and the part of it that was off the CPU.
///
/// Labels are those of [`write_cpu`](super::write_cpu). The comments contain the missing time, and
/// the off-CPU time of profiled functions by the recorder.
///
/// # Errors
/// Any error of the writer.
pub fn write_wall(profile: &WallProfile, to: &mut impl Write) -> io::Result<()> {
    let sampled = Sampled {
        types: &[("samples", "count"), ("wall", "nanoseconds"), ("offcpu", "nanoseconds")],
        hz: profile.hz,
        code: &profile.code,
        taken_at_unix_ns: profile.taken_at_unix_ns,
        window_ns: profile.window_ns,
        comments: comments(profile),
    };
    sampled.write(&profile.stacks, to)
}

/// Comments that qualify the figures.
fn comments(profile: &WallProfile) -> Vec<String> {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let mut comments = vec![format!(
        "{} samples of {} threads ({}), {} per second each: {:.2} s, of which {:.2} s off the CPU; {:.2} s unanswered, {:.2} s of threads that ended",
        profile.samples,
        profile.threads,
        profile.threads_like,
        profile.hz,
        seconds(profile.wall_ns),
        seconds(profile.off_cpu_ns),
        seconds(profile.unanswered_ns),
        seconds(profile.lost_ns)
    )];
    let recorded = profile.recorded_off_cpu.iter().take(RECORDED);
    comments.extend(
        recorded.map(|of| format!("recorded off the CPU, own: {:.3} s {}", seconds(of.own_ns), of.scope.full_name())),
    );
    comments
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use prost::Message as _;

    use super::super::wire;
    use super::*;
    use crate::snapshot::{Address, Code, Frame, OffCpu, SampledStack};
    use crate::trace::TraceContext;

    #[test]
    fn it_has_both_times_all_labels_and_what_was_recorded() {
        let scope = Frame { name: "wait".to_owned(), module: "m".to_owned(), ..Frame::default() };
        let stack = SampledStack {
            scope: vec![scope.clone()],
            thread: "worker".to_owned(),
            labels: vec![("tenant".to_owned(), "acme".to_owned())],
            trace: Some(TraceContext { trace_id: [0xab; 16], span_id: [0; 8] }),
            addresses: vec![0],
            is_cut: false,
            samples: 3,
            time_ns: 30_000_000,
            off_cpu_ns: 20_000_000,
        };
        let profile = WallProfile {
            hz: 100,
            threads_like: "work*".to_owned(),
            threads: 1,
            samples: 3,
            wall_ns: 30_000_000,
            off_cpu_ns: 20_000_000,
            stacks: vec![stack],
            code: Code {
                addresses: vec![Address { address: 0x10, image: None, lines: Vec::new() }],
                ..Code::default()
            },
            recorded_off_cpu: vec![OffCpu { scope, own_ns: 19_000_000 }],
            ..WallProfile::default()
        };
        let (mut zipped, mut plain) = (Vec::new(), Vec::new());
        write_wall(&profile, &mut zipped).unwrap();
        GzDecoder::new(zipped.as_slice()).read_to_end(&mut plain).unwrap();
        let read = wire::Profile::decode(plain.as_slice()).unwrap();
        let text = |number: i64| read.string_table[number as usize].as_str();
        assert_eq!((text(read.default_sample_type), read.period), ("wall", 10_000_000));
        assert_eq!(read.sample[0].value, [3, 30_000_000, 20_000_000]);
        let labels: Vec<_> = read.sample[0].label.iter().map(|label| (text(label.key), text(label.str))).collect();
        let trace = "ab".repeat(16);
        assert_eq!(
            labels,
            [("scope", "m::wait"), ("thread", "worker"), ("tenant", "acme"), ("trace_id", trace.as_str())]
        );
        let comments: Vec<_> = read.comment.iter().map(|comment| text(*comment)).collect();
        assert!(comments.contains(&"recorded off the CPU, own: 0.019 s m::wait"), "{comments:?}");
    }
}
