//! OpenMetrics 1.0.

use std::io::{self, Write};

use super::families::{Encoding, Head, Kind, Metric};
use super::text::{Escaped, samples};

/// Text with exemplars.
pub(super) struct OpenMetrics<'a> {
    to: &'a mut dyn Write,
}

impl<'a> OpenMetrics<'a> {
    pub(super) fn new(to: &'a mut dyn Write) -> Self {
        Self { to }
    }

    fn head(&mut self, head: &Head<'_>) -> io::Result<()> {
        // A family's name lacks the suffix that its kind gives to its samples. A counter that the user named without one
        // keeps its name, the same as in the other formats, and gives up being called a counter.
        let (kind, family) = match head.kind {
            Kind::Counter => match head.name.strip_suffix("_total") {
                Some(family) => ("counter", family),
                None => ("unknown", head.name.as_ref()),
            },
            Kind::Info => match head.name.strip_suffix("_info") {
                Some(family) => ("info", family),
                None => ("gauge", head.name.as_ref()),
            },
            Kind::Gauge => ("gauge", head.name.as_ref()),
            Kind::Histogram => ("histogram", head.name.as_ref()),
            Kind::Summary => ("summary", head.name.as_ref()),
            Kind::Unknown => ("unknown", head.name.as_ref()),
        };
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
        for metric in metrics {
            samples(self.to, &head.name, &metric, head.kind == Kind::Histogram)?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        writeln!(self.to, "# EOF")
    }
}
