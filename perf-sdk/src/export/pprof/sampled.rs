//! Sampled stacks as a profile, of CPU time or of wall time.

use std::io::{self, Write};

use super::builder::{Builder, Header, Type};
use super::labels::labels;
use crate::snapshot::{Code, Frame};
use crate::trace::TraceContext;

/// One stack, with a value for each of the profile's types.
pub(super) struct Stack<'a> {
    pub(super) scope: &'a [Frame],
    pub(super) thread: &'a str,
    pub(super) labels: &'a [(String, String)],
    pub(super) trace: Option<TraceContext>,
    /// Indices into the code's addresses, innermost first.
    pub(super) addresses: &'a [u32],
    pub(super) values: Vec<i64>,
}

/// The fields of a profile besides its stacks.
pub(super) struct Sampled<'a> {
    /// The types. The second one is the time for which samples stand, and readers show it first.
    pub(super) types: &'a [Type],
    /// Samples per second of that time.
    pub(super) hz: u32,
    pub(super) code: &'a Code,
    /// The end of the profile.
    pub(super) taken_at_unix_ns: u64,
    pub(super) window_ns: u64,
    pub(super) comments: Vec<String>,
}

impl Sampled<'_> {
    pub(super) fn write<'a>(self, stacks: impl Iterator<Item = Stack<'a>>, to: &mut impl Write) -> io::Result<()> {
        let mut builder = Builder::default();
        let locations = builder.code(self.code);
        for stack in stacks {
            let path = stack.addresses.iter().filter_map(|address| locations.get(*address as usize).copied()).collect();
            let labels = labels(stack.scope, stack.thread, stack.labels, stack.trace);
            builder.sample(path, stack.values, &labels.each());
        }
        let header = Header {
            types: self.types,
            opens: 1,
            period: (self.types[1], 1_000_000_000_u64.checked_div(u64::from(self.hz)).unwrap_or(0)),
            taken_at_unix_ns: self.taken_at_unix_ns.saturating_sub(self.window_ns),
            window_ns: self.window_ns,
            comments: self.comments,
        };
        builder.write(&header, to)
    }
}
