//! The slowest calls of roots, with what they did.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ptr;

use super::moment::moment;
#[cfg(all(feature = "flight", feature = "stacks"))]
use super::recorded::{Within, within};
use crate::clock::{self, Wall};
use crate::memory;
use crate::outcome::Outcome;
use crate::record::{self, KEPT_CALLS, Node, What};
use crate::scope::{CallPath, Site};
#[cfg(all(feature = "flight", feature = "stacks"))]
use crate::snapshot::SlowSample;
use crate::snapshot::{Frame, SlowCall, SlowCalls, SlowFunction, SlowPoll, SlowStep, SlowStepKind};
use crate::trace::TraceContext;

/// The maximum number of samples that are shown of a call.
#[cfg(all(feature = "flight", feature = "stacks"))]
const MOST_SAMPLES: usize = 500;

/// The sites of a path, outermost first.
type Sites = Vec<*const Site>;

/// A call that was read, and its place in time, in ticks.
#[cfg_attr(not(all(feature = "flight", feature = "stacks")), allow(dead_code, reason = "of samples"))]
struct Timed {
    call: SlowCall,
    start: u64,
    end: u64,
}

/// The slowest calls, and those that failed, of the running window and of the one before.
pub(crate) fn slow_calls() -> SlowCalls {
    memory::uncounted(|| {
        let wall = clock::wall();
        let window = record::window(wall, wall.ticks());
        let mut found: Vec<(String, String, [Vec<record::ReadTrail>; 2])> = Vec::new();
        for root in record::roots() {
            let Some(site) = root.site() else { continue };
            let kept = root.read(window);
            let lists = [kept.slowest, kept.failed];
            let Frame { name, module, .. } = Frame::of(site);
            // Sites of one name are one function.
            match found.iter_mut().find(|known| known.0 == name && known.1 == module) {
                Some((.., known)) => known.iter_mut().zip(lists).for_each(|(known, more)| known.extend(more)),
                None => found.push((name, module, lists)),
            }
        }
        // Trees are made of those only that are shown.
        // One moment for all, so that a call that is in both lists is the same in both.
        let now = moment(wall);
        let shown = |mut calls: Vec<record::ReadTrail>| -> Vec<Timed> {
            calls.sort_by_key(|read| Reverse(read.whole.wall));
            calls.iter().take(KEPT_CALLS).map(|read| timed(read, wall, now)).collect()
        };
        let mut functions: Vec<_> =
            found.into_iter().map(|(name, module, lists)| (name, module, lists.map(shown))).collect();
        #[cfg(all(feature = "flight", feature = "stacks"))]
        add_samples(functions.iter_mut().flat_map(|(.., lists)| lists).flatten(), wall);
        functions.retain(|(.., lists)| lists.iter().any(|calls| !calls.is_empty()));
        functions.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
        let function = |(name, module, lists): (_, _, [Vec<Timed>; 2])| {
            let [slowest, failed] = lists.map(|calls| calls.into_iter().map(|timed| timed.call).collect());
            SlowFunction { name, module, slowest, failed }
        };
        SlowCalls {
            at_unix_ns: now.1,
            window_ns: record::window_length().as_nanos() as u64,
            memory_bytes: record::trail_bytes(),
            functions: functions.into_iter().map(function).collect(),
        }
    })
}

