//! Sessions of the Model Context Protocol, on the pipes of the server, beside real programs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use perf_sdk_tests::eventually;
use serde_json::{Value, json};

use super::watched::{COMMAND_LINE, Watched};

/// A client, and the server that it started.
struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    last: u64,
}

impl Session {
    fn start(endpoint: &str) -> Self {
        let mut child = Command::new(COMMAND_LINE)
            .args(["mcp", endpoint])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("a pipe")));
        let mut session = Self { child, input, output, last: 0 };
        let client = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let answer = session.ask("initialize", &client);
        assert_eq!(answer["result"]["serverInfo"]["name"], "perf-sdk", "{answer}");
        assert!(answer["result"]["capabilities"]["tools"].is_object(), "{answer}");
        assert!(
            answer["result"]["instructions"].as_str().is_some_and(|text| text.contains("Begin with status")),
            "{answer}"
        );
        session.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        session
    }

    fn write(&mut self, message: &Value) {
        writeln!(self.input.as_mut().expect("an open pipe"), "{message}").expect("a reader");
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": parameters}));
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).expect("a line") > 0, "the server has ended");
            let message: Value = serde_json::from_str(&line).expect("JSON");
            if message["id"] == self.last {
                return message;
            }
        }
    }

    /// The text of a tool's answer, and whether it is an error.
    fn call(&mut self, tool: &str, arguments: &Value) -> (String, bool) {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{tool}: {answer}"));
        (text.to_owned(), result["isError"] == true)
    }

    /// What a tool answers.
    fn said(&mut self, tool: &str, arguments: &Value) -> Value {
        let (text, is_error) = self.call(tool, arguments);
        assert!(!is_error, "{tool} {arguments}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{tool}: {error}: {text}"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_tool_answers_about_a_real_program() {
    let mut program = Watched::start(&[("PERF_TARGETS", "resident > 1KiB")]);
    program.obey("goes-on");
    let mut session = Session::start(&program.place);
    let tools = session.ask("tools/list", &json!({}))["result"]["tools"].clone();
    let tools = tools.as_array().expect("a list");
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    let expected = [
        "status",
        "functions",
        "targets",
        "alerts",
        "findings",
        "slowest_calls",
        "history",
        "flame",
        "memory",
        "queries",
        "changes",
    ];
    assert_eq!(names, expected);
    for tool in tools {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
        assert!(tool["inputSchema"]["type"] == "object" && tool["description"].is_string(), "{tool}");
    }
    // The first points of the history, and the first judgement.
    eventually(|| {
        let status = session.said("status", &json!({}));
        let is_there =
            status["most_cpu"].as_array().is_some_and(|rows| !rows.is_empty()) && status["targets"]["met"] == 1;
        if is_there { Ok(()) } else { Err(status.to_string()) }
    });
    let status = session.said("status", &json!({}));
    assert_eq!(
        (&status["process"]["program"], &status["process"]["pid"].to_string()),
        (&"watched".into(), &program.pid())
    );
    let functions = session.said("functions", &json!({"sort": "calls", "limit": 1, "of": "-1m"}));
    assert_eq!((functions["rows"].as_array().map(Vec::len), &functions["sorted_by"]), (Some(1), &"calls".into()));
    let targets = session.said("targets", &json!({}));
    assert_eq!(targets["targets"][0]["status"], "met");
    assert!(session.said("alerts", &json!({}))["alerts"].is_array());
    assert!(session.said("findings", &json!({}))["findings"].is_array());
    let slowest = session.said("slowest_calls", &json!({"limit": 2}));
    assert_eq!(
        (slowest["calls"].as_array().map(Vec::len), &slowest["calls"][0]["function"]),
        (Some(2), &"answer".into())
    );
    let history = eventually(|| {
        let history = session.said("history", &json!({"of": "calls", "function": "search", "steps": 20}));
        if history["series"][0]["latest"].is_number() { Ok(history) } else { Err(history.to_string()) }
    });
    assert!(
        history["series"][0]["labels"]["function"] == "search" && history["series"][0]["is_rate"] == true,
        "{history}"
    );
    let flame = session.said("flame", &json!({"weight": "calls", "limit": 1}));
    assert_eq!((&flame["unit"], flame["stacks"].as_array().map(Vec::len)), (&"count".into(), Some(1)), "{flame}");
    let flame = session.said("flame", &json!({"weight": "wall", "next": "200ms", "function": "search"}));
    assert!(flame["total"].is_number(), "{flame}");
    assert!(session.said("memory", &json!({}))["resident_bytes"].is_number());
    assert_eq!(session.said("queries", &json!({}))["all"], 0);
    let changes = session.said("changes", &json!({"now": "-2s", "was": "-4s..-2s"}));
    assert!(changes["least_steps"] == 8 && changes["changes"].is_array(), "{changes}");
    // The answers are compact.
    let (text, _) = session.call("functions", &json!({}));
    assert!(!text.contains('\n') && !text.contains("null"), "{text}");
}

#[test]
fn a_mistake_is_said_and_the_session_goes_on() {
    let program = Watched::start(&[]);
    let mut session = Session::start(&program.place);
    let answer = session.ask("tools/call", &json!({"name": "delete_everything", "arguments": {}}));
    let said = answer["error"]["message"].as_str().expect("an error");
    assert!(said.contains("\"delete_everything\"; there are: status, functions"), "{answer}");
    for (tool, arguments, part) in [
        ("functions", json!({"sort": "speed"}), "sort is \"speed\"; allowed: self_cpu"),
        ("functions", json!({"limit": 1_000}), "allowed: a whole number from 1 to 100"),
        ("history", json!({"range": "yesterday"}), "range is \"yesterday\"; allowed: "),
        ("history", json!({"of": "nothing"}), "\"nothing\""),
        ("flame", json!({"next": "2h"}), "allowed: up to 60s"),
        ("changes", json!({"by": "tenant"}), "allowed: LABEL=A,B"),
        ("status", json!({"speed": 1}), "\"speed\" is not known; allowed: none"),
    ] {
        let (text, is_error) = session.call(tool, &arguments);
        assert!(is_error && text.contains(part), "{tool} {arguments}: {text}");
    }
    let place = program.place.clone();
    assert_eq!(session.said("status", &json!({}))["health"], "well");
    drop(program);
    let (text, is_error) = session.call("status", &json!({}));
    assert!(is_error && text.contains(&format!("cannot reach {place}")), "{text}");
    assert_eq!(session.ask("ping", &json!({}))["result"], json!({}), "the server goes on");
    // Its end is that of its input.
    drop(session.input.take());
    assert_eq!(session.child.wait().expect("an end").code(), Some(0));
}
