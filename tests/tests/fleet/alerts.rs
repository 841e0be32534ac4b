//! Changes of alerts are posted to a webhook and to an Alertmanager.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

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
            "\"annotations\":{\"evidence\":\"queue_depth is 9 over 1m, which is > 5\",\"summary\":\"Start more workers.\"}",
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

/// Ended when it drops.
struct Alertmanager {
    child: Child,
    folder: std::path::PathBuf,
    address: SocketAddr,
}

impl Alertmanager {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("perf-sdk-test-{}-alertmanager", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("alertmanager.yml");
        std::fs::write(&config, "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n").unwrap();
        // Free a moment ago.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let alertmanager = Self { child, folder, address };
        until("the Alertmanager to listen", || std::net::TcpStream::connect(address).is_ok());
        until("the Alertmanager to be ready", || get(address, "/-/ready").status == 200);
        alertmanager
    }
}

impl Drop for Alertmanager {
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
    let alertmanager = Alertmanager::start();
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
