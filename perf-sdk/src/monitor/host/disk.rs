//! Disks of the machine.

use std::path::{Path, PathBuf};

use crate::monitor::absences::absent;
use crate::monitor::file::{Buffer, Parts, Source};
use crate::monitor::named::Named;
use crate::monitor::text::{lines, number, words};
use crate::reading::{Description, Sheet, Unit};

static READ_BYTES: Description =
    Description::counter("node_disk_read_bytes_total", Unit::Bytes, "Bytes read from a disk of the host.");
static WRITTEN_BYTES: Description =
    Description::counter("node_disk_written_bytes_total", Unit::Bytes, "Bytes written to a disk of the host.");
static READS: Description =
    Description::counter("node_disk_reads_completed_total", Unit::Count, "Reads of a disk of the host.");
static WRITES: Description =
    Description::counter("node_disk_writes_completed_total", Unit::Count, "Writes of a disk of the host.");
static BUSY: Description = Description::counter(
    "node_disk_io_time_seconds_total",
    Unit::Seconds,
    "Time in which a disk of the host had something to do.",
);

pub(super) static ALL: [&Description; 5] = [&READ_BYTES, &WRITTEN_BYTES, &READS, &WRITES, &BUSY];

/// The kernel's unit, whatever the disk's is.
const SECTOR_BYTES: f64 = 512.0;

#[derive(Debug)]
pub(super) struct Disk {
    stats: Source,
    names: Named,
    /// Has an entry for each whole disk.
    block: PathBuf,
}

impl Disk {
    pub(super) fn of(root: &Path) -> Self {
        let stats = Source::new(root.join("proc/diskstats"), Parts::Many);
        Self { stats, names: Named::new(), block: root.join("sys/block") }
    }

    pub(super) fn read(&mut self, buffer: &mut Buffer, into: &mut Sheet) {
        let text = match self.stats.read(buffer) {
            Ok(text) => text,
            Err(why) => return absent(&ALL, why, into),
        };
        self.names.begin_turn();
        let mut is_any = false;
        for (name, [reads, read_sectors, writes, written_sectors, busy_ms]) in lines(text).filter_map(figures) {
            if is_virtual(name) {
                continue;
            }
            let Some(labels) = self.names.labels("device", name, |name| is_disk(name, &self.block)) else { continue };
            is_any = true;
            into.push_of(&READ_BYTES, &labels, read_sectors as f64 * SECTOR_BYTES);
            into.push_of(&WRITTEN_BYTES, &labels, written_sectors as f64 * SECTOR_BYTES);
            into.push_of(&READS, &labels, reads as f64);
            into.push_of(&WRITES, &labels, writes as f64);
            into.push_of(&BUSY, &labels, busy_ms as f64 / 1e3);
        }
        if !is_any {
            absent(&ALL, "no disk", into);
        }
    }
}

/// Of a line of `/proc/diskstats`: reads, sectors read, writes, sectors written, milliseconds.
fn figures(line: &[u8]) -> Option<(&[u8], [u64; 5])> {
    let mut words = words(line);
    let name = words.nth(2)?;
    let mut figures = [0; 10];
    for figure in &mut figures {
        *figure = number(words.next()?)?;
    }
    let [reads, _, read_sectors, _, writes, _, written_sectors, _, _, busy_ms] = figures;
    Some((name, [reads, read_sectors, writes, written_sectors, busy_ms]))
}

/// Whether it is a whole disk: no partition, whose figures are also the disk's, and nothing that
/// stands in for files or memory.
/// Of these there may be hundreds, and they come first. They must not take the places of disks.
fn is_virtual(name: &[u8]) -> bool {
    let is_numbered =
        |kind: &str| name.strip_prefix(kind.as_bytes()).is_some_and(|rest| rest.iter().all(u8::is_ascii_digit));
    ["loop", "ram", "zram", "fd", "sr", "nbd"].into_iter().any(is_numbered)
}

fn is_disk(name: &str, block: &Path) -> bool {
    if block.is_dir() {
        // Such as `cciss/c0d0`.
        return block.join(name.replace('/', "!")).exists();
    }
    !is_partition(name)
}

/// By its name: `sda1`, `nvme0n1p2`, `mmcblk0p1`.
fn is_partition(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_numbered = stem.len() < name.len();
    let ends_in_p = stem.strip_suffix('p').is_some_and(|rest| rest.ends_with(|c: char| c.is_ascii_digit()));
    let letters = ["sd", "hd", "vd", "xvd"].into_iter().any(|kind| {
        stem.strip_prefix(kind).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase()))
    });
    is_numbered && (ends_in_p || letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_known_by_their_names() {
        for name in ["sda1", "sdaa15", "vda1", "xvdb2", "nvme0n1p2", "mmcblk0p1", "md0p1"] {
            assert!(is_partition(name), "{name}");
        }
        for name in ["sda", "vdb", "nvme0n1", "mmcblk0", "md127", "dm-0", "sd", ""] {
            assert!(!is_partition(name), "{name}");
        }
        let nowhere = Path::new("/nowhere at all");
        assert!(is_disk("dm-0", nowhere) && is_virtual(b"loop0") && is_virtual(b"zram0") && !is_virtual(b"sda"));
    }

    #[test]
    #[cfg_attr(miri, ignore = "it reads files")]
    fn hundreds_of_loop_devices_hide_no_disk() {
        let root = std::env::temp_dir().join(format!("perf-sdk-disks-{}", std::process::id()));
        std::fs::create_dir_all(root.join("proc")).unwrap();
        let line = |name: &str| format!("7 0 {name} 1 2 3 4 5 6 7 8 0 10\n");
        let text: String = (0..300).map(|n| line(&format!("loop{n}"))).chain([line("nvme0n1")]).collect();
        std::fs::write(root.join("proc/diskstats"), text).unwrap();
        let mut sheet = Sheet::default();
        Disk::of(&root).read(&mut Buffer::default(), &mut sheet);
        std::fs::remove_dir_all(&root).unwrap();
        let of_disk = |reading: &crate::reading::Reading| reading.labels.pairs().eq([("device", "nvme0n1")]);
        assert!(sheet.readings().len() == ALL.len() && sheet.readings().iter().all(of_disk), "{sheet:?}");
    }

    #[test]
    fn a_line_has_ten_figures_and_maybe_more() {
        let line = b" 254       0 vda 1 2 3 4 5 6 7 8 0 10 11";
        assert_eq!(figures(line), Some((&b"vda"[..], [1, 3, 5, 7, 10])));
        for line in ["", "254 0 vda", "254 0 vda 1 2 3 4 5 6 7 8 9", "254 0 vda 1 2 x 4 5 6 7 8 9 10"] {
            assert_eq!(figures(line.as_bytes()), None, "{line}");
        }
    }
}
