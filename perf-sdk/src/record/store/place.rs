//! Identifies an open call in one word.
#![allow(unsafe_code)]

use std::ptr;

use super::node::Node;
use super::shared::SharedSite;

/// For a measured call: the depth of its frame, and the serial number of the call. For a count-only
/// call: the node of its caller. For a call counted in a shared record: that record.
// PERF: one word, so that a guard is returned in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::record) struct Place(*const u8);

/// For a count-only call. Nodes are aligned to 64.
const PASSED: usize = 1;
/// For a call counted in a shared record. These are aligned to 64 too.
const SHARED: usize = 2;
/// Its end must be timed. Beside it only a count-only poll has another mark.
const TIMED: usize = 4;
const MARKS: usize = PASSED | SHARED | TIMED;
const MARK_BITS: u32 = MARKS.count_ones();
/// The number of bits of a serial number. The others are those of the depth.
const SERIAL_BITS: u32 = usize::BITS / 2;

impl Place {
    pub(in crate::record) const NONE: Self = Self(ptr::null());
    /// No frame is as deep as this.
    pub(in crate::record) const MAX_DEPTH: usize = 1 << (usize::BITS - SERIAL_BITS - MARK_BITS);

    #[inline]
    pub(in crate::record) fn frame(depth: usize, serial: u32) -> Self {
        Self(ptr::without_provenance((serial as usize) << (usize::BITS - SERIAL_BITS) | depth << MARK_BITS))
    }

    #[inline]
    pub(in crate::record) fn passed(below: &'static Node) -> Self {
        Self(ptr::from_ref(below).cast::<u8>().map_addr(|address| address | PASSED))
    }

    /// For a call that has neither a frame nor a node.
    pub(in crate::record) fn shared(shared: &'static SharedSite) -> Self {
        Self(ptr::from_ref(shared).cast::<u8>().map_addr(|address| address | SHARED))
    }

    /// The shared record of a call that has neither a frame nor a node.
    pub(in crate::record) fn in_shared(self) -> Option<&'static SharedSite> {
        // SAFETY: the mark shows that `shared` made this place from a `&'static SharedSite`, whose
        // address has no mark.
        (self.0.addr() & SHARED != 0)
            .then(|| unsafe { &*self.0.map_addr(|address| address & !SHARED).cast::<SharedSite>() })
    }

    /// The caller of a count-only call.
    #[inline]
    pub(in crate::record) fn below(self) -> Option<&'static Node> {
        // SAFETY: the mark shows that `passed` made this place from a `&'static Node`, whose
        // address has no mark.
        (self.0.addr() & PASSED != 0)
            .then(|| unsafe { &*self.0.map_addr(|address| address & !(PASSED | TIMED)).cast::<Node>() })
    }

    /// Whether the call has a frame, and its end is not timed.
    #[inline]
    pub(in crate::record) fn is_plain(self) -> bool {
        self.0.addr() & MARKS == 0
    }

    /// The same call, marked so that its end is timed.
    pub(in crate::record) fn timed(self) -> Self {
        Self(self.0.map_addr(|address| address | TIMED))
    }

    /// The same call without the mark, if its end must be timed.
    pub(in crate::record) fn untimed(self) -> Option<Self> {
        (self.0.addr() & TIMED != 0).then(|| Self(self.0.map_addr(|address| address & !TIMED)))
    }

    #[inline]
    pub(in crate::record) fn depth(self) -> usize {
        (self.0.addr() << SERIAL_BITS >> SERIAL_BITS) >> MARK_BITS
    }

    /// The part of the serial number that fits.
    #[inline]
    pub(in crate::record) fn serial(self) -> u32 {
        (self.0.addr() >> (usize::BITS - SERIAL_BITS)) as u32
    }
}
