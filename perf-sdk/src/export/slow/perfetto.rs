//! The slowest calls as a trace for Perfetto.

use std::io::{self, Write};

use prost::Message as _;

use super::lanes::lanes;
use super::text::facts;
use super::wire::{
    Annotation, BEGIN, BOOTTIME, CLEARED, Clock, ClockSnapshot, END, EXPLICIT, Event, INSTANT, Packet, Process,
    REALTIME, Trace, Track,
};
use crate::export::safe;
use crate::outcome::Outcome;
use crate::snapshot::{SlowCall, SlowCalls, SlowStep, SlowStepKind};

/// All packets are of one sequence.
const SEQUENCE: u32 = 1;
/// The track of the process; those of functions and calls have the next numbers.
const PROCESS: u64 = 1;

/// Writes the calls as a trace of Perfetto, which <https://ui.perfetto.dev> opens: a track for each
/// function and call, with its steps as slices that nest, its polls and its samples beside.
///
/// # Errors
/// Any error of the writer.
pub fn write_perfetto(calls: &SlowCalls, to: &mut impl Write) -> io::Result<()> {
    to.write_all(&trace(calls).encode_to_vec())
}

fn trace(calls: &SlowCalls) -> Trace {
    let mut builder = Builder { packets: Vec::new(), events: Vec::new(), next: PROCESS + 1 };
    let clock = |clock_id| Clock { clock_id: Some(clock_id), timestamp: Some(calls.at_unix_ns) };
    // Times are those of the wall clock, which readers show if they are told.
    builder.packets.push(Packet {
        clock_snapshot: Some(ClockSnapshot { clocks: vec![clock(BOOTTIME), clock(REALTIME)] }),
        trusted_packet_sequence_id: Some(SEQUENCE),
        sequence_flags: Some(CLEARED),
        ..Packet::default()
    });
    let process = Process { pid: Some(std::process::id() as i32), process_name: Some("slowest calls".to_owned()) };
    builder.track(Track { uuid: Some(PROCESS), process: Some(process), ..Track::default() });
    for function in &calls.functions {
        let name = safe::line(&function.full_name()).into_owned();
        let of = builder.child(PROCESS, name.clone(), None);
        for (rank, call) in function.calls().enumerate() {
            builder.call(of, rank as i32, &name, call);
        }
    }
    let Builder { mut packets, mut events, .. } = builder;
    // Stable, so that the order in each track remains.
    events.sort_by_key(|packet| packet.timestamp);
    packets.append(&mut events);
    Trace { packet: packets }
}

struct Builder {
    packets: Vec<Packet>,
    events: Vec<Packet>,
    /// The number of the next track.
    next: u64,
}

impl Builder {
    fn track(&mut self, track: Track) {
        self.packets.push(Packet {
            track_descriptor: Some(track),
            trusted_packet_sequence_id: Some(SEQUENCE),
            ..Packet::default()
        });
    }

    fn child(&mut self, parent: u64, name: String, rank: Option<i32>) -> u64 {
        let uuid = self.next;
        self.next += 1;
        self.track(Track {
            uuid: Some(uuid),
            name: Some(name),
            parent_uuid: Some(parent),
            child_ordering: Some(EXPLICIT),
            sibling_order_rank: rank,
            ..Track::default()
        });
        uuid
    }

    fn event(&mut self, at: u64, event: Event) {
        self.events.push(Packet {
            timestamp: Some(at),
            trusted_packet_sequence_id: Some(SEQUENCE),
            track_event: Some(event),
            ..Packet::default()
        });
    }

    fn begin(&mut self, at: u64, track: u64, category: &str, name: String, debug_annotations: Vec<Annotation>) {
        self.event(
            at,
            Event {
                r#type: Some(BEGIN),
                track_uuid: Some(track),
                categories: vec![category.to_owned()],
                name: Some(name),
                debug_annotations,
            },
        );
    }

