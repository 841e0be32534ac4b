//! Figures of this process.

use std::fs;

use crate::base::sandbox;

/// The current figures of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) resident_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) file_descriptors: u64,
}

/// `None` where there is no `/proc`, and under a [sandbox] that was installed after the start.
/// Takes some ten microseconds, and one more for each hundred file descriptors.
pub(crate) fn read() -> Option<Process> {
    if sandbox::is_tighter() {
        return None;
    }
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let (resident_bytes, threads) = of_status(&status)?;
    // Minus the one that reads them.
    let file_descriptors = (fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1);
    Some(Process { resident_bytes, threads, file_descriptors })
}

fn of_status(status: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((field("VmRSS")? * 1024, field("Threads")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let status = "Name:\tx\nVmHWM:\t  999 kB\nVmRSS:\t    1234 kB\nThreads:\t7\n";
        assert_eq!(of_status(status), Some((1234 * 1024, 7)));
        assert_eq!(of_status("Name:\tVmRSS: 5\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    #[cfg_attr(miri, ignore = "it reads files")]
    fn this_process_has_something_of_each() {
        let now = read().expect("there is /proc");
        assert!(now.resident_bytes > 1 << 20 && now.threads > 1 && now.file_descriptors > 2, "{now:?}");
    }
}
