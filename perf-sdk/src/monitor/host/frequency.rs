//! The frequencies of processors.

use std::ffi::OsString;
use std::fs::ReadDir;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::sandbox;
use crate::base::small_file;
use crate::monitor::absences::{TIGHTER, absent};
use crate::monitor::file::{Buffer, Parts, Source};
use crate::monitor::text::{decimal, lines, number, single};
use crate::reading::{Description, Labels, Producer, Sheet, Unit};

static FREQUENCY: Description = Description::gauge(
    "node_cpu_scaling_frequency_hertz",
    Unit::Hertz,
    "Frequency of a processor of the host, as its frequency scaling has it; where there is none, as the processor says.",
);

pub(super) static ALL: [&Description; 1] = [&FREQUENCY];

/// The processors that have a series, at most.
const MOST: u64 = 256;

/// Some kernels let the reader of each file sleep for 10 ms, and the other jobs with it. The rest
/// of the processors is left out then.
const LONGEST: Duration = Duration::from_millis(50);

/// Reads a file for each processor: for some kernels that means an interrupt of that processor. So
/// it is read less often than the rest, and the files are not kept open.
#[derive(Debug)]
pub(crate) struct FrequencyMonitor {
    folder: PathBuf,
    /// `None` before the first turn.
    processors: Option<Vec<(Source, Labels)>>,
    /// Read where there are no such files.
    info: Source,
    of_info: Vec<Labels>,
    buffer: Buffer,
}

impl FrequencyMonitor {
    pub(crate) fn of(root: &Path) -> Self {
        Self {
            folder: root.join("sys/devices/system/cpu"),
            processors: None,
            info: Source::new(root.join("proc/cpuinfo"), Parts::Many),
            of_info: Vec::new(),
            buffer: Buffer::default(),
        }
    }
}

impl Producer for FrequencyMonitor {
    fn name(&self) -> &'static str {
        "cpu_frequency"
    }

    fn runs_anywhere(&self) -> bool {
        true
    }

    fn read(&mut self, into: &mut Sheet) {
        if sandbox::is_tighter() {
            absent(&ALL, TIGHTER, into);
            return;
        }
        let processors = self.processors.get_or_insert_with(|| scaled(&self.folder));
        let start = Instant::now();
        for (source, labels) in processors.iter_mut() {
            if start.elapsed() > LONGEST {
                into.absent(FREQUENCY.name, "of some processors: reading takes too long");
                break;
            }
            // `None` while the processor is offline.
            let kilohertz = source.read(&mut self.buffer).ok().and_then(single).and_then(number);
            source.close();
            if let Some(kilohertz) = kilohertz {
                into.push_of(&FREQUENCY, labels, kilohertz as f64 * 1e3);
            }
        }
        if processors.is_empty() {
            match self.info.read(&mut self.buffer) {
                Ok(text) => of_info(text, &mut self.of_info, into),
                Err(why) => into.absent(FREQUENCY.name, why),
            }
            self.info.close();
        }
        if into.readings().is_empty() && into.absences().is_empty() {
            into.absent(FREQUENCY.name, "neither the kernel nor the processor says it");
        }
    }
}

/// The processors with frequency scaling.
fn scaled(folder: &Path) -> Vec<(Source, Labels)> {
    let number_of = |name: OsString| number(name.to_str()?.strip_prefix("cpu")?.as_bytes());
    let numbers = |entries: ReadDir| entries.flatten().filter_map(|entry| number_of(entry.file_name())).collect();
    let mut processors: Vec<u64> = small_file::entries(folder, numbers).unwrap_or_default();
    processors.sort_unstable();
    let file = |cpu: &u64| folder.join(format!("cpu{cpu}/cpufreq/scaling_cur_freq"));
    let scaled = processors.into_iter().filter(|cpu| *cpu < MOST).filter(|cpu| file(cpu).exists());
    scaled.map(|cpu| (Source::new(file(&cpu), Parts::One), labels(cpu))).collect()
}

fn labels(cpu: u64) -> Labels {
    Labels::of(&[("cpu", &cpu.to_string())])
}

/// Of `/proc/cpuinfo`, where only some processors give their frequency.
fn of_info(text: &[u8], known: &mut Vec<Labels>, into: &mut Sheet) {
    let mut processor = None;
    for line in lines(text) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        match name {
            b"processor" => processor = number(value).filter(|cpu| *cpu < MOST),
            b"cpu MHz" => {
                if let Some((cpu, megahertz)) = processor.take().zip(decimal(value)) {
                    known.extend((known.len() as u64..=cpu).map(labels));
                    into.push_of(&FREQUENCY, &known[cpu as usize], megahertz * 1e6);
                }
            }
            _ => {}
        }
    }
}
