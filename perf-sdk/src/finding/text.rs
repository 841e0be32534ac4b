//! Findings as text.

use std::io::{self, Write};

use super::state::{Finding, Findings, Gain};
use crate::base::units::{bytes, time};

impl Findings {
    /// Writes each finding as a paragraph. Writes nothing if there are none.
    ///
    /// # Errors
    /// Any error of the writer.
    pub fn write_text(&self, to: &mut impl Write) -> io::Result<()> {
        for (at, finding) in self.findings.iter().enumerate() {
            if at > 0 {
                writeln!(to)?;
            }
            let Finding { claim, rule, confidence, fingerprint, .. } = finding;
            writeln!(to, "{}. {claim} ({rule}, confidence {confidence}, {fingerprint})", at + 1)?;
            writeln!(to, "   evidence: {}", finding.evidence)?;
            if let Some(gain) = finding.gain.said() {
                writeln!(to, "   could be won back: {gain}")?;
            }
            writeln!(to, "   next: {}", finding.next_step)?;
            writeln!(to, "   refuted by: {}", finding.refuted_by)?;
        }
        Ok(())
    }
}

impl Gain {
    /// In words. `None` of nothing.
    pub(crate) fn said(&self) -> Option<String> {
        let parts = [
            (self.cpu_seconds > 0.0).then(|| format!("{} of CPU time", time(self.cpu_seconds * 1e9))),
            (self.wait_seconds > 0.0).then(|| format!("{} of waiting", time(self.wait_seconds * 1e9))),
            (self.bytes > 0.0).then(|| bytes(self.bytes)),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::Confidence;
    use super::*;

    #[test]
    fn a_finding_is_a_paragraph() {
        let finding = Finding {
            rule: "full_scan".into(),
            fingerprint: "00ff".into(),
            claim: "a statement reads all of t".into(),
            evidence: "9 of 9 runs".into(),
            gain: Gain { cpu_seconds: 1.5, wait_seconds: 0.0, bytes: 2_048.0 },
            confidence: Confidence::High,
            next_step: "Add an index.".into(),
            refuted_by: "The table is small.".into(),
            ..Finding::default()
        };
        let mut text = Vec::new();
        let findings = Findings { findings: vec![finding], ..Findings::default() };
        findings.write_text(&mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "1. a statement reads all of t (full_scan, confidence high, 00ff)\n   evidence: 9 of 9 runs\n   \
             could be won back: 1.50 s of CPU time and 2.0 KiB\n   next: Add an index.\n   refuted by: The table is small.\n"
        );
        let mut none = Vec::new();
        Findings::default().write_text(&mut none).unwrap();
        assert!(none.is_empty());
    }
}
