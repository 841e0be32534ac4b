//! The page of bundles.

use std::fmt::Write as _;

use super::html::{self, escape};
use crate::base::units::{bytes, time};
use crate::snapshot::{BundleState, TriggerKind};

pub(in crate::serve) fn bundles(all: &[BundleState]) -> String {
    let mut page = html::begin("perf-sdk: evidence", None);
    let _ = write!(
        page,
        "<header><h1><a href=\".\">perf-sdk</a></h1><span class=\"facts\">{} bundles of evidence</span></header>\
         <nav><b>also</b><a href=\"api/v1/flight?last=60s\">a new one</a><a href=\"flight?format=json\">json</a>\
         <a href=\"alerts\">alerts</a></nav>",
        all.len(),
    );
    if all.is_empty() {
        page.push_str(
            "<p class=\"empty\">There are none yet. One is made when an alert fires, and on request: \
             what ran and waited, who holds memory, and the history of the minutes before.</p>",
        );
    } else {
        page.push_str(
            "<div class=\"scroll\"><table class=\"targets\"><thead><tr><th>bundle</th><th class=\"words\">why</th>\
             <th>size</th></tr></thead><tbody>",
        );
        all.iter().for_each(|bundle| row(&mut page, bundle));
        page.push_str("</tbody></table></div>");
    }
    html::end(&mut page);
    page
}

fn row(page: &mut String, bundle: &BundleState) {
    let name = escape(&bundle.name);
    let link =
        if bundle.kept.is_empty() { name.to_string() } else { format!("<a href=\"api/v1/flight/{name}\">{name}</a>") };
    let kept = match (bundle.kept.as_str(), bundle.bytes, bundle.error.is_empty()) {
        ("", 0, true) => "being made".to_owned(),
        ("", 0, false) => "failed".to_owned(),
        ("", ..) if bundle.trigger == TriggerKind::Request => "handed out".to_owned(),
        ("", ..) => "not kept any more".to_owned(),
        (place, ..) => format!("in {}, made in {}", escape(place), time(bundle.took_seconds * 1e9)),
    };
    let mut why = escape(&bundle.evidence).to_string();
    if !bundle.joined.is_empty() {
        let _ = write!(why, " · joined by {}", escape(&bundle.joined.join(", ")));
    }
    if !bundle.error.is_empty() {
        let _ = write!(why, " · <span class=\"bad\">{}</span>", escape(&bundle.error));
    }
    let _ = write!(
        page,
        "<tr><td data-v=\"{name}\">{link}<small>{kept}</small></td>\
         <td class=\"words\" data-v=\"{0}\">{0}: {1}<small>{why}</small></td><td data-v=\"{2}\">{3}</td></tr>",
        bundle.trigger,
        escape(&bundle.what),
        bundle.bytes,
        if bundle.bytes == 0 { "–".to_owned() } else { bytes(bundle.bytes as f64) },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let bad = || "<script>alert(\"1\")</script>".to_owned();
        let bundle = BundleState {
            name: bad(),
            what: bad(),
            evidence: bad(),
            joined: vec![bad()],
            kept: bad(),
            error: bad(),
            ..BundleState::default()
        };
        let page = bundles(&[bundle]);
        assert!(!page.contains("<script>alert"), "{page}");
    }

    #[test]
    fn what_is_kept_can_be_downloaded() {
        let bundle =
            BundleState { name: "a.tar.gz".into(), bytes: 2_048, kept: "memory".into(), ..BundleState::default() };
        let gone = BundleState { kept: String::new(), trigger: TriggerKind::Alert, ..bundle.clone() };
        assert!(bundles(&[bundle]).contains("<a href=\"api/v1/flight/a.tar.gz\">a.tar.gz</a><small>in memory"));
        let page = bundles(&[gone]);
        assert!(page.contains("not kept any more") && !page.contains("api/v1/flight/a.tar.gz"), "{page}");
        assert!(bundles(&[]).contains("There are none yet"));
    }
}
