//! Identifies an open call in one word.
#![allow(unsafe_code)]

use std::ptr;

use super::node::Node;
use super::shared::SharedSite;

/// For a measured call: the depth of its frame, and the serial number of the call. For a count-only
/// call: the node of its caller. For a call counted in a shared record: that record.
// PERF: one word, so that a guard is returned in registers.
#[derive(Clone, Copy, Debug)]
pub(in crate::record) struct Place(*const u8);

/// Set for a count-only call. Nodes are aligned to 64.
const PASSED: usize = 1;
/// Set in addition for a call counted in a shared record. These are aligned to 64 too.
const SHARED: usize = 2;
/// The same bit by itself: ending the call must be timed.
const TIMED: usize = 2;
/// The number of bits of a serial number. The others are those of the depth.
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

    /// For a call that has neither a frame nor a node.
    pub(in crate::record) fn shared(shared: &'static SharedSite) -> Self {
        Self(ptr::from_ref(shared).cast::<u8>().map_addr(|address| address | PASSED | SHARED))
    }

    /// The shared record of a call that has neither a frame nor a node.
    pub(in crate::record) fn in_shared(self) -> Option<&'static SharedSite> {
        let address = |address: usize| address & !(PASSED | SHARED);
        // SAFETY: the bits show that `shared` made this place from a `&'static SharedSite`, whose
        // address has neither bit.
        (self.0.addr() & (PASSED | SHARED) == PASSED | SHARED)
            .then(|| unsafe { &*self.0.map_addr(address).cast::<SharedSite>() })
    }

    /// The caller of a count-only call.
    #[inline]
    pub(in crate::record) fn below(self) -> Option<&'static Node> {
        // SAFETY: the bit shows that `passed` made this place from a `&'static Node`, whose address
        // is even.
        (self.0.addr() & (PASSED | SHARED) == PASSED)
            .then(|| unsafe { &*self.0.map_addr(|address| address & !PASSED).cast::<Node>() })
    }

    /// Whether the call has a frame, and its end is not timed.
    #[inline]
    pub(in crate::record) fn is_plain(self) -> bool {
        self.0.addr() & (PASSED | TIMED) == 0
    }

    /// The same call with a frame, marked so that its end is timed.
    pub(in crate::record) fn timed(self) -> Self {
        Self(self.0.map_addr(|address| address | TIMED))
    }

    /// The same call without the mark, if its end must be timed.
    pub(in crate::record) fn untimed(self) -> Option<Self> {
        (self.0.addr() & (PASSED | TIMED) == TIMED).then(|| Self(self.0.map_addr(|address| address & !TIMED)))
    }

    #[inline]
    pub(in crate::record) fn depth(self) -> usize {
        (self.0.addr() << SERIAL_BITS >> SERIAL_BITS) >> 2
    }

    /// The part of the serial number that fits.
    #[inline]
    pub(in crate::record) fn serial(self) -> u32 {
        (self.0.addr() >> (usize::BITS - SERIAL_BITS)) as u32
    }
}
