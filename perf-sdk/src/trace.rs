//! The trace that a thread is in.

/// Identifies the trace and span that a thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// 16 bytes, big-endian, as in W3C Trace Context.
    pub trace_id: [u8; 16],
    /// 8 bytes, big-endian; zeros if unknown.
    pub span_id: [u8; 8],
}

/// Tells which trace the calling thread is in.
pub type TraceHook = fn() -> Option<TraceContext>;