    fn end(&mut self, at: u64, track: u64) {
        self.event(at, Event { r#type: Some(END), track_uuid: Some(track), ..Event::default() });
    }

    fn call(&mut self, parent: u64, rank: i32, name: &str, call: &SlowCall) {
        let title = safe::line(&format!("{}. {}", rank + 1, facts(call))).into_owned();
        let of = self.child(parent, title, Some(rank));
        let began = call.began_unix_ns;
        let lanes = lanes(&call.steps);
        let tracks: Vec<u64> = (0..=lanes.iter().copied().max().unwrap_or(0))
            .map(|lane| match lane {
                0 => of,
                lane => self.child(of, format!("at the same time {lane}"), Some(lane as i32)),
            })
            .collect();
        let number = |name, value| annotation(name, Some(value), None);
        let text = |name, value: &str| annotation(name, None, Some(value));
        let mut about = vec![
            text("outcome", call.outcome.name()),
            number("cpu_ns", call.cpu_ns),
            number("allocated_bytes", call.allocated_bytes),
            number("dropped_steps", call.dropped.into()),
        ];
        about.extend([("trace_id", &call.trace_id), ("span_id", &call.span_id)].map(|(name, id)| text(name, id)));
        about.extend(call.labels.iter().map(|(name, value)| text(name, value)));
        about.retain(|one| one.string_value.as_deref() != Some(""));
        self.begin(began, of, "call", name.to_owned(), about);
        for (lane, track) in tracks.iter().enumerate() {
            let here = call.steps.iter().zip(&lanes).filter(|(_, of)| **of == lane).map(|(step, _)| step);
            self.slices(began, *track, here);
        }
        self.end(began + call.duration_ns, of);
        if !call.polls.is_empty() {
            let track = self.child(of, "polls".to_owned(), Some(i32::MAX - 1));
            for poll in &call.polls {
                let at = began + poll.after_ns;
                self.begin(at, track, "poll", format!("poll on thread {}", poll.thread_id), Vec::new());
                self.end(at + poll.duration_ns, track);
            }
        }
        if !call.samples.is_empty() {
            let track = self.child(of, "samples".to_owned(), Some(i32::MAX));
            for sample in &call.samples {
                let stack = sample.frames.join(" > ");
                self.event(
                    began + sample.after_ns,
                    Event {
                        r#type: Some(INSTANT),
                        track_uuid: Some(track),
                        categories: vec!["sample".to_owned()],
                        name: Some(sample.frames.last().cloned().unwrap_or_else(|| "(unknown)".to_owned())),
                        debug_annotations: vec![
                            number("thread", sample.thread_id.into()),
                            number("cpu_ns", sample.time_ns),
                            text("stack", &stack),
                        ],
                    },
                );
            }
        }
    }

    /// The slices of one lane, in the order in which they begin.
    fn slices<'a>(&mut self, began: u64, track: u64, steps: impl Iterator<Item = &'a SlowStep>) {
        let mut open: Vec<u64> = Vec::new();
        for step in steps {
            let (at, end) = (step.after_ns, step.after_ns + step.duration_ns);
            while let Some(last) = open.pop_if(|last| *last <= at) {
                self.end(began + last, track);
            }
            let category = match step.kind {
                SlowStepKind::Call => "call",
                SlowStepKind::Lock => "lock",
                SlowStepKind::Query => "query",
            };
            let mut about = Vec::new();
            if step.outcome != Outcome::Ok {
                about.push(annotation("outcome", None, Some(step.outcome.name())));
            }
            if step.allocated_bytes > 0 {
                about.push(annotation("allocated_bytes", Some(step.allocated_bytes), None));
            }
            if step.stands_for > 1 {
                about.push(annotation("stands_for", Some(step.stands_for.into()), None));
            }
            if !step.held_by.is_empty() {
                about.push(annotation("held_by", None, Some(&step.held_by)));
            }
            if !step.through.is_empty() {
                about.push(annotation("through", None, Some(&step.through.join(" > "))));
            }
            self.begin(began + at, track, category, safe::line(&step.name).into_owned(), about);
            open.push(end);
        }
        while let Some(last) = open.pop() {
            self.end(began + last, track);
        }
    }
}

fn annotation(name: &str, number: Option<u64>, text: Option<&str>) -> Annotation {
    Annotation {
        name: Some(name.to_owned()),
        uint_value: number,
        string_value: text.map(|text| safe::line(text).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::snapshot::{SlowFunction, SlowPoll, SlowSample};

    fn step(parent: Option<u32>, after_ns: u64, duration_ns: u64) -> SlowStep {
        SlowStep { name: format!("step at {after_ns}"), parent, after_ns, duration_ns, ..SlowStep::default() }
    }

    fn calls() -> SlowCalls {
        let call = SlowCall {
            began_unix_ns: 1_000_000,
            duration_ns: 1_000,
            outcome: Outcome::Error,
            labels: vec![("tenant".to_owned(), "acme".to_owned())],
            steps: vec![
                step(None, 0, 600),
                step(Some(0), 0, 200),
                // Two futures at the same time.
                step(Some(0), 200, 300),
                step(Some(0), 300, 300),
                step(Some(2), 350, 0),
                SlowStep { held_by: "writer".to_owned(), kind: SlowStepKind::Lock, ..step(None, 600, 400) },
            ],
            polls: vec![SlowPoll { after_ns: 0, duration_ns: 600, thread_id: 7 }],
            samples: vec![SlowSample {
                after_ns: 5,
                frames: vec!["main".into(), "leaf".into()],
                ..SlowSample::default()
            }],
            ..SlowCall::default()
        };
        let function = SlowFunction { name: "root".into(), module: "shop".into(), slowest: vec![call], failed: vec![] };
        SlowCalls { at_unix_ns: 2_000_000, functions: vec![function], ..SlowCalls::default() }
    }

    #[test]
    fn slices_nest_in_each_track_and_all_that_begin_end() {
        let mut bytes = Vec::new();
        write_perfetto(&calls(), &mut bytes).unwrap();
        let trace = Trace::decode(&*bytes).unwrap();
        let named: HashMap<u64, &str> = trace
            .packet
            .iter()
            .filter_map(|packet| packet.track_descriptor.as_ref())
            .filter_map(|track| Some((track.uuid?, track.name.as_deref().unwrap_or("process"))))
            .collect();
        let mut open: HashMap<u64, Vec<(&str, u64)>> = HashMap::new();
        let (mut slices, mut latest) = (Vec::new(), 0);
        for packet in &trace.packet {
            let Some(event) = &packet.track_event else { continue };
            let (at, track) = (packet.timestamp.unwrap(), event.track_uuid.unwrap());
            assert!(at >= latest && named.contains_key(&track));
            latest = at;
            match event.r#type.unwrap() {
                BEGIN => open.entry(track).or_default().push((event.name.as_deref().unwrap(), at)),
                END => {
                    let (name, began) = open.get_mut(&track).and_then(Vec::pop).expect("something is open");
                    slices.push((named[&track], name, began - 1_000_000, at - began, open[&track].len()));
                }
                other => assert_eq!((other, event.name.as_deref()), (INSTANT, Some("leaf"))),
            }
        }
        assert!(open.values().all(Vec::is_empty));
        slices.sort_unstable_by_key(|slice| (slice.2, slice.4, slice.3));
        let first = "1. 1.00 us, error, 1 poll of 600 ns on 1 thread, 1 sample, tenant=acme";
        let track = slices.iter().find(|slice| slice.1 == "shop::root").unwrap().0;
        assert!(track.starts_with("1. ") && track.ends_with("tenant=acme"), "{track} is not like {first}");
        let seen: Vec<_> = slices.iter().map(|slice| (slice.1, slice.2, slice.3, slice.4)).collect();
        assert_eq!(
            seen,
            [
                ("poll on thread 7", 0, 600, 0),
                ("shop::root", 0, 1_000, 0),
                ("step at 0", 0, 600, 1),
                ("step at 0", 0, 200, 2),
                ("step at 200", 200, 300, 2),
                ("step at 300", 300, 300, 0),
                ("step at 350", 350, 0, 3),
                ("step at 600", 600, 400, 1),
            ]
        );
        let is_lock = |event: &Event| event.categories == ["lock"];
        let lock = trace.packet.iter().filter_map(|packet| packet.track_event.as_ref()).find(|event| is_lock(event));
        assert_eq!(lock.unwrap().debug_annotations[0].string_value.as_deref(), Some("writer"));
    }
}
