//! For the page of tests of a CI: the JUnit format, as Jenkins, GitLab and Gradle read it. A tier
//! is a suite, an operation a test.

use std::collections::BTreeMap;
use std::io;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::figures::{base, change, head, title};
use crate::gate::verdict::{Comparison, Report, Tier, Verdict};

/// The document.
///
/// # Errors
/// None: it is written to memory.
pub(crate) fn junit(report: &Report) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer
        .create_element("testsuites")
        .with_attribute(("name", "perf-sdk check"))
        .write_inner_content(|writer| report.tiers.iter().try_for_each(|tier| suite(writer, tier)))?;
    let body = String::from_utf8(writer.into_inner()).map_err(io::Error::other)?;
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n"))
}

fn suite(writer: &mut Writer<Vec<u8>>, tier: &Tier) -> io::Result<()> {
    let mut operations: BTreeMap<&str, Vec<&Comparison>> = BTreeMap::new();
    for comparison in &tier.comparisons {
        operations.entry(&comparison.operation).or_default().push(comparison);
    }
    let is_failed = |comparisons: &Vec<&Comparison>| tier.blocks && comparisons.iter().any(|one| is_bad(one));
    let failures = operations.values().filter(|comparisons| is_failed(comparisons)).count();
    let skipped = usize::from(tier.skipped.is_some());
    writer
        .create_element("testsuite")
        .with_attribute(("name", title(tier).as_str()))
        .with_attribute(("tests", (operations.len() + skipped).to_string().as_str()))
        .with_attribute(("failures", failures.to_string().as_str()))
        .with_attribute(("errors", "0"))
        .with_attribute(("skipped", skipped.to_string().as_str()))
        .write_inner_content(|writer| {
            if let Some(reason) = &tier.skipped {
                case(writer, tier, tier.name, |writer| {
                    let reason = clean(reason);
                    writer.create_element("skipped").with_attribute(("message", reason.as_str())).write_empty()?;
                    Ok(())
                })?;
            }
            operations.iter().try_for_each(|(operation, comparisons)| {
                case(writer, tier, operation, |writer| said(writer, comparisons, is_failed(comparisons)))
            })
        })?;
    Ok(())
}

/// Whether a test of a tier that blocks fails by it.
fn is_bad(comparison: &Comparison) -> bool {
    matches!(comparison.verdict, Verdict::Regression | Verdict::Inconclusive)
}

fn case(
    writer: &mut Writer<Vec<u8>>,
    tier: &Tier,
    name: &str,
    inner: impl FnOnce(&mut Writer<Vec<u8>>) -> io::Result<()>,
) -> io::Result<()> {
    writer
        .create_element("testcase")
        .with_attribute(("classname", format!("perf-sdk.{}", tier.name).as_str()))
        .with_attribute(("name", clean(name).as_str()))
        .write_inner_content(inner)?;
    Ok(())
}

/// The figures, as a failure or as output.
fn said(writer: &mut Writer<Vec<u8>>, comparisons: &[&Comparison], is_failed: bool) -> io::Result<()> {
    let line = |comparison: &&Comparison| {
        let note = if comparison.note.is_empty() { String::new() } else { format!("; {}", comparison.note) };
        let (base, head) = (base(comparison), head(comparison));
        format!(
            "{}: {}: {} {base} -> {head}, {}{note}\n",
            comparison.verdict.name(),
            comparison.subject(),
            comparison.figure,
            change(comparison)
        )
    };
    let text = clean(&comparisons.iter().map(line).collect::<String>());
    if !is_failed {
        writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
        return Ok(());
    }
    let kind =
        if comparisons.iter().any(|one| one.verdict == Verdict::Regression) { "regression" } else { "inconclusive" };
    // The most telling one names the function.
    let of_kind = comparisons.iter().filter(|one| one.verdict.name() == kind);
    let message = of_kind.clone().find(|one| one.function.is_some()).or(of_kind.clone().next()).map(line);
    writer
        .create_element("failure")
        .with_attribute(("type", kind))
        .with_attribute(("message", clean(message.unwrap_or_default().trim_end()).as_str()))
        .write_text_content(BytesText::new(&text))?;
    Ok(())
}

/// Without what XML 1.0 has no way to write.
fn clean(text: &str) -> String {
    text.chars().filter(|char| !char.is_control() || matches!(char, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_operation_is_a_failed_test_that_names_the_function() {
        let comparison = |function: Option<&str>, verdict| Comparison {
            function: function.map(str::to_owned),
            ..Comparison::new("an \"order\" <1>\u{7}", "allocations", Some(1.0), Some(2.0)).with(verdict, "a & b")
        };
        let comparisons = vec![
            comparison(None, Verdict::Regression),
            comparison(Some("Shop<T>::order"), Verdict::Regression),
            Comparison { operation: "other".to_owned(), ..comparison(None, Verdict::Pass) },
        ];
        let tiers = vec![
            Tier { name: "counts", blocks: true, skipped: None, comparisons },
            Tier::skipped("instructions", true, "no valgrind"),
            Tier {
                name: "time",
                blocks: false,
                skipped: None,
                comparisons: vec![comparison(None, Verdict::Regression)],
            },
        ];
        let text = junit(&Report::new("a".to_owned(), "b".to_owned(), tiers, Vec::new())).unwrap();
        for part in [
            "<testsuite name=\"counts\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">",
            "<testcase classname=\"perf-sdk.counts\" name=\"an &quot;order&quot; &lt;1&gt;\">",
            "<failure type=\"regression\" message=\"regression: Shop&lt;T&gt;::order: allocations 1 -&gt; 2, +100.00 %; a &amp; b\">",
            "<skipped message=\"no valgrind\"/>",
            "<testsuite name=\"time, advisory\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\">",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        // A reader that somebody else wrote finds it well-formed.
        let mut reader = quick_xml::Reader::from_str(&text);
        while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
    }
}