/// `now` is in ticks, and in nanoseconds since the Unix epoch.
fn timed(read: &record::ReadTrail, wall: &Wall, (now, now_unix_ns): (u64, u64)) -> Timed {
    let whole = &read.whole;
    let start = whole.end.wrapping_sub(whole.wall.max(0) as u64);
    // Monotone, so that what is within something else stays so.
    let after = |ticks: u64| wall.ns((ticks.wrapping_sub(start) as i64).clamp(0, whole.wall.max(0)) as u64);
    let duration = |ticks: i64| wall.ns(ticks.max(0) as u64);
    let mut polls: Vec<SlowPoll> = read
        .steps
        .iter()
        .filter_map(|step| {
            let What::Poll { thread } = step.what else { return None };
            let began = step.end.wrapping_sub(step.wall.max(0) as u64);
            Some(SlowPoll { after_ns: after(began), duration_ns: after(step.end) - after(began), thread_id: thread })
        })
        .collect();
    polls.sort_by_key(|poll| poll.after_ns);
    let trace = read.span.map(TraceContext::of_words);
    let hex = |bytes: &[u8]| {
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if bytes.iter().all(|byte| *byte == 0) { String::new() } else { text }
    };
    let labels = read.labels.map_or(&[][..], |labels| labels.all());
    let call = SlowCall {
        began_unix_ns: now_unix_ns.saturating_sub(wall.ns(now.saturating_sub(start))),
        duration_ns: duration(whole.wall),
        cpu_ns: duration(whole.cpu),
        allocated_bytes: whole.bytes,
        outcome: whole.outcome,
        stands_for: whole.weight,
        thread_id: whole.thread,
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        trace_id: trace.map(|trace| hex(&trace.trace_id)).unwrap_or_default(),
        span_id: trace.map(|trace| hex(&trace.span_id)).unwrap_or_default(),
        steps: tree(read, after),
        polls,
        samples: Vec::new(),
        dropped: read.dropped,
    };
    Timed { call, start, end: whole.end }
}

/// The steps as a tree: those that ended earlier and began later, and whose path goes on, are
/// beneath those that ended later.
fn tree(read: &record::ReadTrail, after: impl Fn(u64) -> u64) -> Vec<SlowStep> {
    let mut paths: HashMap<*const Node, Sites> = HashMap::new();
    let root = sites(read.whole.node);
    let mut all: Vec<(u64, u64, Sites, &record::Step)> = Vec::new();
    for step in read.steps.iter().filter(|step| !matches!(step.what, What::Poll { .. })) {
        let path = match step.what {
            What::Call { node, .. } => paths.entry(ptr::from_ref(node)).or_insert_with(|| sites(node)).clone(),
            _ => Sites::new(),
        };
        all.push((step.end.wrapping_sub(step.wall.max(0) as u64), step.end, path, step));
    }
    all.sort_by_key(|(start, end, path, step)| {
        (*start, Reverse(*end), !matches!(step.what, What::Call { .. }), path.len())
    });
    let mut open: Vec<usize> = Vec::new();
    let mut steps: Vec<SlowStep> = Vec::new();
    for (at, (start, end, path, step)) in all.iter().enumerate() {
        open.retain(|caller| all[*caller].1 > *start);
        let is_call = !path.is_empty();
        let holds = |caller: &&usize| {
            let (_, until, above, _) = &all[**caller];
            until >= end && (!is_call || path.starts_with(above))
        };
        let parent = open.iter().filter(holds).max_by_key(|caller| {
            let (since, _, above, _) = &all[**caller];
            if is_call { (above.len() as u64, *since) } else { (*since, above.len() as u64) }
        });
        let above = parent.map_or(&root, |parent| &all[*parent].2);
        let between = match path.strip_prefix(above.as_slice()) {
            Some([between @ .., _]) => between,
            _ => &[],
        };
        let mut shown = SlowStep {
            parent: parent.map(|parent| *parent as u32),
            depth: parent.map_or(0, |parent| steps[*parent].depth + 1),
            through: between.iter().filter_map(|site| name_in(step, *site)).collect(),
            after_ns: after(*start),
            duration_ns: after(*end).saturating_sub(after(*start)),
            ..describe(&step.what)
        };
        if shown.kind == SlowStepKind::Call && shown.name.is_empty() {
            shown.name = "(unknown)".to_owned();
        }
        steps.push(shown);
        if is_call {
            open.push(at);
        }
    }
    steps
}

