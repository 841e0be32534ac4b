//! The page of findings.

use std::fmt::Write as _;

use super::html::{self, escape};
use crate::base::units::time;
use crate::finding::{Confidence, Finding, Findings};

pub(in crate::serve) fn findings(all: &Findings) -> String {
    let mut page = html::begin("perf-sdk: findings", None);
    let accepted = match all.accepted {
        0 => String::new(),
        number => format!(", {number} more accepted"),
    };
    let _ = write!(
        page,
        "<header><h1><a href=\".\">perf-sdk</a></h1><span class=\"facts\">{} findings in {} of recorded time{accepted}</span></header>\
         <nav><b>also</b><a href=\"findings?format=json\">json</a><a href=\"findings?format=text\">text</a></nav>",
        all.findings.len(),
        time(all.window_ns as f64),
    );
    if all.findings.is_empty() {
        page.push_str("<p class=\"empty\">Nothing that somebody should do.</p>");
    } else {
        page.push_str("<ol class=\"findings\">");
        all.findings.iter().for_each(|finding| item(&mut page, finding));
        page.push_str("</ol>");
    }
    html::end(&mut page);
    page
}

fn item(page: &mut String, finding: &Finding) {
    let class = if finding.confidence == Confidence::High { "bad" } else { "warn" };
    let _ = write!(
        page,
        "<li><h2><span class=\"{class}\">{}</span></h2><p>{}</p>",
        escape(&finding.claim),
        escape(&finding.evidence),
    );
    page.push_str("<dl>");
    if let Some(gain) = finding.gain.said() {
        let _ = write!(page, "<dt>could be won back</dt><dd>{}</dd>", escape(&gain));
    }
    let _ = write!(page, "<dt>next</dt><dd>{}", escape(&finding.next_step));
    if !finding.link.is_empty() {
        let _ = write!(page, " <a href=\"{0}\">{0}</a>", escape(&finding.link));
    }
    let _ = write!(
        page,
        "</dd><dt>refuted by</dt><dd>{}</dd></dl><small>{} · confidence {} · {}</small></li>",
        escape(&finding.refuted_by),
        escape(&finding.rule),
        finding.confidence,
        escape(&finding.fingerprint),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Gain;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let bad = || "<script>alert(\"1\")</script>".to_owned();
        let mut finding = Finding::default();
        for text in [
            &mut finding.claim,
            &mut finding.evidence,
            &mut finding.next_step,
            &mut finding.refuted_by,
            &mut finding.rule,
        ] {
            *text = bad();
        }
        let page = findings(&Findings { findings: vec![finding], ..Findings::default() });
        assert!(!page.contains("<script>alert"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;").count(), 5, "{page}");
    }

    #[test]
    fn a_finding_says_what_to_do() {
        let mut finding = Finding { claim: "a reads all of t".into(), link: "queries".into(), ..Finding::default() };
        let gain = Gain { wait_seconds: 1.5, ..Gain::default() };
        (finding.gain, finding.next_step, finding.confidence) = (gain, "Add an index.".into(), Confidence::High);
        let all = Findings { findings: vec![finding], window_ns: 10_000_000_000, accepted: 2, ..Findings::default() };
        let page = findings(&all);
        for part in [
            "1 findings in 10.0 s of recorded time, 2 more accepted",
            "<span class=\"bad\">a reads all of t</span>",
            "<dd>1.50 s of waiting</dd>",
            "<dd>Add an index. <a href=\"queries\">queries</a></dd>",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(findings(&Findings::default()).contains("Nothing that somebody should do"));
    }
}
