//! The labels of a stack sample.

use crate::snapshot::Frame;
use crate::trace::TraceContext;

/// The labels as texts.
pub(super) struct Labels<'a> {
    scope: String,
    thread: &'a str,
    own: &'a [(String, String)],
    /// Hexadecimal; empty outside of spans.
    trace: String,
    span: String,
}

pub(super) fn labels<'a>(
    scope: &[Frame],
    thread: &'a str,
    own: &'a [(String, String)],
    trace: Option<TraceContext>,
) -> Labels<'a> {
    let scope = scope.last().map(Frame::full_name).unwrap_or_default();
    let [upper, lower, span] = trace.map_or([0; 3], TraceContext::words);
    Labels {
        scope,
        thread,
        own,
        trace: if (upper, lower) == (0, 0) { String::new() } else { format!("{upper:016x}{lower:016x}") },
        span: if span == 0 { String::new() } else { format!("{span:016x}") },
    }
}

impl Labels<'_> {
    /// Names and values. Labels with an empty value do not exist.
    pub(super) fn each(&self) -> Vec<(&str, &str)> {
        let mut all = vec![("scope", self.scope.as_str()), ("thread", self.thread)];
        all.extend(self.own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        all.extend([("trace_id", self.trace.as_str()), ("span_id", self.span.as_str())]);
        all
    }
}
