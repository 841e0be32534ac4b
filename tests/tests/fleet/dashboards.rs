//! What the dashboards of `docs/grafana` ask for is there, in a Prometheus that scrapes a service.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use perf_sdk_tests::dashboards::DASHBOARDS;
use perf_sdk_tests::http::get;
use perf_sdk_tests::{has, until};
use serde_json::Value;

use super::alerts::Server;

/// The only queries that find nothing here: what is absent where all is well, or on this machine.
const ABSENT: &[&str] = &["container_cpu_cfs_throttled_seconds_total"];

struct Example(Child, SocketAddr);

impl Example {
    /// `examples/service`. `cargo test` builds its tests, not the program.
    fn start() -> Self {
        let profile = Path::new(env!("CARGO_BIN_EXE_fleet")).parent().unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--workspace", "--examples"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        build.current_dir(workspace).env("CARGO_TARGET_DIR", profile.parent().unwrap());
        assert!(build.status().unwrap().success(), "the examples do not build");
        let program = profile.join("examples/service");
        let mut child = Command::new(program)
            .args(["--seconds", "600", "--users", "4"])
            .env("PERF_LISTEN", "127.0.0.1:0")
            .env("PERF_REPORT", "false")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut lines = said.filter_map(|line| line.split_once("http://").map(|(_, rest)| rest.to_owned()));
        let address = lines.next().and_then(|rest| rest.split('/').next()?.parse().ok());
        std::thread::spawn(move || lines.for_each(drop));
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).for_each(drop));
        Self(child, address.expect("the address of the endpoint"))
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana")
}

fn encoded(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The query as Grafana would send it, with everything chosen.
fn chosen(query: &str) -> String {
    let query = query.replace("$__rate_interval", "10s");
    ["$job", "$instance", "$function"].iter().fold(query, |query, name| query.replace(name, ".*"))
}

/// The queries of all panels, and those by which the choices are made.
fn queries() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for dashboard in DASHBOARDS {
        let text = fs::read_to_string(folder().join(format!("{}.json", dashboard.file))).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        for panel in json["panels"].as_array().unwrap() {
            let title = format!("{}: {}", dashboard.file, panel["title"].as_str().unwrap());
            for target in panel["targets"].as_array().unwrap() {
                all.push((title.clone(), chosen(target["expr"].as_str().unwrap())));
            }
        }
        for choice in json["templating"]["list"].as_array().unwrap() {
            let query = choice["query"].as_str().unwrap();
            if let Some((series, label)) = query.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(", ")) {
                let label = label.trim_end_matches(')');
                all.push((format!("{}: {label}", dashboard.file), format!("count by ({label}) ({})", chosen(series))));
            }
        }
    }
    all
}

#[test]
fn each_query_of_the_dashboards_finds_something() {
    if !has("prometheus", &["--version"], "install Debian's prometheus") {
        return;
    }
    let service = Example::start();
    let server = Server::prometheus(service.1, "groups: []\n");
    let found = |query: &str| -> Result<usize, String> {
        let answer = get(server.address, &format!("/api/v1/query?query={}", encoded(query)));
        let json: Value = serde_json::from_str(&answer.text()).map_err(|error| error.to_string())?;
        match json["data"]["result"].as_array() {
            Some(series) => Ok(series.len()),
            None => Err(answer.text()),
        }
    };
    let mut left = queries();
    assert!(left.len() > 80, "{}", left.len());
    until("each query to find something", || {
        left.retain(|(title, query)| match found(query) {
            Ok(series) => series == 0 && !ABSENT.iter().any(|name| query.contains(name)),
            Err(error) => panic!("{title}: {query}: {error}"),
        });
        if !left.is_empty() {
            eprintln!("{} find nothing yet, such as {:?}", left.len(), left[0]);
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
        left.is_empty()
    });
}

/// Checks each dashboard of a folder, and the options of each panel, against Grafana's published
/// types. Prints a line for each dashboard.
const CHECK: &str = r"
const { createGenerator } = require('ts-json-schema-generator');
const Ajv = require('ajv');
const fs = require('fs'), path = require('path');
const types = path.join(path.dirname(require.resolve('@grafana/schema/package.json')), 'dist/types/raw');
const ajv = new Ajv({ strict: false, allErrors: true });
const checks = new Map();
const check = (file, type, value, where) => {
  const key = file + type;
  if (!checks.has(key)) {
    const config = { path: path.join(types, file), type, skipTypeCheck: true, additionalProperties: false };
    checks.set(key, ajv.compile(createGenerator(config).createSchema(type)));
  }
  if (!checks.get(key)(value)) {
    const errors = checks.get(key).errors.map(error => `${error.instancePath} ${error.message}`);
    throw new Error(`${where}: ${errors.slice(0, 5).join('; ')}`);
  }
};
const [folder] = process.argv.slice(1);
for (const name of fs.readdirSync(folder).filter(name => name.endsWith('.json')).sort()) {
  const dashboard = JSON.parse(fs.readFileSync(path.join(folder, name)));
  check('dashboard/x/types.gen.d.ts', 'Dashboard', dashboard, name);
  for (const panel of dashboard.panels) {
    const file = `composable/${panel.type}/panelcfg/x/types.gen.d.ts`;
    check(file, 'Options', panel.options, `${name}, ${panel.title}, options`);
    if (panel.type === 'timeseries') {
      check(file, 'FieldConfig', panel.fieldConfig.defaults.custom, `${name}, ${panel.title}, fields`);
    }
  }
  console.log(name, dashboard.panels.length);
}
";

#[test]
fn grafana_knows_the_panels() {
    let modules = "require('ts-json-schema-generator'); require('@grafana/schema/package.json'); require('ajv')";
    if !has("node", &["-e", modules], "npm install ajv @grafana/schema ts-json-schema-generator, and set NODE_PATH") {
        return;
    }
    let check = |folder: &Path| Command::new("node").args(["-e", CHECK, "--"]).arg(folder).output().unwrap();
    let output = check(&folder());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().count(), DASHBOARDS.len(), "{said}");
    // What Grafana does not know is refused.
    let other = std::env::temp_dir().join(format!("perf-sdk-test-{}-grafana", std::process::id()));
    fs::create_dir_all(&other).unwrap();
    let text = fs::read_to_string(folder().join("overview.json")).unwrap();
    fs::write(other.join("wrong.json"), text.replace("\"colorMode\"", "\"colourMode\"")).unwrap();
    let output = check(&other);
    fs::remove_dir_all(&other).unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("wrong.json"));
}
