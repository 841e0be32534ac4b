//! Trees of files, and what is read in them.
//!
//! `recorded/*.txt` have the files of several kernels, one after the other, each beneath its path;
//! `recorded/*.expected` the readings. `6.18-machine` was recorded on a machine; the others are in
//! the form of their kernels. `PERF_TEST_BLESS=1` writes the readings anew: look at the difference.
#![cfg(not(miri))]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::base::test_allocator::allocations;
use crate::reading::{Kind, Producer, Reading, Sheet, Unit};

/// A folder with files, which is removed when this drops.
pub(super) struct Tree(PathBuf);

impl Tree {
    pub(super) fn of(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("perf-sdk-tree-{name}-{}", std::process::id()));
        let tree = Self(root);
        let _ = fs::remove_dir_all(&tree.0);
        fs::create_dir_all(&tree.0).unwrap();
        files.iter().for_each(|(path, text)| tree.write(path, text.as_bytes()));
        tree
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const KERNELS: [&str; 5] = ["4.18-v1", "5.10-hybrid", "6.1-container", "6.12-v2", "6.18-machine"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/monitor/recorded").join(name)
}

/// The files of a kernel: their paths and texts.
fn files(kernel: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(file(&format!("{kernel}.txt"))).unwrap();
    let parts = text.split("=== ").filter_map(|part| part.split_once('\n'));
    parts.map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
}

fn tree(kernel: &str, test: &str) -> Tree {
    let files = files(kernel);
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    Tree::of(&format!("{test}-{kernel}"), &files)
}

/// What does not come from files.
const OF_CALLS: [&str; 8] = [
    "process_cpu_seconds_total",
    "process_cpu_user_seconds_total",
    "process_cpu_system_seconds_total",
    "process_cpus",
    "process_context_switches_total",
    "process_page_faults_total",
    "process_max_fds",
    "process_startup_seconds",
];

fn shown(reading: &Reading) -> String {
    let labels: Vec<String> = reading.labels.pairs().map(|(name, value)| format!("{name}={value:?}")).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    format!("{}{labels} {}", reading.description.name, reading.value)
}

/// Everything that is read of files below `root`: readings, and absences.
fn read(root: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut readings, mut absences) = (BTreeSet::new(), BTreeSet::new());
    for (_, mut producer) in super::of(root) {
        let mut sheet = Sheet::default();
        producer.read(&mut sheet);
        let of_files = |name: &str| !OF_CALLS.contains(&name);
        for reading in sheet.readings().iter().filter(|reading| of_files(reading.description.name)) {
            assert!(readings.insert(shown(reading)), "{} twice", shown(reading));
        }
        for absence in sheet.absences().iter().filter(|absence| of_files(absence.what)) {
            absences.insert(format!("no {}: {}", absence.what, absence.why));
        }
    }
    (readings, absences)
}

#[test]
fn each_kernel_is_read_as_expected() {
    for kernel in KERNELS {
        let (readings, absences) = read(tree(kernel, "expected").root());
        let got: String = readings.iter().chain(&absences).map(|line| format!("{line}\n")).collect();
        let path = file(&format!("{kernel}.expected"));
        if std::env::var_os("PERF_TEST_BLESS").is_some() {
            fs::write(&path, &got).unwrap();
        }
        for description in super::of_files().filter(|description| !OF_CALLS.contains(&description.name)) {
            let is_said = |line: &str| line.trim_start_matches("no ").starts_with(description.name);
            assert!(got.lines().any(is_said), "{kernel}: no {}, and no reason", description.name);
        }
        assert_eq!(got, fs::read_to_string(&path).unwrap_or_default(), "{kernel}");
    }
}

#[test]
fn a_container_without_a_namespace_of_groups_reads_its_own() {
    let id = "/docker/3f1c";
    let groups = format!("4:cpu,cpuacct:{id}\n3:memory:{id}\n2:pids:{id}\n");
    let mount = |controller: &str| {
        format!("9 8 0:2 {id} /sys/fs/cgroup/{controller} ro,relatime master:9 - cgroup cgroup rw,{controller}\n")
    };
    let mounts = ["cpu,cpuacct", "memory", "pids"].map(mount).concat();
    let files = [
        ("proc/self/cgroup", groups.as_str()),
        ("proc/self/mountinfo", mounts.as_str()),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "4096\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "25000\n"),
        ("sys/fs/cgroup/pids/pids.max", "7\n"),
    ];
    let (readings, _) = read(Tree::of("docker", &files).root());
    let of_group: Vec<&String> = readings.iter().filter(|line| line.starts_with("container")).collect();
    assert_eq!(
        of_group,
        ["container_memory_usage_bytes 4096", "container_spec_cpu_quota 25000", "container_threads_max 7"]
    );
}

