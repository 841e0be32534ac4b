//! OpenMetrics 1.0.

use std::io::{self, Write};

use super::family::{Encoding, Head, Kind, Metric};
use super::text::{Escaped, Lines};

/// Text with exemplars.
pub(super) struct OpenMetrics<'a> {
    to: &'a mut Vec<u8>,
    lines: &'a mut Lines,
}

impl<'a> OpenMetrics<'a> {
    pub(super) fn new(to: &'a mut Vec<u8>, lines: &'a mut Lines) -> Self {
        Self { to, lines }
    }

    fn head(&mut self, head: &Head<'_>) -> io::Result<()> {
        // A family's name lacks the suffix that its kind adds to its samples. If the user named a
        // counter without that suffix, or if the name without it would conflict with another
        // family, the counter keeps its name, as in the other formats, and is written as a family
        // of unknown type.
        let name = head.name.as_ref();
        let (kind, family) = match head.kind {
            Kind::Counter => match name.strip_suffix("_total").filter(|_| head.has_stem) {
                Some(family) => (Kind::Counter, family),
                None => (Kind::Unknown, name),
            },
            Kind::Info => name.strip_suffix("_info").map_or((Kind::Gauge, name), |family| (Kind::Info, family)),
            kind => (kind, name),
        };
        let kind = kind.name();
        writeln!(self.to, "# TYPE {family} {kind}")?;
        if !head.unit.is_empty() {
            writeln!(self.to, "# UNIT {family} {}", head.unit)?;
        }
        if !head.help.is_empty() {
            writeln!(self.to, "# HELP {family} {}", Escaped { text: &head.help, quotes: true })?;
        }
        Ok(())
    }
}

impl Encoding for OpenMetrics<'_> {
    fn family(
        &mut self,
        head: &Head<'_>,
        begins: bool,
        metrics: &mut dyn Iterator<Item = Metric<'_>>,
    ) -> io::Result<()> {
        if begins {
            self.head(head)?;
        }
        self.lines.write(self.to, &head.name, metrics, head.kind == Kind::Histogram)
    }

    fn end(&mut self) -> io::Result<()> {
        writeln!(self.to, "# EOF")
    }
}
