//! CPU time of the machine's processors.

use std::path::Path;

use crate::monitor::absences::absent;
use crate::monitor::file::{Buffer, Source};
use crate::monitor::system;
use crate::monitor::text::{NOT_UNDERSTOOD, lines, number, words};
use crate::reading::{Description, Labels, Sheet, Unit};

// Of node_exporter, `node_cpu_seconds_total` has both the processor and the mode, which is eight
// series a processor. A sum over processors under that name would make the usual `avg` wrong.
static CPU: Description =
    Description::counter("host_cpu_seconds_total", Unit::Seconds, "CPU time of all processors of the host, by mode.");
static BUSY: Description = Description::counter(
    "host_cpu_busy_seconds_total",
    Unit::Seconds,
    "CPU time of each processor of the host in which it was not idle, not waiting for a disk, and not taken by other virtual machines.",
);

pub(super) static ALL: [&Description; 2] = [&CPU, &BUSY];

const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: [usize; 3] = [3, 4, 7];

/// The processors that have a series, at most.
const MOST: u64 = 256;

#[derive(Debug)]
pub(super) struct Cpu {
    stat: Source,
    ticks_per_second: f64,
    modes: [Labels; 8],
    /// The kernel's time of `idle` and `iowait` may fall.
    highest: [u64; 8],
    processors: Vec<Labels>,
}

impl Cpu {
    pub(super) fn of(root: &Path) -> Self {
        Self {
            stat: Source::whole(root, "proc/stat"),
            ticks_per_second: system::ticks_per_second(),
            modes: MODES.map(|mode| Labels::of(&[("mode", mode)])),
            highest: [0; 8],
            processors: Vec::new(),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut Buffer, into: &mut Sheet) {
        let text = match self.stat.read(buffer) {
            Ok(text) => text,
            Err(why) => return absent(&ALL, why, into),
        };
        let (mut is_whole, mut is_each) = (false, false);
        for (processor, ticks) in lines(text).map_while(times) {
            let seconds = |ticks: u64| ticks as f64 / self.ticks_per_second;
            match processor {
                None => {
                    is_whole = true;
                    for ((mode, highest), ticks) in self.modes.iter().zip(&mut self.highest).zip(ticks) {
                        *highest = ticks.max(*highest);
                        into.push_of(&CPU, mode, seconds(*highest));
                    }
                }
                Some(processor) if processor < MOST => {
                    is_each = true;
                    let idle: u64 = IDLE.iter().fold(0, |sum, mode| sum.saturating_add(ticks[*mode]));
                    let all: u64 = ticks.iter().fold(0, |sum, ticks| sum.saturating_add(*ticks));
                    let next = self.processors.len() as u64;
                    self.processors.extend((next..=processor).map(|cpu| Labels::of(&[("cpu", &cpu.to_string())])));
                    into.push_of(&BUSY, &self.processors[processor as usize], seconds(all.saturating_sub(idle)));
                }
                Some(_) => {}
            }
        }
        if !is_whole {
            into.absent(CPU.name, NOT_UNDERSTOOD);
        }
        if !is_each {
            into.absent(BUSY.name, NOT_UNDERSTOOD);
        }
    }
}

/// A line of `/proc/stat` about all processors, or about one: the ticks by mode. Guests are in the
/// ticks of users.
fn times(line: &[u8]) -> Option<(Option<u64>, [u64; 8])> {
    let mut words = words(line);
    let name = words.next()?.strip_prefix(b"cpu")?;
    let processor = if name.is_empty() { None } else { Some(number(name)?) };
    let mut ticks = [0; 8];
    for ticks in &mut ticks {
        *ticks = number(words.next()?)?;
    }
    Some((processor, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_that_of_all_or_of_one() {
        assert_eq!(times(b"cpu  1 2 3 4 5 6 7 8 9 10"), Some((None, [1, 2, 3, 4, 5, 6, 7, 8])));
        assert_eq!(times(b"cpu11 1 2 3 4 5 6 7 8"), Some((Some(11), [1, 2, 3, 4, 5, 6, 7, 8])));
        for line in
            ["", "cpu", "cpu 1 2 3 4 5 6 7", "cpux 1 2 3 4 5 6 7 8", "cpu -1 2 3 4 5 6 7 8", "intr 1 2 3 4 5 6 7 8"]
        {
            assert_eq!(times(line.as_bytes()), None, "{line}");
        }
    }
}
