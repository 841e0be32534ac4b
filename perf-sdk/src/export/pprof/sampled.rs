//! Sampled stacks as a profile, of CPU time or of wall time.

use std::io::{self, Write};

use super::builder::{Builder, Header, Type};
use super::labels::labels;
use crate::snapshot::{Code, SampledStack};

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
    /// Writes the number of samples, the time and the off-CPU time of each stack: the first of
    /// these, one for each type.
    pub(super) fn write(self, stacks: &[SampledStack], to: &mut impl Write) -> io::Result<()> {
        let mut builder = Builder::default();
        let locations = builder.code(self.code);
        for stack in stacks {
            let path = stack.addresses.iter().filter_map(|address| locations.get(*address as usize).copied()).collect();
            let labels = labels(&stack.scope, &stack.thread, &stack.labels, stack.trace);
            let values = [stack.samples, stack.time_ns, stack.off_cpu_ns].map(|value| value as i64);
            builder.sample(path, values[..self.types.len()].to_vec(), &labels.each());
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
