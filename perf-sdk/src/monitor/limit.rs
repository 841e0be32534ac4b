//! The memory limits of the process.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::file::Buffer;
use super::group::{Group, Places, Version};
use crate::base::fork::Moment;
#[cfg(any(feature = "pool", feature = "stacks"))]
use crate::base::sandbox;
use crate::base::small_file;

/// Control groups and their limits are looked up again after this many readings.
#[cfg(feature = "pool")]
const KNOWN_FOR: u32 = 60;

/// Reads the memory in use, and the limit that is closest: of one of the process's control groups,
/// or of the machine. Memory that the system can drop at once (`inactive_file`) does not count as
/// in use. Takes some twenty microseconds, and five more for each group whose limit is below the
/// machine's memory.
#[cfg(feature = "pool")]
#[derive(Debug)]
pub(crate) struct MemoryReader {
    root: PathBuf,
    /// For each group, the file with its limit, and the limit.
    groups: Vec<(PathBuf, u64)>,
    readings: u32,
}

#[cfg(feature = "pool")]
impl MemoryReader {
    pub(crate) fn new() -> Self {
        Self::of(Path::new("/"))
    }

    fn of(root: &Path) -> Self {
        Self { root: root.to_owned(), groups: Vec::new(), readings: 0 }
    }

    /// Memory in use, and the limit.
    pub(crate) fn read(&mut self) -> Option<(u64, u64)> {
        if sandbox::is_tighter() {
            return None;
        }
        let machine = used_of_machine(&self.root);
        if self.readings.is_multiple_of(KNOWN_FOR) {
            self.groups = limited_groups(&self.root, machine.map_or(u64::MAX, |(_, total)| total));
        }
        self.readings = self.readings.wrapping_add(1);
        let used = self.groups.iter().filter_map(|(file, limit)| Some((used_of_group(file)?, *limit))).chain(machine);
        used.max_by(|a, b| (a.0 as f64 / a.1 as f64).total_cmp(&(b.0 as f64 / b.1 as f64)))
    }
}

/// The bytes that the process may still allocate before it reaches one of these limits. `None` if
/// none can be read. Takes some dozens of microseconds.
#[cfg(feature = "stacks")]
pub(crate) fn memory_left_bytes() -> Option<u64> {
    if sandbox::is_tighter() {
        return None;
    }
    left_of(Path::new("/"))
}

#[cfg(feature = "stacks")]
fn left_of(root: &Path) -> Option<u64> {
    let machine = used_of_machine(root);
    let groups = limited_groups(root, machine.map_or(u64::MAX, |(_, total)| total));
    let used = groups.iter().filter_map(|(file, limit)| Some((used_of_group(file)?, *limit))).chain(machine);
    used.map(|(used, limit)| limit.saturating_sub(used)).min()
}

/// The groups whose limit is below the machine's memory.
#[cfg(any(feature = "pool", feature = "stacks"))]
fn limited_groups(root: &Path, machine_bytes: u64) -> Vec<(PathBuf, u64)> {
    let limited = limit_files(root).into_iter().filter_map(|file| number(&file).map(|limit| (file, limit)));
    limited.filter(|(_, limit)| (1..machine_bytes).contains(limit)).collect()
}

fn number(file: &Path) -> Option<u64> {
    small_file::read_to_string(file).ok()?.trim().parse::<u64>().ok()
}

#[cfg(any(feature = "pool", feature = "stacks"))]
fn used_of_group(limit: &Path) -> Option<u64> {
    let is_second = limit.file_name()? == "memory.max";
    let used = number(&limit.with_file_name(if is_second { "memory.current" } else { "memory.usage_in_bytes" }))?;
    let stat = small_file::read_to_string(limit.with_file_name("memory.stat")).unwrap_or_default();
    let name = if is_second { "inactive_file " } else { "total_inactive_file " };
    let droppable = stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some(used.saturating_sub(droppable.unwrap_or(0)))
}

#[cfg(any(feature = "pool", feature = "stacks"))]
fn used_of_machine(root: &Path) -> Option<(u64, u64)> {
    let text = head(&root.join("proc/meminfo")).ok()?;
    let (total, available) = (meminfo(&text, "MemTotal:")?, meminfo(&text, "MemAvailable:")?);
    (total > 0).then(|| (total.saturating_sub(available), total))
}

/// The lowest of the machine's memory and the limits of the process's control groups (both
/// versions) and of their parents. `None` if none can be read.
pub(crate) fn memory_limit_bytes() -> Option<u64> {
    of(Path::new("/"))
}

