//! Random numbers that spread the pushes of a fleet that started together. Not for secrets.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// 64 random bits: the standard library seeds its hashers from the system.
pub(super) fn bits() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A number from 0.5 up to 1.
pub(super) fn half_to_one() -> f64 {
    0.5 + (bits() >> 12) as f64 / (1_u64 << 53) as f64
}

/// A random UUID (RFC 9562, version 4).
pub(super) fn uuid() -> String {
    let (high, low) = (bits(), bits());
    let (high, low) = ((high & !0xf000) | 0x4000, (low & (u64::MAX >> 2)) | 1 << 63);
    let part =
        |bits: u64, from: u32, digits: usize| format!("{:0digits$x}", (bits >> from) & (u64::MAX >> (64 - 4 * digits)));
    [part(high, 32, 8), part(high, 16, 4), part(high, 0, 4), part(low, 48, 4), part(low, 0, 12)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_4() {
        let (a, b) = (uuid(), uuid());
        assert_ne!(a, b);
        for uuid in [a, b] {
            let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
            assert!(uuid.as_bytes()[14] == b'4' && b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
        }
        assert!((0..100).all(|_| (0.5..1.0).contains(&half_to_one())));
    }
}
