//! What the prose names is there: links, settings, metrics; and its PromQL is PromQL.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use perf_sdk_tests::has;

use super::document;

/// Every document, by its path from the root of the workspace.
fn documents() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut all: Vec<String> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(String::from).to_vec();
    for folder in ["docs", "docs/guide"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            if name.ends_with(".md") {
                all.push(format!("{folder}/{name}"));
            }
        }
    }
    assert!(all.len() > 20, "{all:?}");
    all
}

/// The lines outside of blocks of code, and the blocks with their language.
fn parts(text: &str) -> (String, Vec<(String, String)>) {
    let (mut prose, mut blocks, mut block): (_, Vec<_>, Option<(String, String)>) = (String::new(), Vec::new(), None);
    for line in text.lines() {
        match (&mut block, line.trim_start().strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(block.take()),
            (Some((_, code)), None) => *code += &format!("{line}\n"),
            (None, Some(language)) => block = Some((language.to_owned(), String::new())),
            (None, None) => prose += &format!("{line}\n"),
        }
    }
    assert!(block.is_none(), "a block of code without an end: {block:?}");
    (prose, blocks)
}

/// Headings as GitHub makes anchors of them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    for name in documents() {
        let (path, text) = document(&name);
        let (prose, _) = parts(&text);
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http://") || link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = path.parent().expect("a folder");
            let target: PathBuf = if file.is_empty() { path.clone() } else { folder.join(file) };
            let is_there = match fs::read(&target) {
                Err(_) => false,
                Ok(_) if anchor.is_empty() => true,
                Ok(bytes) => anchors(&parts(&String::from_utf8_lossy(&bytes)).0).contains(anchor),
            };
            if !is_there {
                faults.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(faults.is_empty(), "links that lead nowhere:\n{}", faults.join("\n"));
}

/// Words of a text that begin with `prefix`, of the characters that names have.
fn words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !is_name(c)).filter(move |word| word.starts_with(prefix))
}

#[test]
fn variables_are_settings() {
    // What commands are told.
    let is_told = |word: &str| word == "PERF_ALERT_NAME";
    let known = |word: &str| {
        word.starts_with("PERF_TEST_") || is_told(word) || perf_sdk::SETTINGS.iter().any(|s| s.variable == word)
    };
    let mut faults = Vec::new();
    for name in documents().into_iter().filter(|name| name != "CONTRIBUTING.md") {
        let (_, text) = document(&name);
        faults.extend(words(&text, "PERF_").filter(|word| !known(word)).map(|word| format!("{name}: {word}")));
    }
    assert!(faults.is_empty(), "no settings: {}", faults.join(", "));
}

/// Names in the table of `docs/metrics.md`, of a histogram those of its series too.
fn metrics() -> BTreeSet<String> {
    let (_, text) = document("docs/metrics.md");
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
        let (name, kind) = (cells.nth(1).expect("a name"), cells.next().expect("a type"));
        names.insert(name.to_owned());
        if kind == "histogram" {
            names.extend(["_bucket", "_count", "_sum"].map(|suffix| format!("{name}{suffix}")));
        }
    }
    names
}

/// Queries of a document, of which a block may have several with an empty line between.
fn queries(blocks: &[(String, String)]) -> impl Iterator<Item = &str> {
    blocks.iter().filter(|(language, _)| language == "promql").flat_map(|(_, code)| code.trim().split("\n\n"))
}

