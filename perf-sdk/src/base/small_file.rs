//! Small files and folders that are read at once, most of them the kernel's. No fork begins
//! meanwhile, so that no forked child inherits their descriptors.

use std::path::Path;
use std::{fs, io};

use super::fork::Moment;

/// As [`fs::read`].
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let _moment = Moment::begin();
    fs::read(path)
}

/// As [`fs::read_to_string`].
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let _moment = Moment::begin();
    fs::read_to_string(path)
}

/// What `look` makes of the entries of a folder.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub(crate) fn entries<T>(folder: impl AsRef<Path>, look: impl FnOnce(fs::ReadDir) -> T) -> io::Result<T> {
    let _moment = Moment::begin();
    fs::read_dir(folder).map(look)
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;
    use crate::base::fork::in_child;

    /// What the child has open of the files that are read all the time.
    fn inherited() -> usize {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let read = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        read.filter(|path| path.ends_with("cpuinfo") || path.ends_with("/proc/sys/kernel")).count()
    }

    #[test]
    fn a_child_inherits_no_file_that_is_read() {
        let goes_on = AtomicBool::new(true);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while goes_on.load(Relaxed) {
                    assert!(!read("/proc/cpuinfo").unwrap().is_empty());
                    assert!(!read_to_string("/proc/cpuinfo").unwrap().is_empty());
                    assert!(entries("/proc/sys/kernel", Iterator::count).unwrap() > 0);
                }
            });
            let in_all = (0..200).filter(|_| !in_child(|| inherited() == 0)).count();
            goes_on.store(false, Relaxed);
            assert_eq!(in_all, 0);
        });
    }
}