#[test]
fn a_process_that_is_moved_has_the_figures_of_its_new_group() {
    let files = [
        ("proc/self/cgroup", "0::/one\n"),
        ("sys/fs/cgroup/one/pids.current", "1\n"),
        ("sys/fs/cgroup/two/pids.current", "2\n"),
    ];
    let tree = Tree::of("moved", &files);
    let mut group = super::group::GroupMonitor::of(tree.root());
    let mut threads = || {
        let mut sheet = Sheet::default();
        group.read(&mut sheet);
        sheet.readings().iter().find(|reading| reading.description.name == "container_threads").map(|r| r.value)
    };
    assert_eq!(threads(), Some(1.0));
    tree.write("proc/self/cgroup", b"0::/two\n");
    let turns = (1..).find(|_| threads() == Some(2.0)).unwrap();
    assert!(turns > 1, "it is not looked up each time");
    tree.write("proc/self/cgroup", b"0::/../elsewhere\n");
    assert!((1..).any(|_| threads().is_none()), "outside of the namespace there is nothing to read");
}

#[test]
fn without_any_file_everything_has_a_reason() {
    let (readings, absences) = read(Tree::of("nothing", &[]).root());
    assert_eq!(readings, BTreeSet::new());
    let absent = |name: &str| absences.iter().any(|line| line.starts_with(&format!("no {name}: ")));
    for description in super::of_files() {
        assert_eq!(absent(description.name), !OF_CALLS.contains(&description.name), "{}", description.name);
    }
}

/// Files whose cut contents lead to other files.
const LEADING: [&str; 2] = ["proc/self/cgroup", "proc/self/mountinfo"];

#[test]
fn a_file_that_was_cut_lacks_figures_and_has_no_wrong_ones() {
    for kernel in KERNELS {
        let tree = tree(kernel, "cut");
        let (whole, _) = read(tree.root());
        for (path, text) in files(kernel) {
            let step = (text.len() / 40).max(1);
            for cut in (0..text.len()).step_by(step) {
                tree.write(&path, &text.as_bytes()[..cut]);
                let (readings, _) = read(tree.root());
                let wrong: Vec<&String> = readings.difference(&whole).collect();
                assert!(wrong.is_empty() || LEADING.contains(&&*path), "{kernel}: {path} cut at {cut}: {wrong:?}");
            }
            tree.write(&path, text.as_bytes());
        }
        assert_eq!(read(tree.root()).0, whole, "{kernel}: all files are whole again");
    }
}

#[test]
fn garbage_is_survived() {
    const GARBAGE: [&[u8]; 7] = [
        b"\0\0\0\0\n\0",
        b"\xff\xfe\n",
        b"-1\n",
        b"99999999999999999999999999\n",
        b"some total=\n",
        b":\n::\n:::::::\n",
        b"cpu 1\ncpu99999999999999 1 2 3 4 5 6 7 8\n",
    ];
    for kernel in KERNELS {
        let tree = tree(kernel, "garbage");
        for (path, text) in files(kernel) {
            for garbage in GARBAGE {
                tree.write(&path, garbage);
                let (_, absences) = read(tree.root());
                assert!(!absences.is_empty(), "{kernel}: {path}");
            }
            // A line in the middle is overwritten.
            let mut bytes = text.clone().into_bytes();
            let middle = bytes.len() / 2;
            bytes[middle..].iter_mut().take(20).for_each(|byte| *byte = b'?');
            tree.write(&path, &bytes);
            read(tree.root());
            tree.write(&path, text.as_bytes());
        }
    }
}

#[test]
fn names_are_distinct_and_end_in_their_units() {
    let mut names = BTreeMap::new();
    for description in super::descriptions() {
        let name = description.name;
        assert!(names.insert(name, description.help).is_none(), "{name} twice");
        assert_eq!(name.ends_with("_total"), description.kind == Kind::Counter, "{name}");
        let stem = name.strip_suffix("_total").unwrap_or(name);
        let has_unit = stem.ends_with(&format!("_{}", description.unit.name()));
        assert!(description.unit == Unit::Count || has_unit, "{name}");
        assert!(description.help.ends_with('.'), "{name}");
    }
    assert!(names.len() > 50, "{}", names.len());
}

/// More turns than those after which files are opened again and groups are looked up.
const TURNS: u32 = 130;

