//! The page of leak verdicts.

use std::fmt::Write as _;

use super::html::{self, escape};
use crate::base::units::{bytes, count, time};
use crate::snapshot::{LeakFinding, Leaks, SamplingState, Verdict};

/// `leaks` is `None` before the first evaluation, and if the detector is off.
pub(in crate::serve) fn leaks(leaks: Option<&Leaks>, heap: &SamplingState) -> String {
    let mut page = html::begin("perf-sdk: leaks", None);
    page.push_str("<header><h1><a href=\".\">perf-sdk</a></h1>");
    let Some(leaks) = leaks else {
        page.push_str("</header><p class=\"empty\">There was no evaluation yet. The first one comes after one leak window, and there is none if <code>PERF_LEAK_WINDOW</code> is off.</p>");
        html::end(&mut page);
        return page;
    };
    let old = leaks.horizon_ns / 12;
    let _ = write!(
        page,
        "<span class=\"facts\">{} evaluations, every {} · old from {} on, leaked beyond {} · {} call paths and sizes evaluated</span></header>\
         <nav><b>also</b><a href=\"leaks?format=json\">json</a></nav>",
        count(leaks.windows as f64),
        time(leaks.window_ns as f64),
        time(old as f64),
        time(leaks.horizon_ns as f64),
        count(leaks.tested as f64),
    );
    if !heap.is_on() {
        let _ = write!(
            page,
            "<p class=\"empty\">Memory is not judged: sampling of the live heap: {}.</p>",
            escape(&heap.to_string())
        );
    }
    if leaks.findings.is_empty() {
        page.push_str("<p class=\"empty\">Nothing looks like a leak.");
        if leaks.windows < 20 {
            page.push_str(" A verdict needs at least twenty evaluations.");
        }
        page.push_str("</p>");
    } else {
        table(&mut page, leaks);
    }
    html::end(&mut page);
    page
}

fn table(page: &mut String, leaks: &Leaks) {
    page.push_str(
        "<div class=\"scroll\"><table><thead><tr><th>where</th><th>verdict</th><th title=\"older than a twelfth of the horizon\">old</th>\
         <th>held</th><th>objects</th><th>growth per hour</th><th title=\"until the memory limit is reached\">limit in</th>\
         <th title=\"bytes or objects by age, youngest first\">ages</th></tr></thead><tbody>",
    );
    leaks.findings.iter().for_each(|finding| row(page, finding));
    page.push_str("</tbody></table></div>");
}

fn row(page: &mut String, finding: &LeakFinding) {
    let place = match finding.scopes.as_slice() {
        [] if finding.below_bytes > 0 => "(no profiled scope)".to_owned(),
        [] => finding.watched.to_string().replace('_', " "),
        scopes => scopes.join(" → "),
    };
    let class = if finding.verdict == Verdict::Confirmed { " class=\"bad\"" } else { "" };
    let _ = write!(
        page,
        "<tr><td data-v=\"{0}\">{0}<small class=\"evidence\">{1}</small></td><td data-v=\"{2}\"><span{class}>{3}</span></td>",
        escape(&place),
        escape(&finding.evidence),
        finding.verdict as u8,
        finding.verdict,
    );
    let has_bytes = finding.bytes > 0;
    let mut cell = |value: Option<f64>, text: fn(f64) -> String| {
        let _ = match value {
            Some(value) => write!(page, "<td data-v=\"{value}\">{}</td>", text(value)),
            None => write!(page, "<td data-v=\"-1\"></td>"),
        };
    };
    cell(has_bytes.then_some(finding.retained_bytes as f64), bytes);
    cell(has_bytes.then_some(finding.bytes as f64), bytes);
    cell(Some(finding.objects as f64), count);
    if has_bytes {
        cell(Some(finding.bytes_per_hour), bytes);
    } else {
        cell(Some(finding.objects_per_hour), count);
    }
    cell(finding.seconds_to_limit.map(|seconds| seconds * 1e9), time);
    ages(page, finding);
    page.push_str("</tr>");
}

/// A small bar chart.
fn ages(page: &mut String, finding: &LeakFinding) {
    let size = |at: usize| {
        let band = &finding.ages[at];
        if finding.bytes > 0 { band.bytes } else { band.objects }
    };
    let most = (0..finding.ages.len()).map(size).max().unwrap_or(0).max(1);
    let width = finding.ages.len() * 9;
    let _ = write!(page, "<td data-v=\"0\"><svg width=\"{width}\" height=\"24\" role=\"img\">");
    for (at, band) in finding.ages.iter().enumerate() {
        let height = (size(at) * 24).div_ceil(most);
        let shown = if finding.bytes > 0 { bytes(band.bytes as f64) } else { count(band.objects as f64) };
        let _ = write!(
            page,
            "<rect x=\"{}\" y=\"{}\" width=\"8\" height=\"{height}\"><title>older than {}: {shown}</title></rect>",
            at * 9,
            24 - height,
            time(band.older_than_ns as f64),
        );
    }
    page.push_str("</svg></td>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let finding = LeakFinding { scopes: vec!["<script>".into()], evidence: "<b>".into(), ..LeakFinding::default() };
        let page = leaks(Some(&Leaks { findings: vec![finding], ..Leaks::default() }), &SamplingState::on());
        assert!(!page.contains("<script>\"") && !page.contains("<b>\"") && page.contains("&lt;script&gt;"), "{page}");
    }
}