fn describe(what: &What) -> SlowStep {
    match *what {
        What::Call { node, outcome, weight, bytes } => SlowStep {
            name: node.site().map(|site| Frame::of(site).full_name()).unwrap_or_default(),
            outcome,
            stands_for: weight,
            allocated_bytes: bytes,
            ..SlowStep::default()
        },
        What::Wait { holder, kind } => SlowStep {
            kind: SlowStepKind::Lock,
            name: ["Mutex", "RwLock", "Condvar"].get(usize::from(kind)).copied().unwrap_or("lock").to_owned(),
            held_by: holder.map(path_of).unwrap_or_default(),
            ..SlowStep::default()
        },
        What::Query { text, outcome } => {
            SlowStep { kind: SlowStepKind::Query, name: text.to_owned(), outcome, ..SlowStep::default() }
        }
        What::Poll { .. } => SlowStep { outcome: Outcome::Ok, ..SlowStep::default() },
    }
}

/// The functions of a scope, outermost first.
fn path_of(path: CallPath) -> String {
    let callers = std::iter::successors(Some(path), |path| path.get().parent);
    let mut names: Vec<_> = callers.filter_map(|path| Some(Frame::of(path.get().site?).full_name())).collect();
    names.reverse();
    names.join(" > ")
}

fn sites(node: &'static Node) -> Sites {
    let callers = std::iter::successors(Some(node), |node| node.parent());
    let mut sites: Sites = callers.filter_map(|node| node.site()).map(ptr::from_ref).collect();
    sites.reverse();
    sites
}

/// The name of the caller of a step that has this site.
fn name_in(step: &record::Step, site: *const Site) -> Option<String> {
    let What::Call { node, .. } = step.what else { return None };
    let mut callers = std::iter::successors(Some(node), |node| node.parent()).filter_map(|node| node.site());
    callers.find(|caller| ptr::eq(*caller, site)).map(|site| Frame::of(site).full_name())
}

/// Adds the samples that were taken while the calls ran, on their threads.
#[cfg(all(feature = "flight", feature = "stacks"))]
fn add_samples<'a>(calls: impl Iterator<Item = &'a mut Timed>, wall: &Wall) {
    let mut calls: Vec<_> = calls.collect();
    let first = calls.iter().map(|timed| timed.start).min();
    let last = calls.iter().map(|timed| timed.end).max();
    let Some(Within { profile, samples }) = first.zip(last).and_then(|(first, last)| within(first, last)) else {
        return;
    };
    for Timed { call, start, end } in &mut calls {
        let mut here = samples.iter().filter(|sample| (*start..=*end).contains(&sample.at));
        let fits = |after_ns: u64, thread_id: u32| {
            let is_in = |poll: &SlowPoll| {
                poll.thread_id == thread_id && (poll.after_ns..=poll.after_ns + poll.duration_ns).contains(&after_ns)
            };
            if call.polls.is_empty() { call.thread_id == thread_id } else { call.polls.iter().any(is_in) }
        };
        let found = std::iter::from_fn(|| {
            here.find_map(|sample| {
                let after_ns = wall.ns(sample.at - *start);
                fits(after_ns, sample.thread).then(|| SlowSample {
                    after_ns,
                    time_ns: sample.ns,
                    thread_id: sample.thread,
                    frames: frames(&profile, sample.stack),
                })
            })
        });
        let found: Vec<_> = found.take(MOST_SAMPLES).collect();
        call.samples = found;
    }
}

/// The functions of a stack, outermost first.
#[cfg(all(feature = "flight", feature = "stacks"))]
fn frames(profile: &crate::snapshot::CpuProfile, stack: u32) -> Vec<String> {
    let Some(stack) = profile.stacks.get(stack as usize) else { return Vec::new() };
    let addresses = stack.addresses.iter().rev().filter_map(|at| profile.code.addresses.get(*at as usize));
    let mut frames = Vec::new();
    for address in addresses {
        if address.lines.is_empty() {
            frames.push(profile.code.place(address));
        }
        frames.extend(address.lines.iter().rev().map(|line| line.function.clone()));
    }
    frames
}

#[cfg(test)]
#[path = "slow_tests.rs"]
mod tests;
