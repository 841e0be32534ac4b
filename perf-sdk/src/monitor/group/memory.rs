//! The memory of the control group, its limit, and how often it met it.

use super::files::{Group, Limit, UNLIMITED, Version, read_number};
use crate::monitor::file::{Buffer, Source};
use crate::monitor::text::count;
use crate::reading::{Description, Labels, Sheet, Unit};

static USED: Description = Description::gauge(
    "container_memory_usage_bytes",
    Unit::Bytes,
    "Memory of the control group, with what it caches of files.",
);
static WORKING_SET: Description = Description::gauge(
    "container_memory_working_set_bytes",
    Unit::Bytes,
    "The same without files that were not used for a while, which the kernel drops first.",
);
static LIMIT: Description = Description::gauge(
    "container_spec_memory_limit_bytes",
    Unit::Bytes,
    "Limit of container_memory_usage_bytes. Absent without one.",
);
static EVENTS: Description = Description::counter(
    "container_memory_events_total",
    Unit::Count,
    "Events of the control group's memory: high, above the level from which it is slowed down; max, at the limit; oom, nothing could be freed there; oom_kill, processes killed.",
);

pub(super) static ALL: [&Description; 4] = [&USED, &WORKING_SET, &LIMIT, &EVENTS];

/// Version 1 has no limit where this is exceeded: the largest multiple of the size of a page.
const NO_LIMIT: f64 = (1_u64 << 62) as f64;
const EVENT_NAMES: [&str; 4] = ["high", "max", "oom", "oom_kill"];

#[derive(Debug)]
pub(super) struct Memory {
    used: Source,
    stat: Source,
    /// In that file.
    inactive: &'static str,
    limit: Limit,
    events: Events,
    names: [Labels; 4],
}

#[derive(Debug)]
enum Events {
    One { at_limit: Source, oom: Source },
    Two(Source),
}

impl Memory {
    pub(super) fn of(group: &Group) -> Self {
        let file = |name| group.file(name);
        let (used, limit, events) = match group.version {
            Version::One => {
                let events = Events::One { at_limit: file("memory.failcnt"), oom: file("memory.oom_control") };
                (file("memory.usage_in_bytes"), file("memory.limit_in_bytes"), events)
            }
            Version::Two => (file("memory.current"), file("memory.max"), Events::Two(file("memory.events"))),
        };
        let limit = Limit::of(limit);
        let inactive = if group.version == Version::One { "total_inactive_file" } else { "inactive_file" };
        Self {
            used,
            stat: file("memory.stat"),
            inactive,
            limit,
            events,
            names: EVENT_NAMES.map(|name| Labels::of(&[("event", name)])),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut Buffer, into: &mut Sheet) {
        let used = read_number(&mut self.used, buffer);
        into.push_or_absent(&USED, used);
        let inactive = self.stat.read(buffer).and_then(|text| count(text, self.inactive));
        let working_set = used.and_then(|used| inactive.map(|inactive| (used - inactive).max(0.0)));
        into.push_or_absent(&WORKING_SET, working_set);
        let limit = self.limit.read(buffer, read_number);
        into.push_or_absent(&LIMIT, limit.and_then(|limit| if limit < NO_LIMIT { Ok(limit) } else { Err(UNLIMITED) }));
        let [_, max, _, oom_kill] = &self.names;
        let mut event = |labels: &Labels, count: Result<f64, &'static str>| match count {
            Ok(count) => into.push_of(&EVENTS, labels, count),
            Err(why) => into.absent(EVENTS.name, why),
        };
        match &mut self.events {
            Events::One { at_limit, oom } => {
                event(max, read_number(at_limit, buffer));
                // Since Linux 4.13.
                event(oom_kill, oom.read(buffer).and_then(|text| count(text, "oom_kill")));
            }
            Events::Two(events) => match events.read(buffer) {
                Ok(text) => {
                    for (labels, name) in self.names.iter().zip(EVENT_NAMES) {
                        event(labels, count(text, name));
                    }
                }
                Err(why) => into.absent(EVENTS.name, why),
            },
        }
    }
}
