//! Where an open call stands, in one word.
#![allow(unsafe_code)]

use std::ptr;

use super::node::Node;
use super::shared::SharedSite;

/// Of a measured call: its frame's depth and the serial number of the call in it. Of one that was
/// passed over: the node of its caller. Of one that was counted in a shared record: that record.
// PERF: one word, so that a guard is returned in registers.
#[derive(Clone, Copy, Debug)]
pub(in crate::record) struct Place(*const u8);

/// Set in the place of a call that was passed over. Nodes lie at multiples of 64.
const PASSED: usize = 1;
/// Set besides in that of a call that was counted in a shared record. These lie at multiples of 64
/// too.
const SHARED: usize = 2;
/// The same bit by itself: what ending the call costs is to be timed.
const TIMED: usize = 2;
/// Bits of a serial number; the others are the depth's.
const SERIAL_BITS: u32 = usize::BITS / 2;

impl Place {
    pub(in crate::record) const NONE: Self = Self(ptr::null());

    #[inline]
    pub(in crate::record) fn frame(depth: usize, serial: u32) -> Self {
        Self(ptr::without_provenance((serial as usize) << (usize::BITS - SERIAL_BITS) | depth << 2))
    }

    #[inline]
    pub(in crate::record) fn passed(below: &'static Node) -> Self {
        Self(ptr::from_ref(below).cast::<u8>().map_addr(|address| address | PASSED))
    }

    /// Of a call that has neither frame nor node.
    pub(in crate::record) fn shared(shared: &'static SharedSite) -> Self {
        Self(ptr::from_ref(shared).cast::<u8>().map_addr(|address| address | PASSED | SHARED))
    }

    /// Where a call without frame and node was counted.
    pub(in crate::record) fn in_shared(self) -> Option<&'static SharedSite> {
        let address = |address: usize| address & !(PASSED | SHARED);
        // SAFETY: the bits say that `shared` made this place of a `&'static SharedSite`, whose
        // address has neither.
        (self.0.addr() & (PASSED | SHARED) == PASSED | SHARED)
            .then(|| unsafe { &*self.0.map_addr(address).cast::<SharedSite>() })
    }

    /// The caller of a call that was passed over.
    #[inline]
    pub(in crate::record) fn below(self) -> Option<&'static Node> {
        // SAFETY: the bit says that `passed` made this place of a `&'static Node`, which is at an
        // even address.
        (self.0.addr() & (PASSED | SHARED) == PASSED)
            .then(|| unsafe { &*self.0.map_addr(|address| address & !PASSED).cast::<Node>() })
    }

    /// Whether there is a frame, and nothing special about it.
    #[inline]
    pub(in crate::record) fn is_plain(self) -> bool {
        self.0.addr() & (PASSED | TIMED) == 0
    }

    /// Of a call with a frame: its end is to be timed.
    pub(in crate::record) fn timed(self) -> Self {
        Self(self.0.map_addr(|address| address | TIMED))
    }

    /// The same call, if its end is to be timed.
    pub(in crate::record) fn untimed(self) -> Option<Self> {
        (self.0.addr() & (PASSED | TIMED) == TIMED).then(|| Self(self.0.map_addr(|address| address & !TIMED)))
    }

    #[inline]
    pub(in crate::record) fn depth(self) -> usize {
        (self.0.addr() << SERIAL_BITS >> SERIAL_BITS) >> 2
    }

    /// As much of a serial number as fits.
    #[inline]
    pub(in crate::record) fn serial(self) -> u32 {
        (self.0.addr() >> (usize::BITS - SERIAL_BITS)) as u32
    }
}