/// Reads into the same sheets again and again.
fn allocations_of_turns(root: &Path, warm: u32) -> Vec<(&'static str, u64)> {
    let each = super::of(root).into_iter().map(|(_, mut producer)| {
        let mut sheet = Sheet::default();
        let mut turns = |turns: u32| {
            for _ in 0..turns {
                sheet.clear();
                producer.read(&mut sheet);
            }
        };
        turns(warm);
        let count = allocations(|| turns(TURNS));
        (producer.name(), count)
    });
    each.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn nothing_is_allocated_after_the_first_turns() {
    assert!(allocations(|| drop(std::hint::black_box(vec![0_u8; 100]))) > 0, "allocations are counted");
    for kernel in KERNELS {
        assert_eq!(allocations_of_turns(tree(kernel, "allocations").root(), 2), [], "{kernel}");
    }
    // Of this machine, where something new may appear meanwhile.
    let is_quiet = || allocations_of_turns(Path::new("/"), 2).is_empty();
    assert!((0..100).any(|_| is_quiet()), "{:?}", allocations_of_turns(Path::new("/"), 2));
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "it prints what a turn costs on this machine"]
fn cost_of_a_turn() {
    let mut producers: Vec<_> =
        super::producers().into_iter().map(|(every, one)| (every, one, Sheet::default(), Vec::new())).collect();
    for _ in 0..100 {
        for (_, producer, sheet, turns) in &mut producers {
            let before = super::system::thread_seconds();
            sheet.clear();
            producer.read(sheet);
            turns.push(super::system::thread_seconds() - before);
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let mut share = 0.0;
    for (every, producer, sheet, turns) in &mut producers {
        // The first one opens descriptors.
        turns.remove(0);
        let mean = turns.iter().sum::<f64>() / turns.len() as f64;
        share += mean / every.as_secs_f64();
        turns.sort_by(f64::total_cmp);
        let (readings, median) = (sheet.readings().len(), turns[turns.len() / 2]);
        let (name, mean, median) = (producer.name(), mean * 1e6, median * 1e6);
        println!("{name:15} {readings:3} readings, every {every:?}: mean {mean:.0} µs, median {median:.0} µs");
    }
    println!("together {:.4} % of a core", share * 100.0);
}

/// The figures that this process has at one moment, from other sources than the monitor's.
#[cfg(target_os = "linux")]
fn moment() -> BTreeMap<&'static str, u64> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    // Minus the one that reads them.
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
    BTreeMap::from([
        ("process_resident_memory_bytes", field(&status, "VmRSS:") * 1024),
        ("process_resident_memory_peak_bytes", field(&status, "VmHWM:") * 1024),
        ("process_resident_file_bytes", (field(&status, "RssFile:") + field(&status, "RssShmem:")) * 1024),
        ("process_virtual_memory_bytes", field(&status, "VmSize:") * 1024),
        ("process_threads", field(&status, "Threads:")),
        ("process_open_fds", descriptors),
        ("process_disk_bytes_total{direction=\"read\"}", field(&io, "read_bytes:")),
        ("process_disk_bytes_total{direction=\"write\"}", field(&io, "write_bytes:")),
    ])
}

/// Other tests run in this process meanwhile: a figure is compared where it was the same before and
/// after, and all of them are within a minute.
#[test]
#[cfg(target_os = "linux")]
fn figures_of_the_process_are_those_of_proc_and_getrusage() {
    let start = std::time::Instant::now();
    let mut monitor = super::process::ProcessMonitor::of(Path::new("/"));
    let mut open: BTreeSet<&str> = moment().into_keys().collect();
    let mut wrong = String::new();
    while !open.is_empty() {
        assert!(start.elapsed().as_secs() < 60, "{open:?} {wrong}");
        let mut sheet = Sheet::default();
        let usage = super::system::usage().unwrap();
        // The first turn opens descriptors.
        monitor.read(&mut sheet);
        sheet.clear();
        let before = moment();
        monitor.read(&mut sheet);
        let (after, later) = (moment(), super::system::usage().unwrap());
        let values: BTreeMap<String, f64> = sheet
            .readings()
            .iter()
            .map(|reading| {
                let text = shown(reading);
                (text[..text.rfind(' ').unwrap()].to_owned(), reading.value)
            })
            .collect();
        for (name, value) in before.iter().filter(|(name, value)| after[*name] == **value) {
            if values.get(*name) == Some(&(*value as f64)) {
                open.remove(name);
            } else {
                wrong = format!("{name} {:?} {value}", values.get(*name));
            }
        }
        for (name, low, high) in [
            ("process_cpu_user_seconds_total", usage.user_seconds, later.user_seconds),
            ("process_cpu_system_seconds_total", usage.system_seconds, later.system_seconds),
            (
                "process_context_switches_total{type=\"voluntary\"}",
                usage.voluntary_switches as f64,
                later.voluntary_switches as f64,
            ),
            (
                "process_context_switches_total{type=\"involuntary\"}",
                usage.involuntary_switches as f64,
                later.involuntary_switches as f64,
            ),
            ("process_page_faults_total{type=\"minor\"}", usage.minor_faults as f64, later.minor_faults as f64),
            ("process_page_faults_total{type=\"major\"}", usage.major_faults as f64, later.major_faults as f64),
        ] {
            assert!((low..=high).contains(&values[name]), "{name}: {low} {} {high}", values[name]);
        }
        let sum = values["process_cpu_user_seconds_total"] + values["process_cpu_system_seconds_total"];
        assert_eq!(values["process_cpu_seconds_total"], sum);
        let (epoch, now) = (std::time::UNIX_EPOCH, std::time::SystemTime::now());
        let age = now.duration_since(epoch).unwrap().as_secs_f64() - values["process_start_time_seconds"];
        // The kernel rounds the time of the boot to a second.
        assert!((-1.0..86_400.0).contains(&age), "{age}");
    }
}
