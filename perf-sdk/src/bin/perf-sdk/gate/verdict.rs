//! What was compared, and what it says.

use serde::Serialize;

/// What one figure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As before, or within the tolerance.
    Pass,
    /// Less than before.
    Improved,
    /// More than before, and that was accepted.
    Accepted,
    /// More than before.
    Regression,
    /// It cannot be said.
    Inconclusive,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Improved => "improved",
            Self::Accepted => "accepted",
            Self::Regression => "regression",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// One figure of an operation, in both versions.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) operation: String,
    /// The function, with its callers within the operation. `None`: the whole operation.
    pub(crate) function: Option<String>,
    /// Such as `allocations`.
    pub(crate) figure: &'static str,
    /// Of one operation.
    pub(crate) base: Option<f64>,
    pub(crate) head: Option<f64>,
    /// By which part of the base it changed. `None` where the base is 0 or absent.
    pub(crate) change: Option<f64>,
    /// The bootstrap's interval of the change.
    pub(crate) interval: Option<[f64; 2]>,
    /// Of the hypothesis that the change is within the tolerance.
    pub(crate) p: Option<f64>,
    /// The smallest change that would have been found.
    pub(crate) smallest_visible: Option<f64>,
    pub(crate) verdict: Verdict,
    /// What else there is to say.
    pub(crate) note: String,
}

impl Comparison {
    pub(super) fn new(operation: &str, figure: &'static str, base: Option<f64>, head: Option<f64>) -> Self {
        let change = base.zip(head).filter(|(base, _)| *base > 0.0).map(|(base, head)| head / base - 1.0);
        Self {
            operation: operation.to_owned(),
            function: None,
            figure,
            base,
            head,
            change,
            interval: None,
            p: None,
            smallest_visible: None,
            verdict: Verdict::Pass,
            note: String::new(),
        }
    }

    pub(super) fn with(self, verdict: Verdict, note: impl Into<String>) -> Self {
        Self { verdict, note: note.into(), ..self }
    }

    /// The function, or that it is all of the operation.
    pub(crate) fn subject(&self) -> &str {
        self.function.as_deref().unwrap_or("the operation")
    }
}

/// One kind of figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Tier {
    /// `counts`, `instructions` or `time`.
    pub(crate) name: &'static str,
    /// Whether its regressions fail the check.
    pub(crate) blocks: bool,
    /// Why it was not compared.
    pub(crate) skipped: Option<String>,
    /// Each operation's figures, and functions whose figures changed.
    pub(crate) comparisons: Vec<Comparison>,
}

impl Tier {
    pub(super) fn skipped(name: &'static str, blocks: bool, reason: impl Into<String>) -> Self {
        Self { name, blocks, skipped: Some(reason.into()), comparisons: Vec::new() }
    }

    /// The worst verdict.
    pub(crate) fn verdict(&self) -> Verdict {
        let has = |verdict: Verdict| self.comparisons.iter().any(|comparison| comparison.verdict == verdict);
        let worst = [Verdict::Regression, Verdict::Inconclusive, Verdict::Accepted, Verdict::Improved];
        worst.into_iter().find(|verdict| has(*verdict)).unwrap_or(Verdict::Pass)
    }
}

/// Both call trees of an operation, where they differ.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Drawing {
    pub(crate) operation: String,
    /// Lines that begin with `+`, `-` or a space, as those of a patch.
    pub(crate) lines: Vec<String>,
}

/// All that was compared.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) base: String,
    pub(crate) head: String,
    /// [`Verdict::Pass`], [`Verdict::Regression`] or [`Verdict::Inconclusive`].
    pub(crate) verdict: Verdict,
    pub(crate) tiers: Vec<Tier>,
    pub(crate) drawings: Vec<Drawing>,
}

impl Report {
    pub(super) fn new(base: String, head: String, tiers: Vec<Tier>, drawings: Vec<Drawing>) -> Self {
        let has = |verdict: Verdict| tiers.iter().any(|tier| tier.blocks && tier.verdict() == verdict);
        let verdict = [Verdict::Regression, Verdict::Inconclusive].into_iter().find(|verdict| has(*verdict));
        Self { base, head, verdict: verdict.unwrap_or(Verdict::Pass), tiers, drawings }
    }

    /// 0 pass, 1 regression, 3 inconclusive.
    pub(crate) fn status(&self) -> u8 {
        match self.verdict {
            Verdict::Regression => 1,
            Verdict::Inconclusive => 3,
            Verdict::Pass | Verdict::Improved | Verdict::Accepted => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(blocks: bool, verdicts: &[Verdict]) -> Tier {
        let comparison = |verdict: &Verdict| Comparison::new("x", "calls", Some(1.0), Some(2.0)).with(*verdict, "");
        Tier { name: "counts", blocks, skipped: None, comparisons: verdicts.iter().map(comparison).collect() }
    }

    #[test]
    fn only_what_blocks_decides() {
        let status = |tiers: Vec<Tier>| Report::new(String::new(), String::new(), tiers, Vec::new()).status();
        assert_eq!(status(vec![tier(true, &[Verdict::Pass, Verdict::Improved, Verdict::Accepted])]), 0);
        assert_eq!(status(vec![tier(true, &[]), tier(false, &[Verdict::Regression])]), 0);
        assert_eq!(status(vec![tier(true, &[Verdict::Inconclusive, Verdict::Pass])]), 3);
        assert_eq!(status(vec![tier(true, &[Verdict::Inconclusive]), tier(true, &[Verdict::Regression])]), 1);
    }

    #[test]
    fn nothing_has_no_relative_change() {
        assert_eq!(Comparison::new("x", "calls", Some(0.0), Some(2.0)).change, None);
        assert_eq!(Comparison::new("x", "calls", Some(4.0), Some(5.0)).change, Some(0.25));
    }
}