#[test]
fn metrics_are_those_of_the_scrape() {
    let known = metrics();
    let of_ours: BTreeSet<&str> = known.iter().filter_map(|name| name.split('_').next()).collect();
    let units = ["_total", "_seconds", "_bytes", "_objects", "_ratio", "_info"];
    let (mut faults, mut queried) = (Vec::new(), 0);
    for name in documents().into_iter().filter(|name| name != "docs/metrics.md") {
        let (prose, blocks) = parts(&document(&name).1);
        let quoted = prose.split('`').skip(1).step_by(2);
        let mut named: Vec<&str> = Vec::new();
        for prefix in of_ours.iter().filter(|prefix| ["function", "leak", "perf", "stack"].contains(*prefix)) {
            let has_unit = |word: &&str| units.iter().any(|unit| word.ends_with(unit));
            named.extend(quoted.clone().flat_map(|text| words(text, prefix)).filter(has_unit));
        }
        for query in queries(&blocks) {
            queried += 1;
            let is_ours = |word: &&str| word.split_once('_').is_some_and(|(first, _)| of_ours.contains(first));
            named.extend(words(query, "").filter(is_ours));
        }
        let unknown = named.into_iter().filter(|word| !known.contains(*word));
        faults.extend(unknown.map(|word| format!("{name}: {word}")));
    }
    assert!(faults.is_empty(), "not in docs/metrics.md: {}", faults.join(", "));
    assert!(queried > 5, "{queried} queries");
}

#[test]
fn promtool_reads_the_queries() {
    if !has("promtool", &["--version"], "install Debian's prometheus") {
        return;
    }
    let mut rules = String::from("groups:\n- name: documents\n  rules:\n");
    for name in documents() {
        for (at, query) in queries(&parts(&document(&name).1).1).enumerate() {
            let lines: String = query.lines().map(|line| format!("      {line}\n")).collect();
            rules += &format!("  - record: documents:query\n    labels: {{at: \"{name} {at}\"}}\n    expr: |\n{lines}");
        }
    }
    let file = std::env::temp_dir().join(format!("perf-sdk-rules-{}.yml", std::process::id()));
    fs::write(&file, &rules).expect("a writable file");
    let output = Command::new("promtool").args(["check", "rules"]).arg(&file).output().expect("promtool");
    fs::remove_file(&file).expect("its end");
    assert!(output.status.success(), "{}\n{rules}", String::from_utf8_lossy(&output.stderr));
}

/// The rule file of `docs/scaling.md`, on three processes of which one asks for more.
#[test]
fn promtool_runs_the_rule_of_scaling() {
    if !has("promtool", &["--version"], "install Debian's prometheus") {
        return;
    }
    let text = document("docs/scaling.md").1;
    let rules = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let rules = rules.into_iter().find(|block| block.starts_with("groups:")).expect("a file of rules");
    let folder = std::env::temp_dir().join(format!("perf-sdk-scaling-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a writable folder");
    fs::write(folder.join("rules.yml"), rules).expect("a writable file");
    let test = r#"
rule_files: [rules.yml]
evaluation_interval: 15s
tests:
- interval: 15s
  input_series:
  - {series: 'scaling_desired_replicas{namespace="shop", service="search", instance="a"}', values: '1 1 1.4 1.4'}
  - {series: 'scaling_desired_replicas{namespace="shop", service="search", instance="b"}', values: '1 1 1 _'}
  - {series: 'scaling_desired_replicas{namespace="shop", service="other", instance="c"}', values: '0.5 0.5 0.5 0.5'}
  promql_expr_test:
  - expr: service:scaling_desired_replicas
    eval_time: 45s
    exp_samples:
    - {labels: 'service:scaling_desired_replicas{namespace="shop", service="search"}', value: 1.2}
    - {labels: 'service:scaling_desired_replicas{namespace="shop", service="other"}', value: 0.5}
"#;
    fs::write(folder.join("test.yml"), test).expect("a writable file");
    let run = |arguments: [&str; 3]| {
        let output = Command::new("promtool").args(arguments).current_dir(&folder).output().expect("promtool");
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(output.status.success(), "{arguments:?}: {said}");
    };
    run(["check", "rules", "rules.yml"]);
    run(["test", "rules", "test.yml"]);
    fs::remove_dir_all(&folder).expect("its end");
}

#[test]
fn front_pages_are_short() {
    for name in documents() {
        let most = match name.as_str() {
            "README.md" => 160,
            name if name.starts_with("docs/guide/") => 80,
            _ => continue,
        };
        let (_, text) = document(&name);
        assert!(text.lines().count() <= most, "{name} has more than {most} lines");
        let is_long = |line: &&str| line.chars().count() > 100 && (most == 160 || !line.starts_with('|'));
        assert_eq!(text.lines().find(is_long), None, "{name}: longer than 100 characters");
    }
}