/// The limit in the file system at `root`.
fn of(root: &Path) -> Option<u64> {
    let limits = limit_files(root).into_iter().filter_map(|file| number(&file));
    let machine = head(&root.join("proc/meminfo")).ok();
    limits.chain(machine.and_then(|text| meminfo(&text, "MemTotal:"))).min()
}

/// The beginning of a file whose length is unknown, in one read.
fn head(file: &Path) -> io::Result<String> {
    let mut text = [0; 1024];
    let _moment = Moment::begin();
    let read = File::open(file)?.read(&mut text)?;
    Ok(String::from_utf8_lossy(&text[..read]).into_owned())
}

/// The files with the limits of the process's group and of those above it.
fn limit_files(root: &Path) -> Vec<PathBuf> {
    let mut places = Places::of(root);
    places.have_changed(&mut Buffer::default());
    let file = |group: Group| {
        group.folder.join(match group.version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        })
    };
    places.groups("memory").into_iter().map(file).collect()
}

/// A field of `/proc/meminfo`, in bytes.
fn meminfo(text: &str, field: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(field))?;
    value.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use std::fs;

    use super::*;

    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("perf-sdk-limit-{name}-{}", std::process::id()));
            for (file, text) in files {
                let path = root.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemFree: 1 kB\nMemTotal:  8000 kB\n");

    #[test]
    fn the_lowest_limit_of_the_groups_applies() {
        let root = Root::new(
            "two",
            &[
                MACHINE,
                ("proc/self/cgroup", "0::/a/b\n"),
                ("sys/fs/cgroup/a/b/memory.max", "max\n"),
                ("sys/fs/cgroup/a/memory.max", "5000\n"),
            ],
        );
        assert_eq!(of(&root.0), Some(5000));
    }

    #[test]
    fn limits_of_cgroup_v1_are_read_too() {
        let root = Root::new(
            "one",
            &[
                MACHINE,
                ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "6000"),
                ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712"),
            ],
        );
        assert_eq!(of(&root.0), Some(6000));
    }

    #[test]
    fn groups_are_found_where_they_are_mounted() {
        let mount = "30 25 0:26 /pods /groups rw,nosuid - cgroup2 cgroup2 rw\n";
        let root = Root::new(
            "mounted",
            &[
                MACHINE,
                ("proc/self/cgroup", "0::/pods/a/b\n"),
                ("proc/self/mountinfo", mount),
                ("groups/memory.max", "7000\n"),
                ("groups/a/memory.max", "max\n"),
                ("groups/a/b/memory.max", "7500\n"),
                ("memory.max", "1\n"),
            ],
        );
        assert_eq!(of(&root.0), Some(7000));
    }

    #[test]
    #[cfg(feature = "pool")]
    fn the_group_closest_to_its_limit_is_read() {
        let files = [
            ("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n"),
            ("proc/self/cgroup", "0::/a\n"),
            ("sys/fs/cgroup/a/memory.max", "1000000\n"),
            ("sys/fs/cgroup/a/memory.current", "900000\n"),
            ("sys/fs/cgroup/a/memory.stat", "file 9\ninactive_file 200000\n"),
        ];
        let used_of = |root: &Path| MemoryReader::of(root).read();
        assert_eq!(used_of(&Root::new("used", &files).0), Some((700_000, 1_000_000)));
        assert_eq!(used_of(&Root::new("used machine", &files[..1]).0), Some((600 * 1024, 1000 * 1024)));
        assert_eq!(used_of(Path::new("/nowhere at all")), None);
    }

    #[test]
    #[cfg(feature = "stacks")]
    fn memory_left_is_that_of_the_tightest_limit() {
        let files = [
            ("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n"),
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/memory.max", "1000000\n"),
            ("sys/fs/cgroup/a/memory.current", "900000\n"),
            ("sys/fs/cgroup/a/memory.stat", "file 9\ninactive_file 200000\n"),
            ("sys/fs/cgroup/a/b/memory.max", "50000\n"),
            ("sys/fs/cgroup/a/b/memory.current", "60000\n"),
        ];
        assert_eq!(left_of(&Root::new("left", &files).0), Some(0), "it is above its limit");
        assert_eq!(
            left_of(&Root::new("left above", &[&files[..5], &[("sys/fs/cgroup/a/b/memory.max", "max")]].concat()).0),
            Some(300_000)
        );
        assert_eq!(left_of(&Root::new("left of the machine", &files[..1]).0), Some(400 * 1024));
        assert_eq!(left_of(Path::new("/nowhere at all")), None);
    }

    #[test]
    fn without_groups_the_limit_is_the_machines_memory() {
        assert_eq!(of(&Root::new("none", &[MACHINE]).0), Some(8000 * 1024));
        assert_eq!(of(Path::new("/nowhere at all")), None);
    }
}
