//! Signals that this process ignores, as whoever started it wanted.

use std::fs;

pub(crate) fn is_ignored(signal: i32) -> bool {
    ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default()) & (1 << (signal - 1)) != 0
}

/// The mask of ignored signals, from the kernel's description of the process. 0 if it is unknown.
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGHUP;

    #[test]
    fn ignored_signals_are_bits_of_a_mask() {
        let mask = ignored("Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000000001\n");
        assert_eq!((mask & (1 << (SIGHUP - 1)), ignored("")), (1, 0));
    }
}
