//! Changes of alerts are posted to a webhook and to an Alertmanager.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use perf_sdk::alert::AlertRules;
use perf_sdk_tests::http::get;
use perf_sdk_tests::{has, run, until};

use super::receiver::{Act, Receiver, Request};

const TARGETS: &str = env!("CARGO_BIN_EXE_targets");
const TAKE: Act = Act::Answer(200, "");

/// A program with an alert that fires and is over. Returns what it said of deliveries.
fn notified(place: &str, url: &str) -> String {
    let names = [("PERF_PUSH_NAME", "shop"), ("PERF_PUSH_LABELS", "version=1.2")];
    let output = run(TARGETS, "notifies", &[&names[..], &[(place, url)]].concat());
    String::from_utf8(output.stdout).unwrap()
}

fn texts(requests: &[Request]) -> Vec<String> {
    let taken = requests.iter().filter(|request| request.is_taken);
    taken.map(|request| String::from_utf8(request.body.clone()).unwrap()).collect()
}

#[test]
fn a_webhook_is_told_in_the_form_of_alertmanager() {
    let receiver = Receiver::start(|_| TAKE);
    assert_eq!(notified("PERF_ALERT_WEBHOOK", &receiver.url("/hook")), "webhook 2 0 0\n");
    let requests = receiver.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.path == "/hook"), "{requests:?}");
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    let bodies = texts(&requests);
    for (body, status) in bodies.iter().zip(["firing", "resolved"]) {
        for part in [
            "\"version\":\"4\"",
            &format!("\"status\":\"{status}\",\"receiver\":\"perf-sdk\""),
            "\"labels\":{\"alertname\":\"many jobs\",\"service\":\"shop\",\"severity\":\"critical\",\"version\":\"1.2\"}",
            "\"annotations\":{\"bundle\":\"shop-evidence-",
            ".tar.gz\",\"evidence\":\"queue_depth is 9 over 1m, which is > 5\",\"summary\":\"Start more workers.\"}",
            "\"generatorURL\":\"http://127.0.0.1:",
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
    }
    assert!(bodies[0].contains("\"endsAt\":\"0001-01-01T00:00:00Z\""), "{bodies:?}");
}

#[test]
fn a_webhook_that_fails_is_told_later_and_one_that_refuses_is_not() {
    let receiver = Receiver::start(|number| match number {
        0 => Act::Answer(503, "later"),
        1 => Act::Close,
        _ => TAKE,
    });
    assert_eq!(notified("PERF_ALERT_WEBHOOK", &receiver.url("")), "webhook 2 0 0\n");
    let statuses: Vec<bool> =
        texts(&receiver.requests()).iter().map(|body| body.contains("\"status\":\"firing\",\"rec")).collect();
    assert_eq!(statuses, [true, false], "in their order, and each once");
    let receiver = Receiver::start(|_| Act::Answer(400, "no such thing"));
    let said = notified("PERF_ALERT_WEBHOOK", &receiver.url(""));
    assert_eq!(said, "webhook 0 2 0 answered 400: no such thing\n");
    assert_eq!(receiver.requests().len(), 2, "none is told twice");
}

/// A server that is ended when this drops.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// `command` gets the folder and the address.
    fn start(name: &str, files: &[(&str, &str)], command: impl FnOnce(&str, SocketAddr) -> Command) -> Self {
        let folder = std::env::temp_dir().join(format!("perf-sdk-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
        // Free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = command(folder.to_str().unwrap(), address);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { child, folder, address };
        until("the server to listen", || TcpStream::connect(address).is_ok());
        until("the server to be ready", || get(address, "/-/ready").status == 200);
        server
    }

    fn alertmanager() -> Self {
        let config = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n";
        Self::start("alertmanager", &[("alertmanager.yml", config)], |folder, address| {
            let mut command = Command::new("prometheus-alertmanager");
            command
                .arg(format!("--config.file={folder}/alertmanager.yml"))
                .arg(format!("--storage.path={folder}/data"))
                .arg(format!("--web.listen-address={address}"))
                .arg("--cluster.listen-address=");
            command
        })
    }

    pub(crate) fn prometheus(target: SocketAddr, rules: &str) -> Self {
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}\n\
             rule_files: [rules.yml]\n\
             scrape_configs: [{{job_name: perf, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
        );
        Self::start("prometheus", &[("prometheus.yml", &config), ("rules.yml", rules)], |folder, address| {
            let mut command = Command::new("prometheus");
            command
                .arg(format!("--config.file={folder}/prometheus.yml"))
                .arg(format!("--storage.tsdb.path={folder}/data"))
                .arg(format!("--web.listen-address={address}"));
            command
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn an_alertmanager_has_what_fires_and_lets_it_go_when_it_is_over() {
    if !has("prometheus-alertmanager", &["--version"], "install Debian's prometheus-alertmanager") {
        return;
    }
    let alertmanager = Server::alertmanager();
    // The program itself asks the Alertmanager.
    let said = notified("PERF_ALERTMANAGER", &format!("http://{}", alertmanager.address));
    let (told, counts) = said.split_once("\nalertmanager ").unwrap_or_else(|| panic!("{said}"));
    for part in [
        "\"labels\":{\"alertname\":\"many jobs\",\"service\":\"shop\",\"severity\":\"critical\",\"version\":\"1.2\"}",
        "\"evidence\":\"queue_depth is 9 over 1m, which is \\u003e 5\"",
        "\"state\":\"active\"",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(counts, "2 0 0\n");
    assert_eq!(get(alertmanager.address, "/api/v2/alerts").text().trim(), "[]", "it is over");
}

#[test]
fn a_prometheus_fires_the_same_rules() {
    if !has("prometheus", &["--version"], "install Debian's prometheus") {
        return;
    }
    const FIRING: &str = "process_threads > 0; rate(asked) > 1/s over 20s; error_ratio(asked) > 10% over 20s; p50(asked) > 100us over 20s";
    const QUIET: &str = "process_threads > 100000; error_ratio(asked) > 90% over 20s; p50(asked) > 1h over 20s";
    let all = format!("{FIRING}; {QUIET}");
    let names = |text: &str| -> BTreeSet<String> {
        AlertRules::parse(text, "test").unwrap().iter().map(|rule| rule.title()).collect()
    };
    let mut program = Command::new(TARGETS)
        .arg("errs")
        .env("PERF_ALERTS", &all)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(program.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address: SocketAddr = line.trim().strip_prefix("address ").unwrap().parse().unwrap();
    let mut rules = Vec::new();
    AlertRules::parse(&all, "test").unwrap().write_prometheus(&mut rules).unwrap();
    let server = Server::prometheus(address, std::str::from_utf8(&rules).unwrap());
    let fires = |text: &str, name: &str| {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        text.split("{\"labels\":").any(|alert| {
            alert.contains(&format!("\"alertname\":\"{}\"", name.replace('>', "\\u003e")))
                && alert.contains("\"state\":\"firing\"")
        })
    };
    let firing = names(FIRING);
    let mut last = String::new();
    until("both to fire", || {
        last = get(server.address, "/api/v1/alerts").text();
        let ours = get(address, "/metrics").text();
        firing.iter().all(|name| fires(&last, name)) && ours.matches("alertstate=\"firing\"").count() == firing.len()
    });
    assert!(names(QUIET).iter().all(|name| !fires(&last, name)), "{last}");
    drop(program.stdin.take());
    let mut said = String::new();
    out.read_to_string(&mut said).unwrap();
    assert!(program.wait().unwrap().success());
    assert_eq!(said.lines().map(str::to_owned).collect::<BTreeSet<_>>(), firing);
}
