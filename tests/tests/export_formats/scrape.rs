//! A real Prometheus server scrapes a real program.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use perf_sdk_tests::http;

use super::hostile::NAMES;
use super::tools::{accepts_names, has};

/// Long enough for a slow machine. The test ends when the answer has arrived.
const PATIENCE: Duration = Duration::from_secs(60);
const CALLS: u64 = 200;

#[test]
fn prometheus_stores_native_histograms_and_answers_from_them() {
    if !has("prometheus", &["--version"], "install Debian's prometheus")
        || !has("promtool", &["--version"], "install Debian's prometheus")
    {
        return;
    }
    let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).buckets("order_*", &[0.1, 0.25, 7.0]);
    let perf = perf.start().unwrap();
    metrics::describe_histogram!("order_seconds", "How long an order takes.");
    metrics::describe_histogram!("odd_values", "Of all kinds.");
    let orders = metrics::histogram!("order_seconds", "shop" => "a");
    // A tenth of the values in each range, from 0.02 to 20, and some special values.
    (0..CALLS).for_each(|n| orders.record(0.02 * 10_f64.powf(n as f64 * 3.0 / (CALLS - 1) as f64)));
    let odd = metrics::histogram!("odd_values");
    [0.0, -3.0, -0.5, 1e-30, 1e30].iter().for_each(|value| odd.record(*value));
    let document = http::get(perf.address().expect("an address"), "/metrics");
    accepts_names(&document.body);
    for _ in 0..CALLS {
        perf_sdk::record("scraped", Duration::from_micros(1_500), perf_sdk::Outcome::Ok);
    }
    // One unreadable name would fail the whole scrape.
    for name in NAMES {
        perf_sdk::record(name, Duration::from_micros(1_500), perf_sdk::Outcome::Ok);
    }
    for native in [true, false] {
        let between = Between::start(perf.address().expect("an address"));
        let server = Prometheus::start(between.address, native);
        let count = server.answer("function_calls_total{function=\"scraped\",result=\"ok\"}");
        assert_eq!(count, CALLS as f64, "native: {native}");
        let names = server.answer("count(function_calls_total{result=\"ok\"})");
        assert_eq!(names, (1 + NAMES.len()) as f64, "native: {native}");
        assert_eq!(server.answer(r#"function_calls_total{function="start\\u{1}of",result="ok"}"#), 1.0);
        if native {
            // 0.632 is the middle value on a logarithmic scale.
            let median = server.answer("histogram_quantile(0.5, order_seconds{shop=\"a\"})");
            assert!((median / 0.632_5 - 1.0).abs() <= 0.03, "{median}");
            assert_eq!(server.answer("histogram_count(order_seconds)"), CALLS as f64);
            assert_eq!(server.answer("histogram_count(odd_values)"), 5.0);
            let lower = server.answer("histogram_quantile(0.1, odd_values)");
            assert!((-3.1..=-2.9).contains(&lower), "{lower}");
        } else {
            let below = (0..CALLS).filter(|n| 0.02 * 10_f64.powf(*n as f64 * 3.0 / (CALLS - 1) as f64) <= 0.25).count();
            assert_eq!(server.answer("order_seconds_bucket{shop=\"a\",le=\"0.25\"}"), below as f64);
            assert_eq!(server.answer("count(order_seconds_bucket)"), 4.0);
        }
        let (median, buckets) = if native {
            (
                "histogram_quantile(0.5, function_calls_duration_seconds{function=\"scraped\"})",
                "histogram_count(function_calls_duration_seconds{function=\"scraped\"})",
            )
        } else {
            (
                "histogram_quantile(0.5, function_calls_duration_seconds_bucket{function=\"scraped\"})",
                "function_calls_duration_seconds_bucket{function=\"scraped\",le=\"0.0025\"}",
            )
        };
        assert_eq!(server.answer(buckets), CALLS as f64, "native: {native}");
        let median = server.answer(median);
        let error = if native { 0.012 } else { 0.7 };
        assert!((median / 0.001_5 - 1.0).abs() <= error, "native: {native}: {median}");
        let heads = between.heads();
        assert!(heads.contains("\r\ncontent-encoding: gzip\r\n"), "native: {native}: it was not compressed: {heads}");
    }
}

/// A proxy between Prometheus and the endpoint, which keeps the begin of the answers.
struct Between {
    address: SocketAddr,
    heads: Arc<Mutex<String>>,
}

impl Between {
    fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&heads);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(mut client), Ok(mut server)) = (client, TcpStream::connect(target)) else { return };
                let (mut asked, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || _ = std::io::copy(&mut asked, &mut to));
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || {
                    let mut bytes = [0; 4_096];
                    while let Ok(read @ 1..) = server.read(&mut bytes) {
                        if bytes.starts_with(b"HTTP/") {
                            *kept.lock().unwrap() += &String::from_utf8_lossy(&bytes[..read.min(600)]);
                        }
                        if client.write_all(&bytes[..read]).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> String {
        self.heads.lock().unwrap().to_ascii_lowercase()
    }
}

struct Prometheus {
    process: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Prometheus {
    fn start(target: SocketAddr, native: bool) -> Self {
        let folder = std::env::temp_dir().join(format!("perf-sdk-prometheus-{}-{native}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\n\
             scrape_configs: [{{job_name: perf, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
        );
        std::fs::write(&config, text).unwrap();
        // Prometheus does not accept port 0. If another program takes this port in between, the
        // test fails with a message.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap();
        let process = Self::command(&config, &folder, address, native).spawn().unwrap();
        Self { process, folder, address }
    }

    fn command(config: &Path, folder: &Path, address: SocketAddr, native: bool) -> Command {
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap());
        if native {
            command.arg("--enable-feature=native-histograms");
        }
        command
    }

    /// Waits for the result of `query`, and returns the value of its only series.
    fn answer(&self, query: &str) -> f64 {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = format!(
            "GET /api/v1/query?query={encoded} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        let end = Instant::now() + PATIENCE;
        let mut last = String::new();
        while Instant::now() < end {
            if let Ok(stream) = std::net::TcpStream::connect(self.address)
                && let Ok(answer) = http::exchange(stream, &request)
            {
                last = answer.text();
                // The answer is {"status":"success","data":{"resultType":"vector",
                // "result":[{"metric":{…},"value":[time,"200"]}]}}.
                if let Some((_, value)) = last.split_once("\"value\":[")
                    && let Some(value) = value.split('"').nth(1)
                {
                    return value.parse().unwrap();
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("no answer to {query}: {last}\n{log}");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
