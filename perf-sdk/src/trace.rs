//! Identification of traces and spans.

/// The ids of the trace and the span that a thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceContext {
    /// 16 bytes, big-endian, as in W3C Trace Context; zeros if unknown.
    pub trace_id: [u8; 16],
    /// 8 bytes, big-endian; zeros if unknown.
    pub span_id: [u8; 8],
}

#[cfg_attr(not(all(feature = "stacks", feature = "tracing")), allow(dead_code))]
impl TraceContext {
    /// The trace id as two words, upper one first, then the span id.
    pub(crate) fn words(self) -> [u64; 3] {
        let trace = u128::from_be_bytes(self.trace_id);
        [(trace >> 64) as u64, trace as u64, u64::from_be_bytes(self.span_id)]
    }

    /// The same span without its trace id.
    pub(crate) fn without_trace_id(self) -> Self {
        Self { trace_id: [0; 16], ..self }
    }

    /// The inverse of [`words`](Self::words).
    pub(crate) fn of_words([upper, lower, span]: [u64; 3]) -> Self {
        let trace = u128::from(upper) << 64 | u128::from(lower);
        Self { trace_id: trace.to_be_bytes(), span_id: span.to_be_bytes() }
    }
}

/// Returns the trace that the calling thread is in.
pub type TraceHook = fn() -> Option<TraceContext>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_to_words_is_lossless() {
        let context = TraceContext { trace_id: *b"0123456789abcdef", span_id: *b"ghijklmn" };
        assert_eq!(TraceContext::of_words(context.words()), context);
    }
}
