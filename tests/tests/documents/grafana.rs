//! The dashboards of `docs/grafana`, made from the table of metrics, which says what a panel
//! shows.

use std::fs;
use std::path::Path;

use perf_sdk_tests::dashboards::{self, DASHBOARDS};
use serde_json::{Value, json};

use super::document;

/// What each metric is, by its name, as `docs/metrics.md` says.
fn meanings() -> Vec<(String, String)> {
    let (_, text) = document("docs/metrics.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| {
        let mut cells = row.split(" | ");
        let name = cells.next()?.trim_end_matches('`').to_owned();
        let meaning = cells.nth(1)?.trim_end_matches(" |").trim().to_owned();
        Some((name, meaning))
    });
    cells.collect()
}

/// The metrics in `query`, as the table calls them.
fn metrics_of<'a>(query: &str, table: &'a [(String, String)]) -> Vec<&'a (String, String)> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.map(|word| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        [Some(word), base]
    });
    let mut found: Vec<&(String, String)> = Vec::new();
    for name in names.flatten().flatten() {
        if let Some(row) = table.iter().find(|(known, _)| known == name)
            && !found.contains(&row)
        {
            found.push(row);
        }
    }
    found
}

#[test]
fn dashboards_for_grafana() {
    let table = meanings();
    assert!(table.len() > 100, "{}", table.len());
    for dashboard in DASHBOARDS {
        let described = |query: &str| {
            let metrics = metrics_of(query, &table);
            assert!(!metrics.is_empty(), "{query}: no metric of docs/metrics.md");
            metrics.iter().map(|(name, meaning)| format!("{name}: {meaning}")).collect::<Vec<_>>()
        };
        hold_file(&format!("{}.json", dashboard.file), &format!("{:#}\n", dashboards::json(dashboard, &described)));
    }
}

/// Checks that a file of the folder is `expected`.
fn hold_file(name: &str, expected: &str) {
    let name = format!("docs/grafana/{name}");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&name);
        fs::write(path, expected).expect("a writable document");
    } else {
        let (_, text) = document(&name);
        assert_eq!(text, expected, "{name}: rewrite it with UPDATE_DOCUMENTS=1");
    }
}

#[test]
fn rules_for_prometheus() {
    let mut rules = Vec::new();
    perf_sdk::alert::AlertRules::shipped().write_prometheus(&mut rules).expect("rules in memory");
    hold_file("rules.yml", &String::from_utf8(rules).expect("text"));
}

#[test]
fn no_other_file_is_among_the_dashboards() {
    let (path, _) = document("docs/grafana/overview.json");
    let files = fs::read_dir(path.parent().expect("a folder")).expect("a folder");
    let mut names: Vec<String> =
        files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut expected: Vec<String> = DASHBOARDS.iter().map(|dashboard| format!("{}.json", dashboard.file)).collect();
    expected.push("rules.yml".to_owned());
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn each_panel_has_a_place_of_its_own() {
    for dashboard in DASHBOARDS {
        let json = dashboards::json(dashboard, &|_| Vec::new());
        let panels = json["panels"].as_array().expect("panels");
        let mut cells = std::collections::BTreeSet::new();
        for panel in panels {
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().expect("a number"));
            assert!(x + w <= 24, "{panel}");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(cells.insert(cell), "{panel}");
            }
        }
        let ids: std::collections::BTreeSet<u64> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), panels.len());
        assert_eq!(json["uid"], json!(format!("perf-sdk-{}", dashboard.file)));
        assert_ne!(json["title"], Value::Null);
    }
}
