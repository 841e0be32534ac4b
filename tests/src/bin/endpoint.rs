//! Scenarios of the endpoint, one in each process.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::Handle;
use perf_sdk::event::{Event, RateChange};
use perf_sdk_tests::http::{self, exchange, get};
use perf_sdk_tests::{PATIENCE, eventually, function, until};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let scenarios: &[(&str, fn())] = &[
        ("every_route_answers", every_route_answers),
        ("scrapes_are_as_snapshots", scrapes_are_as_snapshots),
        ("heap_profiles", heap_profiles),
        ("default_port_taken", default_port_taken),
        ("explicit_port_taken", explicit_port_taken),
        ("second_start", second_start),
        ("wrong_settings", wrong_settings),
        ("hosts_and_tokens", hosts_and_tokens),
        ("containers", containers),
        ("any_host", any_host),
        ("text_as_go_has_it", text_as_go_has_it),
        ("routes_of_go", routes_of_go),
        ("compressed", compressed),
        ("bad_requests", bad_requests),
        ("unix_socket", unix_socket),
        ("captures", captures),
        ("slow_clients", slow_clients),
        ("idle_clients", idle_clients),
        ("slow_heads", slow_heads),
        ("guarded_reads", guarded_reads),
        ("policies", policies),
        ("hostile_names", hostile_names),
        ("browser", browser),
        ("ambiguous_requests", ambiguous_requests),
        ("forked_child", forked_child),
        ("mounted", mounted),
        ("report", report),
        ("over_budget", over_budget),
        ("rests", rests),
        ("sampling", sampling),
        ("speaks", speaks),
        ("user_metrics", user_metrics),
        ("user_buckets", user_buckets),
        ("user_histograms_are_bounded", user_histograms_are_bounded),
        ("no_endpoint_takes_no_recorder", no_endpoint_takes_no_recorder),
        ("mounted_routes_have_the_user_s_metrics", mounted_routes_have_the_user_s_metrics),
        ("foreign_recorder", foreign_recorder),
    ];
    match scenarios.iter().find(|(known, _)| *known == name) {
        Some((_, scenario)) => scenario(),
        None => panic!("no scenario {name:?}"),
    }
}

fn started() -> (Handle, SocketAddr) {
    let handle = perf_sdk::builder().listen("127.0.0.1:0").report(false).start().expect("a start");
    let address = handle.address().expect("an address");
    (handle, address)
}

/// Everything that is printed to stderr: an unknown clock, which no start could report; an address;
/// the report.
fn speaks() {
    work();
    // SAFETY: there is no other thread yet.
    unsafe { std::env::remove_var("PERF_CPU_CLOCK") };
    let handle = perf_sdk::builder().listen("127.0.0.1:0").start().expect("a start");
    assert!(handle.address().is_some());
}

fn work() {
    perf_sdk::measure("outer", || {
        perf_sdk::measure("inner", || drop(std::hint::black_box(vec![0u8; 4_096])));
        thread::sleep(Duration::from_millis(1));
    });
}

/// A scrape reads functions piece by piece, a snapshot all at once: of what stands still they say
/// the same.
fn scrapes_are_as_snapshots() {
    use perf_sdk::export::{Exposition, Format};
    #[perf_sdk::profiled]
    fn fails() -> Result<(), String> {
        Err("no".to_owned())
    }
    #[perf_sdk::profiled(cpu = false, alloc = false)]
    fn times_only() {}
    #[perf_sdk::profiled]
    async fn waits() -> Vec<u8> {
        tokio::task::yield_now().await;
        vec![1; 100]
    }
    fn contends(lock: &perf_sdk::sync::Mutex<u32>) {
        perf_sdk::measure("contends", || *lock.lock().expect("no panic") += 1);
    }
    let (_handle, address) = started();
    let trace = || Some(perf_sdk::TraceContext { trace_id: [7; 16], span_id: [9; 8] });
    perf_sdk::set_trace_hook(trace);
    let connections = perf_sdk::watch_pool("connections");
    let lock = perf_sdk::sync::Mutex::new(0);
    let all = || {
        work();
        assert!(fails().is_err());
        times_only();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(waits()).len(), 100);
        perf_sdk::measure("checks out", || assert!(connections.checkout(|| Ok::<_, ()>(7), |()| false).is_ok()));
        contends(&lock);
    };
    let held = lock.lock().expect("no panic");
    thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(all)));
        until("all wait for the lock", || {
            perf_sdk::snapshot().functions.iter().any(|f| f.name == "contends" && f.running == 4)
        });
        drop(held);
    });
    // More functions than are written in one piece.
    for at in 0..50 {
        perf_sdk::measure(String::leak(format!("many {at}")), || ());
    }
    let open_metrics = "application/openmetrics-text; version=1.0.0";
    for (format, accept) in [(Format::Text, "text/plain"), (Format::OpenMetrics, open_metrics)] {
        let lines = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.starts_with("function_")).map(str::to_owned).collect()
        };
        let written = || {
            let mut text = Vec::new();
            Exposition::new().write(format, &perf_sdk::snapshot(), None, &mut text).expect("memory");
            lines(&String::from_utf8_lossy(&text))
        };
        let head = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        let scraped = eventually(|| {
            let (before, scraped, after) = (written(), lines(&http::request(address, &head).text()), written());
            if before != after {
                return Err("it does not stand still".to_owned());
            }
            // The budget may set a rate and take it back in between.
            match before.iter().zip(&scraped).find(|(expected, line)| expected != line) {
                Some((expected, line)) => Err(format!("{format:?}: {expected}, scraped: {line}")),
                None => Ok((before, scraped)),
            }
        });
        let (before, scraped) = scraped;
        for part in ["contends", "waits", "many 49", "instrument=\"connections\"", "result=\"error\"} 4"] {
            assert!(before.iter().any(|line| line.contains(part)), "{part}");
        }
        let is_traced = before.iter().any(|line| line.contains("# {trace_id=\"07070707"));
        assert_eq!(is_traced, format == Format::OpenMetrics);
        assert_eq!(before.len(), scraped.len());
    }
}

fn every_route_answers() {
    #[perf_sdk::profiled(root)]
    fn slow_request() {
        work();
    }

    let (_handle, address) = started();
    slow_request();
    for (route, content_type, part) in [
        ("/", "text/html; charset=utf-8", "assets/app.js"),
        ("/pages", "text/html; charset=utf-8", "outer"),
        ("/api/v1/overview?status=on", "application/json", "\"is_started\":true"),
        ("/api/v1/functions?q=INNER&sort=p99", "application/json", "\"name\":\"inner\""),
        ("/api/v1/function?name=inner", "application/json", "\"callers\":[{\"name\":\"outer\""),
        ("/assets/app.js", "text/javascript; charset=utf-8", "import"),
        ("/assets/icon.svg", "image/svg+xml", "<svg"),
        ("/metrics", "text/plain; version=0.0.4", "function_calls_total"),
        ("/flamegraph", "image/svg+xml", "inner"),
        ("/flamegraph?weight=bytes&function=inner", "image/svg+xml", "bytes of inner"),
        ("/folded?weight=calls", "text/plain; charset=utf-8", "outer;"),
        ("/speedscope", "application/json", "https://www.speedscope.app/file-format-schema.json"),
        ("/snapshot", "application/json", "\"name\":\"inner\""),
        ("/hlog", "text/plain; charset=utf-8", "HIST"),
        ("/debug/pprof/", "text/html; charset=utf-8", "allocs"),
        ("/leaks", "text/html; charset=utf-8", "leak"),
        ("/leaks?format=json", "application/json", "\"findings\":["),
        ("/debug/pprof/", "text/html", "<base href=\"../../\">"),
        ("/debug/pprof/", "text/html", "<a href=\"debug/fgprof\">fgprof</a>"),
        ("/debug/pprof/scopes", "application/octet-stream", ""),
        ("/debug/pprof/goroutine?debug=0", "application/octet-stream", ""),
        ("/debug/pprof/mutex", "application/octet-stream", ""),
        ("/debug/pprof/block?seconds=0.1", "application/octet-stream", ""),
        ("/debug/pprof/cmdline", "text/plain; charset=utf-8", "endpoint"),
        ("/debug/pprof/symbol?0x1+0x2", "text/plain; charset=utf-8", "num_symbols: 1\n"),
        ("/debug/pprof/profile?seconds=0.2", "application/octet-stream", ""),
        ("/debug/pprof/profile?seconds=0.2&names=off", "application/octet-stream", ""),
        ("/debug/pprof/allocs?names=off", "application/octet-stream", ""),
        ("/debug/fgprof?seconds=0.1", "application/octet-stream", ""),
        ("/debug/fgprof?seconds=0.1&format=folded&threads=endpoint*", "text/plain; charset=utf-8", ";"),
        ("/folded?weight=offcpu_samples&seconds=0.1&hz=50&threads=*", "text/plain; charset=utf-8", ";"),
        ("/flamegraph?weight=wall_samples&seconds=0.1", "image/svg+xml", "Wall time of all threads"),
        ("/speedscope?weight=wall_samples&seconds=0.1", "application/json", "\"name\":\"wall_samples\""),
        ("/slow", "text/html; charset=utf-8", "slow_request"),
        ("/slow?format=text", "text/plain; charset=utf-8", "outer: "),
        (
            "/slow?format=perfetto&function=every_route_answers::slow_request",
            "application/octet-stream",
            "slow_request",
        ),
        ("/api/v1/slow", "application/json", "\"outcome\":\"ok\""),
        ("/healthz", "text/plain; charset=utf-8", "ok\n"),
        ("/assets/style.css", "text/css; charset=utf-8", "table"),
        ("/assets/sort.js", "text/javascript; charset=utf-8", "sort"),
    ] {
        // On a loaded machine, a tenth of a second may contain no sample.
        let is_short = route.contains("seconds=");
        let answer = eventually(|| {
            let answer = get(address, route);
            let is_there = answer.status == 200 && answer.text().contains(part);
            assert!(is_there || is_short, "{route}: {}", answer.text());
            if is_there { Ok(answer) } else { Err(format!("{route}: {}", answer.text())) }
        });
        assert!(answer.header("content-type").is_some_and(|t| t.starts_with(content_type)), "{route}: {}", answer.head);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let head = eventually(|| {
            let request = format!("HEAD {route} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            let head = http::request(address, &request);
            assert!(head.status == 200 || is_short, "{route}: {}", head.head);
            if head.status == 200 { Ok(head) } else { Err(format!("{route}: {}", head.head)) }
        });
        assert!(head.body.is_empty(), "{route}: {}", head.head);
    }
    // All links of the pages must exist.
    let pages = ["/", "/pages"].map(|page| get(address, page).text()).concat();
    for link in pages.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        if !link.contains("seconds=") {
            // This folder, of which they all are.
            let link = link.strip_prefix('.').unwrap_or(link);
            let answer = get(address, &format!("/{}", link.replace("&amp;", "&")));
            let is_empty = ["no profiled call", "no sample"].iter().any(|text| answer.text().contains(text));
            assert!(answer.status == 200 || is_empty, "{link}: {}", answer.text());
        }
    }
}

/// Headers, parameters and errors are those of Go's own server.
fn heap_profiles() {
    // Without a budget, which would reduce the number of samples on a loaded machine.
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).heap("4KiB").budget("off");
    let handle = builder.start().expect("a start");
    let address = handle.address().expect("an address");
    // The distance to the thread's next sample was drawn at jemalloc's initial rate. This
    // allocation is longer than that.
    drop(std::hint::black_box(vec![1_u8; 64 << 20]));
    let held: Vec<Vec<u8>> = perf_sdk::measure("keeper", || (0..100).map(|_| vec![1_u8; 64 << 10]).collect());
    assert!(function(&handle.snapshot(), "keeper").live.is_some_and(|live| live.bytes > 6 << 20));
    for route in
        ["/debug/pprof/heap", "/debug/pprof/heap?gc=1", "/debug/pprof/allocs?debug=0", "/debug/pprof/heap?seconds=0.1"]
    {
        let answer = get(address, route);
        assert_eq!(answer.status, 200, "{route}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert_eq!(
            (answer.header("content-encoding"), answer.header("x-content-type-options")),
            (None, Some("nosniff"))
        );
        assert!(answer.header("content-disposition").is_some_and(|value| value.starts_with("attachment")), "{route}");
        assert_eq!(answer.body[..2], [0x1f, 0x8b], "gzip");
    }
    for (route, part) in
        [("/debug/pprof/heap?debug=-1", "allowed: 0"), ("/debug/pprof/allocs?second=1", "seconds, gc, debug")]
    {
        let answer = get(address, route);
        assert_eq!((answer.status, answer.header("x-go-pprof")), (400, Some("1")), "{route}");
        assert!(answer.text().contains(part), "{route}: {}", answer.text());
    }
    assert!(get(address, "/flamegraph?weight=live").text().contains("keeper"));
    let dhat = get(address, "/dhat");
    assert_eq!((dhat.status, dhat.header("content-type")), (200, Some("application/json")));
    assert!(dhat.text().starts_with("{\"dhatFileVersion\":2,") && dhat.text().contains("keeper"), "{}", dhat.text());
    let profile = perf_sdk::snapshot::HeapProfile::take().expect("the heap is sampled");
    let path = profile.paths.iter().find(|path| path.frames.last().is_some_and(|frame| frame.name == "keeper"));
    let path = path.expect("it holds memory");
    assert!(path.max_bytes >= path.live_bytes && path.peak_bytes >= 6 << 20 && path.lifetime_s > 0.0, "{path:?}");
    assert!(path.total_bytes >= path.max_bytes && profile.peak_at_ns > 0, "{path:?}");
    drop(held);
}

fn default_port_taken() {
    // The port is in use, by this listener or by another process.
    let taken = TcpListener::bind("127.0.0.1:9464");
    let handle = perf_sdk::builder().report(false).start().expect("recording starts without the endpoint");
    assert_eq!(handle.address(), None);
    work();
    assert_eq!(function(&handle.snapshot(), "outer").calls.ok, 1);
    if taken.is_ok() {
        drop(taken);
        // Tests of another build may bind the port next.
        until("the port to be free", || handle.address().is_some());
        let address = handle.address().expect("serving begins when the port is free");
        assert_eq!(get(address, "/healthz").status, 200);
    }
}

fn explicit_port_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address");
    let error = perf_sdk::builder().listen(address).start().expect_err("the address is taken").to_string();
    assert!(error.contains(&address.to_string()), "{error}");
    // The profiler can still start with another address.
    drop(started());
}

fn second_start() {
    let (first, address) = started();
    let second =
        perf_sdk::builder().listen("127.0.0.1:0").report(false).start().expect("a second start with the same settings");
    assert_eq!(second.address(), Some(address));
    let error = perf_sdk::builder().listen("127.0.0.1:0").report(true).start().expect_err("another one").to_string();
    assert!(error.contains("report") && error.contains("false") && error.contains("true"), "{error}");
    drop(first);
    assert_eq!(get(address, "/healthz").status, 200, "the second handle keeps it open");
    drop(second);
    assert!(TcpStream::connect(address).is_err(), "the last handle closes it");
    let (_third, again) = started();
    assert_eq!(get(again, "/healthz").status, 200);
}

fn wrong_settings() {
    let error = perf_sdk::start().expect_err("PERF_LISTEN is wrong").to_string();
    print!("{error}");
}

fn sampling() {
    let token = "a-token-of-some-length";
    let one_in_four = "1/4".parse().expect("a rate");
    // Without a budget, which would reduce the sampling of the live heap on a loaded machine.
    let builder = perf_sdk::builder().listen("127.0.0.1:0").token(token).report(false).budget("off");
    let handle = builder.sample("*", one_in_four).sample("*::kept", perf_sdk::Rate::ALWAYS).start().expect("a start");
    let address = handle.address().expect("an address");
    #[perf_sdk::profiled]
    fn sampled() {}
    #[perf_sdk::profiled]
    fn kept() {}
    let calls = |n: u32| (0..n).for_each(|_| (sampled(), kept()).1);
    let samples = |name: &str| {
        let seen = handle.snapshot();
        let it = function(&seen, &format!("sampling::{name}"));
        (it.calls.ok, it.samples)
    };
    calls(400);
    assert_eq!((samples("sampled"), samples("kept")), ((400, 100), (400, 400)));
    let wall = function(&handle.snapshot(), "sampling::sampled").wall.count();
    assert_eq!(wall, 400, "a measured call represents its block");
    let text = get(address, "/metrics").text();
    let line = |start: &str| {
        text.lines().find(|line| line.starts_with(start) && line.contains("::sampled\"")).map(str::to_owned)
    };
    assert!(line("function_sample_ratio{").is_some_and(|line| line.ends_with(" 0.25")), "{text}");
    assert!(line("function_samples_total{").is_some_and(|line| line.ends_with(" 100")), "{text}");

    let post = |query: &str, more: &str| {
        let head =
            format!("POST /api/v1/settings?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
        http::request(address, &head)
    };
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(post("sample=*::sampled=never", "").status, 401);
    calls(40);
    assert_eq!(samples("sampled"), (440, 110), "nothing changed without the token");
    let answer = post("sample=*::sampled=never", &bearer);
    assert_eq!((answer.status, answer.text().as_str()), (200, "sample: 1 annotated places changed their rate\n"));
    calls(60);
    assert_eq!((samples("sampled"), samples("kept")), ((500, 110), (500, 500)));
    assert_eq!(post("sample=*::sampled%3Ddefault", &bearer).status, 200);
    calls(60);
    assert_eq!(samples("sampled").1, 170, "as the attribute says: every call");
    assert_eq!(handle.set_sampling("*::sampled", "50%".parse().ok()), 1);
    calls(60);
    assert_eq!((samples("sampled"), samples("kept")), ((620, 200), (620, 620)));
    for (query, part) in [
        ("sample=always", "a pattern"),
        ("sample=*", "a rate"),
        ("sample=*=often", "1/4096"),
        ("sample=*=1/5000", "1/5000"),
        ("samples=*=never", "samples"),
        ("", "enabled, sample, heap"),
        ("budget=2%", "allowed: while the profiler runs: enabled, sample, heap"),
        ("enabled=off&heap=3MiB", "power of two"),
        ("heap=1MiB&heap=2MiB", "\"heap\" is given twice"),
    ] {
        let answer = post(query, &bearer);
        assert!(answer.status == 400 && answer.text().contains(part), "{query}: {}", answer.text());
    }
    assert!(handle.is_recording(), "all changes or none");

    let switch = |state: &str, more: &str| {
        let head = format!(
            "POST /api/v1/settings?enabled={state} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"
        );
        http::request(address, &head).status
    };
    assert_eq!(switch("off", ""), 401);
    assert!(handle.is_recording());
    assert_eq!((switch("off", &bearer), handle.is_recording()), (200, false));
    calls(60);
    assert_eq!((samples("sampled"), samples("kept")), ((620, 200), (620, 620)), "not even counted");
    assert_eq!((switch("on", &bearer), switch("maybe", &bearer)), (200, 400));
    calls(60);
    assert_eq!((samples("sampled").0, samples("kept")), (680, (680, 680)));

    let heap = |size: &str, more: &str| {
        let head =
            format!("POST /api/v1/settings?heap={size} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
        http::request(address, &head)
    };
    assert_eq!(heap("2MiB", "").status, 401);
    let answer = heap("2MiB", &bearer);
    assert_eq!((answer.status, answer.text().as_str()), (200, "heap: sampling of the live heap: on\n"));
    assert_eq!(handle.snapshot().heap.map(|heap| heap.sample_bytes), Some(2 << 20));
    let answer = heap("3MiB", &bearer);
    assert!(answer.status == 400 && answer.text().contains("power of two"), "{}", answer.text());
    let settings = || {
        let answer = get(address, "/api/v1/settings");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        answer.text()
    };
    let holds = |part: &str| {
        let all = settings();
        assert!(all.contains(part), "no {part} in {all}");
    };
    holds(r#"{"key":"heap","variable":"PERF_HEAP","value":"2MiB","#);
    let both = post("heap=off&enabled=off", &bearer).text();
    assert_eq!(both, "heap: sampling of the live heap: off\nenabled: not recording\n");
    holds(r#"{"key":"heap","variable":"PERF_HEAP","value":"off","#);
    holds(
        r#"{"key":"enabled","variable":"PERF_ENABLED","value":"false","default":"true","place":"changed while it runs","changes":true}"#,
    );
    holds("*::sampled=1/2");
    holds(r#"{"key":"token","variable":"PERF_TOKEN","value":"…","#);
    holds(
        r#"{"key":"push_tenant","variable":"PERF_PUSH_TENANT","value":null,"default":"none","place":null,"changes":false}"#,
    );
    holds(
        r#"{"key":"report","variable":"PERF_REPORT","value":"false","default":"true","place":"report()","changes":false}"#,
    );
    assert!(!settings().contains(token));
    // Guarded as other reads are: no other page may have it.
    let head = "GET /api/v1/settings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    assert_eq!(http::request(address, &format!("{head}Sec-Fetch-Site: cross-site\r\n\r\n")).status, 403);
    handle.set("enabled", "on").expect("a setting that changes");
    assert!(handle.is_recording());
}

fn hosts_and_tokens() {
    let token = "a-token-of-some-length";
    let handle = perf_sdk::builder()
        .listen("127.0.0.1:0")
        .allow_host("pod-7.internal")
        .token(token)
        .report(false)
        .start()
        .expect("a start");
    let address = handle.address().expect("an address");
    let ask = |method: &str, host: &str, more: &str| {
        http::request(
            address,
            &format!("{method} /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"),
        )
    };
    for host in ["localhost", "127.0.0.1", "pod-7.internal:9464", &address.to_string()] {
        assert_eq!(ask("GET", host, "").status, 200, "{host}");
    }
    let refused = ask("GET", "evil.example", "");
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("evil.example") && refused.text().contains("PERF_ALLOW_HOSTS"),
        "{}",
        refused.text()
    );
    let no_host = http::request(address, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(no_host.status, 400);
    let change = |method: &str, more: &str| {
        let head = format!("{method} /api/v1/settings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        http::request(address, &format!("{head}{more}\r\n"))
    };
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        assert_eq!(change(method, "").status, 401, "{method}");
        assert_eq!(change(method, "Authorization: Bearer wrong-token-of-length\r\n").status, 401);
        let allowed = change(method, &format!("Authorization: Bearer {token}\r\n")).status;
        assert_eq!(allowed, if method == "POST" { 400 } else { 405 }, "{method}");
        // Nothing can be changed at that address, with or without a token.
        assert_eq!(ask(method, "localhost", "").status, 405, "{method}");
        assert_eq!(ask(method, "localhost", &format!("Authorization: Bearer {token}\r\n")).status, 405);
    }
    drop(handle);

    // On an address that other machines can reach, reads also need the token.
    let handle = perf_sdk::builder().listen("0.0.0.0:0").token(token).report(false).start().expect("a start");
    let port = handle.address().expect("an address").port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(get(address, "/metrics").status, 401);
    let with = format!(
        "GET /healthz HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(http::request(address, &with).status, 200);
    drop(handle);

    let error = perf_sdk::builder().listen("0.0.0.0:0").start().expect_err("unprotected").to_string();
    assert!(error.contains("PERF_TOKEN") && error.contains("PERF_ALLOW_REMOTE"), "{error}");
}

/// A request with this `Host` header, sent to a loopback address.
fn as_host(port: u16, host: &str, more: &str) -> http::Answer {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
    http::request(SocketAddr::from(([127, 0, 0, 1], port)), &request)
}

fn own_host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name").trim().to_owned()
}

/// A container's endpoint is called by the pod's address, by the address of a port forwarder, and
/// by the container's name.
fn containers() {
    let token = "a-token-of-some-length";
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let start = |builder: perf_sdk::Builder| builder.report(false).start().expect("a start");
    let own = own_host_name();
    for (builder, more) in [
        (perf_sdk::builder().listen("0.0.0.0:0").token(token), bearer.as_str()),
        (perf_sdk::builder().listen("0.0.0.0:0").allow_remote(true), ""),
        (perf_sdk::builder().listen("127.0.0.1:0").allow_host("*.shop.svc"), ""),
    ] {
        let handle = start(builder);
        let port = handle.address().expect("an address").port();
        for host in ["10.244.3.17:9464", "[fd00::17]:9464", "203.0.113.9", &own, &own.to_uppercase(), "localhost."] {
            let answer = as_host(port, host, more);
            assert_eq!(answer.status, 200, "{host}: {}", answer.text());
        }
        for host in ["cart.shop.svc.cluster.local:9464", "evil.example", &format!("{own}.evil.example")] {
            let refused = as_host(port, host, more);
            assert_eq!(refused.status, 403, "{host}");
            assert!(refused.text().contains("PERF_ALLOW_HOSTS"), "{}", refused.text());
        }
        let is_named = handle.address().is_some_and(|address| address.ip().is_loopback());
        assert_eq!(as_host(port, "cart.shop.svc:9464", more).status, if is_named { 200 } else { 403 });
        // The unspecified address reaches a loopback endpoint too, and browsers do not say which
        // page requests it.
        assert_eq!(as_host(port, "0.0.0.0", more).status, if is_named { 403 } else { 200 });
        drop(handle);
    }
}

/// With `PERF_ALLOW_HOSTS=*`.
fn any_host() {
    let (_handle, address) = started();
    for host in ["cart.shop.svc.cluster.local:9464", "evil.example", "0.0.0.0"] {
        assert_eq!(as_host(address.port(), host, "").status, 200, "{host}");
    }
    let page = as_host(address.port(), "cart.shop.svc:9464", "Origin: http://evil.example\r\n");
    assert_eq!(page.status, 403, "any host is allowed, but not any origin");
}

/// The text format of `?debug=1` on the routes of Go's `net/http/pprof`, which Go's own reader must
/// accept.
fn text_as_go_has_it() {
    // Without a budget, which would reduce the number of samples on a loaded machine.
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).heap("4KiB").budget("off");
    let handle = builder.start().expect("a start");
    let address = handle.address().expect("an address");
    drop(std::hint::black_box(vec![1_u8; 64 << 20]));
    let held: Vec<Vec<u8>> = perf_sdk::measure("keeper", || (0..100).map(|_| vec![1_u8; 64 << 10]).collect());
    let lock = std::sync::Arc::new(perf_sdk::sync::Mutex::new(0));
    perf_sdk::measure("holder", || {
        let locked = lock.lock().expect("no panic");
        let other = std::sync::Arc::clone(&lock);
        let waits = thread::spawn(move || perf_sdk::measure("waiter", || *other.lock().expect("no panic") += 1));
        until("the other thread to wait", || {
            handle.snapshot().functions.iter().any(|f| f.name == "waiter" && f.running > 0)
        });
        thread::sleep(Duration::from_millis(20));
        drop(locked);
        waits.join().expect("no panic");
    });
    let go = perf_sdk_tests::has("go", &["tool", "pprof", "-h"], "install Debian's golang-go");
    perf_sdk::measure("running", || {
        let ends = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                perf_sdk::measure("busy", || {
                    while !ends.load(Relaxed) {
                        perf_sdk_tests::burn(Duration::from_millis(2));
                        thread::sleep(Duration::from_millis(6));
                    }
                });
            });
            let end = End(&ends);
            for (route, begins, parts, type_shown) in [
                ("heap", "heap profile: ", &["keeper", "\n#\t0x", "endpoint.rs:"][..], "inuse_space"),
                ("allocs", "heap profile: ", &["keeper"], "alloc_space"),
                ("mutex", "--- mutex:\ncycles/second=1000000000\nsampling period=1\n", &["holder"], "delay"),
                ("block", "--- contention:\ncycles/second=1000000000\n", &["waiter"], "delay"),
                ("goroutine", "goroutine profile: total ", &["1 @ 0x", "running", "busy"], "goroutine"),
                ("profile", "cpu profile: total ", &["endpoint.rs:", "busy"], "cpu"),
            ] {
                let window = if route == "profile" { "&seconds=1" } else { "" };
                for debug in [1, 2] {
                    let target = format!("/debug/pprof/{route}?debug={debug}{window}");
                    let answer = eventually(|| {
                        let answer = get(address, &target);
                        let text = answer.text();
                        assert_eq!(answer.status, 200, "{target}: {text}");
                        if parts.iter().all(|part| text.contains(part)) { Ok(answer) } else { Err(text) }
                    });
                    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{target}");
                    assert_eq!(answer.header("content-disposition"), None, "a browser shows it");
                    assert!(answer.text().starts_with(begins), "{target}: {}", answer.text());
                }
                if go {
                    // Go's reader gets addresses only, and asks for their names by POST.
                    let url = format!("http://{address}/debug/pprof/{route}?debug=1{window}");
                    let top = std::process::Command::new("go")
                        .args(["tool", "pprof", "-top", "-cum", "-nodefraction=0", "-symbolize=remote", "-unit=MB"])
                        .args([&format!("-sample_index={type_shown}"), &url])
                        .output()
                        .expect("the file exists");
                    let said = String::from_utf8_lossy(&top.stdout).into_owned();
                    let complained = String::from_utf8_lossy(&top.stderr).into_owned();
                    assert!(top.status.success(), "{route}: {said}\n{complained}");
                    let name = match route {
                        "heap" | "allocs" => "text_as_go_has_it",
                        "profile" => "burn",
                        "mutex" => "holder",
                        "block" => "waiter",
                        _ => "running",
                    };
                    assert!(said.contains(name), "{route}: {said}\n{complained}");
                    if route == "heap" {
                        // 6.25 MiB are live.
                        let total = said.split("of ").nth(1).and_then(|rest| rest.split("MB total").next());
                        let total: f64 =
                            total.and_then(|mb| mb.trim().parse().ok()).unwrap_or_else(|| panic!("{said}"));
                        assert!((5.5..9.0).contains(&total), "{said}");
                    }
                }
            }
            drop(end);
        });
    });
    for (target, parts) in [
        ("/debug/pprof/heap?debug=x", &["debug", "\"x\"", "allowed: 0 for", "1 or 2 for text"][..]),
        ("/debug/pprof/scopes?debug=1", &["debug", "\"1\"", "allowed: 0", "/folded"]),
        ("/debug/fgprof?debug=1", &["debug", "\"1\"", "allowed: 0", "format=folded"]),
        ("/debug/pprof/heap?names=none", &["names", "\"none\"", "allowed: on, off"]),
    ] {
        let answer = get(address, target);
        assert_eq!((answer.status, answer.header("x-go-pprof")), (400, Some("1")), "{target}");
        assert!(parts.iter().all(|part| answer.text().contains(part)), "{target}: {}", answer.text());
    }
    drop(held);
}

/// The other routes of Go's server, and what is offered instead.
fn routes_of_go() {
    let (_handle, address) = started();
    work();
    let moved = get(address, "/debug/pprof?debug=1");
    assert_eq!((moved.status, moved.header("location")), (301, Some("/debug/pprof/?debug=1")));
    for (route, instead) in [("threadcreate", "/debug/pprof/goroutine"), ("trace?seconds=1", "/debug/fgprof")] {
        let answer = get(address, &format!("/debug/pprof/{route}"));
        assert_eq!((answer.status, answer.header("x-go-pprof")), (501, Some("1")), "{route}: {}", answer.text());
        assert!(answer.text().contains(instead), "{route}: {}", answer.text());
    }
    let probe = http::request(address, "GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!((probe.status, probe.text().as_str()), (200, "ok\n"));
    let probe = http::request(address, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(probe.status, 400, "HTTP/1.1 requires a Host header");
    let ask = |method: &str, target: &str, body: &str| {
        let length = body.len();
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        http::request(address, &format!("{head}Content-Length: {length}\r\n\r\n{body}"))
    };
    for (method, target, allowed) in [
        ("POST", "/metrics", "GET, HEAD"),
        ("PUT", "/", "GET, HEAD"),
        ("DELETE", "/debug/pprof/heap", "GET, HEAD"),
        ("PUT", "/debug/pprof/symbol", "GET, HEAD, POST"),
    ] {
        let answer = ask(method, target, "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{target}: {}", answer.text());
        let sentence = format!("{method} is not allowed at {target}; allowed: {allowed}\n");
        assert_eq!(answer.text(), sentence);
    }
    // What changes something needs the token, before anything else is said about it.
    assert_eq!(ask("POST", "/api/v1/settings?heap=off", "").status, 401);
    assert_eq!(ask("POST", "/nowhere", "").status, 401);
    let address_of_code = format!("{:#x}", work as fn() as usize + 1);
    for answer in [
        ask("POST", "/debug/pprof/symbol", &format!("0x1+{address_of_code}")),
        get(address, &format!("/debug/pprof/symbol?0x1+{address_of_code}")),
    ] {
        let text = answer.text();
        assert!(answer.status == 200 && text.starts_with("num_symbols: 1\n") && text.contains("work"), "{text}");
    }
    // The declared length is refused, before the body was sent.
    let head = format!("POST /debug/pprof/symbol HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    assert_eq!(http::request(address, &format!("{head}Content-Length: 300000\r\n\r\n0x1")).status, 413);
}

/// All forms of `Accept-Encoding`. `HEAD` has the same headers as `GET`, without the body.
fn compressed() {
    use std::io::Read as _;
    let (_handle, address) = started();
    // The text is longer than the buffer in which it is written.
    for n in 0..200 {
        perf_sdk::record(format!("function {n} of many").leak(), Duration::from_micros(n), perf_sdk::Outcome::Ok);
    }
    work();
    let request = |method: &str, target: &str, more: &str| {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n");
        http::request(address, &head)
    };
    let unzipped = |answer: &http::Answer| {
        let mut plain = String::new();
        // One gzip member, with nothing after it.
        let mut reader = flate2::bufread::GzDecoder::new(answer.body.as_slice());
        reader.read_to_string(&mut plain).unwrap_or_else(|error| panic!("{error}: {}", answer.head));
        assert!(reader.into_inner().is_empty(), "{}", answer.head);
        plain
    };
    let protobuf =
        "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n";
    for (target, more, part) in [
        ("/metrics", "", "function_calls_total"),
        ("/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n", "# EOF"),
        ("/pages", "", "function 199 of many"),
        ("/flamegraph?weight=wall", "", "<svg"),
        ("/folded?weight=calls", "", "outer;"),
        ("/speedscope", "", "speedscope.app"),
        ("/snapshot", "", "\"name\":\"inner\""),
        ("/hlog", "", "HIST"),
        ("/assets/style.css", "", "table"),
        ("/debug/pprof/goroutine?debug=1", "", "goroutine profile: total"),
    ] {
        let plain = request("GET", target, more);
        assert_eq!((plain.status, plain.header("content-encoding")), (200, None), "{target}");
        let zipped = request("GET", target, &format!("{more}Accept-Encoding: gzip, deflate, br\r\n"));
        if plain.body.len() < 1_000 {
            assert_eq!(zipped.header("content-encoding"), None, "{target}: too small to compress");
        } else {
            assert_eq!(zipped.header("content-encoding"), Some("gzip"), "{target}: {}", zipped.head);
            assert!(
                zipped.body.len() * 10 < plain.body.len() * 6,
                "{target}: {} of {}",
                zipped.body.len(),
                plain.body.len()
            );
            assert!(unzipped(&zipped).contains(part), "{target}");
        }
        for answer in [&plain, &zipped] {
            let vary = answer.header("vary").unwrap_or_default();
            assert!(vary.contains("Accept-Encoding"), "{target}: {}", answer.head);
            assert_eq!(vary.split(", ").any(|name| name == "Accept"), target == "/metrics", "{target}: {vary}");
            if let Some(length) = answer.header("content-length") {
                assert_eq!(length.parse(), Ok(answer.body.len()), "{target}");
            }
        }
        let head = request("HEAD", target, &format!("{more}Accept-Encoding: gzip\r\n"));
        assert_eq!(head.header("content-encoding"), zipped.header("content-encoding"), "{target}");
        assert!(head.body.is_empty(), "{target}");
    }
    let families = request("GET", "/metrics", &format!("{protobuf}Accept-Encoding: gzip\r\n"));
    assert_eq!(families.header("content-encoding"), Some("gzip"));
    assert!(families.header("content-type").is_some_and(|is| is.starts_with("application/vnd.google.protobuf")));
    for (encodings, expected) in [
        ("gzip", Some("gzip")),
        ("GZIP;q=0.5", Some("gzip")),
        ("x-gzip", Some("gzip")),
        ("*", Some("gzip")),
        ("identity;q=0, *", Some("gzip")),
        ("br, gzip ; q=0.001", Some("gzip")),
        ("gzip;q=0", None),
        ("*;q=0, identity", None),
        ("identity, gzip;q=0.5", None),
        ("gzip;q=0, *", None),
        ("br, zstd", None),
        ("gzip;q=nonsense", None),
        ("", None),
    ] {
        let answer = request("GET", "/metrics", &format!("Accept-Encoding: {encodings}\r\n"));
        assert_eq!((answer.status, answer.header("content-encoding")), (200, expected), "{encodings:?}");
    }
    let two = request("GET", "/metrics", "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n");
    assert_eq!(two.header("content-encoding"), Some("gzip"), "a list in two header lines");
    let nothing = request("GET", "/metrics", "Accept-Encoding: br, identity;q=0\r\n");
    assert_eq!(nothing.status, 406, "{}", nothing.head);
    assert!(nothing.text().contains("gzip") && nothing.text().contains("identity"), "{}", nothing.text());
    // A response of any size is compressed if `identity` is not acceptable.
    let forced = request("GET", "/healthz", "Accept-Encoding: gzip, identity;q=0\r\n");
    assert_eq!((forced.header("content-encoding"), unzipped(&forced).as_str()), (Some("gzip"), "ok\n"));
    // Profiles are gzip files already.
    let profile = request("GET", "/debug/pprof/scopes", "Accept-Encoding: gzip\r\n");
    assert_eq!((profile.header("content-encoding"), &profile.body[..2]), (None, &[0x1f, 0x8b][..]));
    // The same holds for routes that are mounted in the program's own server.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let own = listener.local_addr().expect("its address");
    runtime.spawn(async { axum::serve(listener, axum::Router::new().nest("/perf", perf_sdk::router())).await });
    let head =
        format!("GET /perf/metrics HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n");
    let mounted = http::request(own, &head);
    assert_eq!(mounted.header("content-encoding"), Some("gzip"), "{}", mounted.head);
    assert!(unzipped(&mounted).contains("function 199 of many"));
    let refused = request("GET", "/nowhere", "Accept-Encoding: gzip\r\n");
    assert_eq!((refused.status, refused.header("content-encoding")), (404, None));
}

fn bad_requests() {
    let (_handle, address) = started();
    work();
    for (target, status, parts) in [
        ("/flamegraph?weight=time", 400, &["time", "offcpu"][..]),
        ("/flamegraph?wait=3", 400, &["wait", "weight, function, seconds"]),
        ("/folded?seconds=-1", 400, &["seconds", "-1"]),
        ("/folded?seconds=1e9", 400, &["seconds", "3600"]),
        ("/folded?seconds=NaN", 400, &["seconds"]),
        ("/flamegraph?function=nobody", 404, &["nobody", "outer"]),
        ("/nowhere", 404, &["/nowhere", "/metrics"]),
        ("/snapshot?weight=wall", 400, &["weight", "seconds"]),
        ("/folded?function=%ff%fe", 404, &["was not called"]),
        ("/folded?weight=cpu_samples&threads=x", 400, &["threads", "hz"]),
        ("/folded?weight=wall_samples&hz=101", 400, &["hz", "101", "from 1 to 100"]),
        ("/debug/fgprof?format=svg", 400, &["svg", "pprof, folded"]),
        ("/debug/fgprof?seconds=soon", 400, &["seconds", "soon"]),
        ("/?sort=calls", 400, &["sort", "allowed: none"]),
        ("/metrics?format=text", 400, &["format", "allowed: none"]),
        ("/healthz?seconds=1", 400, &["seconds", "allowed: none"]),
        ("/assets/style.css?v=1", 400, &["allowed: none"]),
        ("/assets/sort.js?v=1", 400, &["allowed: none"]),
        ("/assets/nothing.js", 404, &["nothing.js", "app.js"]),
        ("/api/v1/functions?sort=speed", 400, &["speed", "self_cpu"]),
        ("/api/v1/functions?limit=1000", 400, &["1000", "0 to 500"]),
        ("/api/v1/functions?from=20&to=10", 400, &["from is 20", "10"]),
        ("/api/v1/function", 400, &["name is missing"]),
        ("/api/v1/function?name=nobody", 404, &["nobody", "there are: "]),
        ("/api/v1/overview?status=maybe", 400, &["maybe", "on, off"]),
        ("/api/v1/events?tick=0", 400, &["tick is", "1 to 60"]),
        ("/debug/pprof/?format=text", 400, &["format", "allowed: debug"]),
    ] {
        let answer = get(address, target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(parts.iter().all(|part| answer.text().contains(part)), "{target}: {}", answer.text());
    }
    let large = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nX-Large: {}\r\n\r\n", "x".repeat(100_000));
    let stream = TcpStream::connect(address).expect("a connection");
    // Refused with a status, or closed while the client still sends.
    if let Ok(answer) = exchange(stream, &large) {
        assert!((400..500).contains(&answer.status), "{}", answer.head);
    }
    for garbage in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n"] {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.shutdown(std::net::Shutdown::Write).ok();
        let _ = exchange(stream, garbage);
    }
    assert_eq!(get(address, "/healthz").status, 200, "the endpoint still answers");
}

fn unix_socket() {
    let path = std::env::temp_dir().join(format!("perf-sdk-test-{}.sock", std::process::id()));
    // A socket file left over from a killed process.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let handle = perf_sdk::builder().listen(format!("unix:{}", path.display())).report(false).start().expect("a start");
    assert_eq!(handle.address(), None);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).expect("the socket").permissions());
    assert_eq!(mode & 0o777, 0o600);
    let stream = UnixStream::connect(&path).expect("a connection");
    let answer =
        exchange(stream, "GET /healthz HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n").expect("an answer");
    assert_eq!(answer.status, 200);
    drop(handle);
    assert!(!path.exists());
}

fn captures() {
    let (_handle, address) = started();
    work();
    // On a loaded machine, a request may arrive when others are answered already, and a call after
    // the end of its window.
    eventually(|| {
        let answers: Vec<http::Answer> = thread::scope(|scope| {
            let ask = || get(address, "/folded?seconds=2&weight=calls");
            let asked: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
            thread::sleep(Duration::from_millis(700));
            for _ in 0..5 {
                perf_sdk::measure("in_window", || ());
            }
            asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
        });
        let (refused, taken): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 429);
        assert!(refused.iter().all(|answer| answer.text().contains("captures")));
        assert!(taken.len() >= 4, "{} taken", taken.len());
        for answer in &taken {
            // For an empty window, the answer says that there was no call.
            assert!(!answer.text().contains("inner"), "only the window: {}", answer.text());
            if !answer.text().contains("in_window 5") {
                return Err(answer.text());
            }
        }
        if taken.len() == 4 { Ok(()) } else { Err(format!("{} taken", taken.len())) }
    });
}

fn slow_clients() {
    let (_handle, address) = started();
    // All places are taken by clients that never finish their request.
    let _slow: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("a connection");
            std::io::Write::write_all(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: lo").expect("a beginning");
            stream
        })
        .collect();
    thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    assert_eq!(get(address, "/healthz").status, 200);
    assert!(start.elapsed() < PATIENCE, "they are closed: {:?}", start.elapsed());
}

/// Raises the limit of descriptors, for both ends of many connections.
fn allow_descriptors() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for both calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max.min(4_096);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

/// The number of `clients` that the endpoint has closed. Waits until there are at least `least`.
fn closed(clients: &[TcpStream], least: usize) -> usize {
    let is_closed = |client: &TcpStream| {
        client.set_nonblocking(true).expect("a socket");
        let read = std::io::Read::read(&mut &*client, &mut [0; 256]);
        !matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    let start = Instant::now();
    loop {
        let closed = clients.iter().filter(|client| is_closed(client)).count();
        if closed >= least || start.elapsed() > Duration::from_secs(60) {
            return closed;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn evicted(address: SocketAddr) -> u64 {
    let text = get(address, "/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix("perf_evicted_connections_total "));
    line.unwrap_or_else(|| panic!("{text}")).parse().expect("a count")
}

/// A thousand connections that send nothing: each new one evicts the oldest of them.
fn idle_clients() {
    allow_descriptors();
    let (handle, address) = started();
    assert_eq!(evicted(address), 0);
    let idle: Vec<TcpStream> = (0..1_000).map(|_| TcpStream::connect(address).expect("a connection")).collect();
    for route in ["/healthz", "/metrics"] {
        assert_eq!(get(address, route).status, 200, "{route}");
    }
    // Evicted connections are counted. Those closed by the timeout of ten seconds are not.
    let counted = evicted(address);
    assert!(counted >= 1_000 - 64, "{counted}");
    assert!(closed(&idle, 1_000 - 64) >= 1_000 - 64);
    assert!(handle.snapshot().profiler.evicted_connections >= counted);
}

/// Connections with incomplete requests are evicted before one that is being answered.
fn slow_heads() {
    allow_descriptors();
    let (_handle, address) = started();
    work();
    let mut capture = TcpStream::connect(address).expect("a connection");
    let request =
        format!("GET /folded?weight=calls&seconds=3 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut capture, request.as_bytes()).expect("a request");
    // Connections are accepted in order, so the one before this has been read.
    assert_eq!(get(address, "/healthz").status, 200);
    let mut again = TcpStream::connect(address).expect("a connection");
    let slow: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("a connection");
            std::io::Write::write_all(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: lo").expect("a beginning");
            stream
        })
        .collect();
    assert_eq!(get(address, "/healthz").status, 200);
    let counted = evicted(address);
    assert!(counted >= 300 - 64, "{counted}");
    assert!(closed(&slow, 300 - 64) >= 300 - 64);
    let _ = std::io::Write::write_all(&mut again, b"GET");
    assert_eq!(closed(&[again], 1), 1, "the one that waited longest is evicted");
    assert_eq!(exchange(capture, "").expect("an answer").status, 200, "the capture is not evicted");
}

fn ask(address: SocketAddr, target: &str, headers: &str) -> http::Answer {
    http::request(address, &format!("GET {target} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"))
}

fn ambiguous_requests() {
    let (_handle, address) = started();
    let own = format!("Host: {address}\r\n");
    for (target, headers, part) in [
        ("/healthz", format!("{own}{own}"), "2 host headers; allowed: one"),
        ("/healthz", format!("{own}Host: evil.example\r\n"), "2 host headers"),
        ("/healthz", format!("{own}Origin: null\r\nOrigin: null\r\n"), "2 origin headers"),
        ("/healthz", format!("{own}Authorization: a\r\nAuthorization: b\r\n"), "2 authorization headers"),
        ("http://localhost/healthz", own.clone(), "allowed: the same"),
        ("http://localhost@evil.example/healthz", String::new(), "not allowed"),
        ("/healthz", "Host: localhost:x\r\n".to_owned(), "a port of digits"),
        ("/folded?seconds=0.1&seconds=0.2", own.clone(), "given twice"),
    ] {
        let answer = ask(address, target, &headers);
        assert!(answer.status == 400 && answer.text().contains(part), "{target} {headers}: {}", answer.text());
    }
    assert_eq!(ask(address, &format!("http://{address}/healthz"), &own).status, 200);
}

/// Content security policies: no inline script or style of a page is allowed, and in a flame graph
/// only its own script.
fn policies() {
    let (_handle, address) = started();
    work();
    for route in ["/", "/pages", "/leaks", "/debug/pprof/"] {
        let (page, policy) = with_policy(address, route);
        assert!(policy.contains("style-src 'self'; script-src 'self';"), "{route}: {policy}");
        assert!(!policy.contains("unsafe"), "{route}: {policy}");
        for inline in [" style=", "<style", " onclick=", " onload=", "<script>"] {
            assert!(!page.contains(inline), "{route}: {inline} in {page}");
        }
    }
    for route in ["/metrics", "/folded", "/snapshot", "/nowhere", "/debug/pprof/cmdline"] {
        let (_, policy) = with_policy(address, route);
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("script-src"), "{route}: {policy}");
    }
    let mut seen = std::collections::HashSet::new();
    for route in
        ["/flamegraph", "/flamegraph?weight=calls&x=10&y=20&s=inner", "/flamegraph?weight=wall_samples&seconds=0.1"]
    {
        let (drawing, policy) = with_policy(address, route);
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
        assert!(
            !policy.contains("unsafe-inline") && policy.ends_with("sandbox allow-scripts allow-modals"),
            "{policy}"
        );
        assert!(drawing.contains(&format!("<script type=\"text/ecmascript\" nonce=\"{nonce}\">")), "{route}");
        assert!(seen.insert(nonce.to_owned()), "{nonce} again");
    }
}

/// Names, errors and labels that a program made from foreign input, in the pages and in text that
/// people read in a terminal.
fn hostile_names() {
    const NAMES: &[&str] = &[
        "start\u{1}of",
        "null\0end",
        "escape\u{1b}[2J",
        "none\u{fffe}\u{ffff}",
        "c1\u{9b}\u{85}\u{2028}",
        "\" onclick=\"x()\" a='",
        "</title><script>alert(1)</script>",
        "poll 7",
    ];
    #[perf_sdk::profiled]
    fn fails(text: &str) -> Result<(), String> {
        Err(text.to_owned())
    }
    let handle = perf_sdk::builder().listen("127.0.0.1:0").heap("4KiB").report(false).start().expect("a start");
    let address = handle.address().expect("an address");
    let mut held = Vec::new();
    for name in NAMES {
        held.push(perf_sdk::measure(name, || std::hint::black_box(vec![1_u8; 1 << 20])));
        assert!(fails(name).is_err());
    }
    let is_hostile = |c: char| {
        (c.is_control() && c != '\n') || c == '\u{2028}' || u32::from(c) & 0xfffe == 0xfffe || c == '\u{202e}'
    };
    for route in [
        "/pages",
        "/leaks",
        "/debug/pprof/",
        "/folded?weight=calls",
        "/hlog",
        "/metrics",
        "/flamegraph?weight=calls",
        "/flamegraph?function=null%00end",
        "/flamegraph?function=nobody%1b[2J",
        "/folded?weight=calls&x%1b=1",
        "/folded?weight=%1b[2J",
        "/folded?seconds=%1b[2J",
    ] {
        let answer = get(address, route);
        let text = String::from_utf8(answer.body.clone()).expect("text");
        // The script of the flame graph is indented.
        let text = text.replace('\t', " ");
        assert!(!text.contains(is_hostile), "{route}: {:?}", text.lines().find(|line| line.contains(is_hostile)));
    }
    let page = get(address, "/pages").text();
    for part in ["start\\u{1}of", "null\\u{0}end", "&quot; onclick=&quot;x()&quot;", "&lt;/title&gt;&lt;script&gt;"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    if perf_sdk_tests::has("python3", &["--version"], "install python3") {
        // A page is well-formed: every opened element is closed. Scripts are the page's own, and no
        // element has an event handler.
        const HTML: &str = "import sys\nfrom html.parser import HTMLParser\nopen_ = []\nclass P(HTMLParser):\n  def handle_starttag(self, tag, attrs):\n    assert all(not a.startswith('on') for a, _ in attrs), attrs\n    assert tag != 'script' or dict(attrs) == {'src': 'assets/sort.js'}, attrs\n    if tag not in ('meta', 'link', 'base', 'br'): open_.append(tag)\n  def handle_endtag(self, tag):\n    assert open_.pop() == tag, tag\nP().feed(sys.stdin.read())\nassert not open_, open_\nprint('fine')";
        for route in ["/pages", "/leaks", "/debug/pprof/"] {
            let mut python = std::process::Command::new("python3")
                .args(["-c", HTML])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("python3");
            let mut input = python.stdin.take().expect("a pipe");
            std::io::Write::write_all(&mut input, &get(address, route).body).expect("a reader");
            drop(input);
            let output = python.wait_with_output().expect("an end");
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "fine", "{route}");
        }
    }
    drop(held);
}

fn with_policy(address: SocketAddr, route: &str) -> (String, String) {
    let answer = get(address, route);
    let policy = answer.header("content-security-policy").expect("a policy").to_owned();
    (answer.text(), policy)
}

/// A browser shows the pages without an error, and the script of the flame graph runs.
fn browser() {
    if !perf_sdk_tests::has("chromium", &["--version"], "install Debian's chromium") {
        return;
    }
    let (_handle, address) = started();
    work();
    let folder = std::env::temp_dir().join(format!("perf-sdk-browser-{}", std::process::id()));
    for (route, parts) in [
        ("/pages", &["<svg class=\"bar\"", "outer"][..]),
        ("/leaks", &["leak"]),
        ("/debug/pprof/", &["allocs"]),
        // The script finds the matches of the search, and writes the search into the address.
        ("/flamegraph?weight=calls&s=inner", &["Matched: ", "rgb(230,0,230)"]),
    ] {
        let output = std::process::Command::new("chromium")
            .args(
                "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
                    .split(' '),
            )
            .args("--disable-component-update --disable-sync --enable-logging=stderr --dump-dom".split(' '))
            .arg(format!("--user-data-dir={}", folder.display()))
            .arg(format!("http://{address}{route}"))
            .output()
            .expect("a browser");
        let (drawn, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let complaints: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(complaints.is_empty(), "{route}: {complaints:?}");
        assert!(parts.iter().all(|part| drawn.contains(part)), "{route}: {drawn}");
    }
    let _ = fs::remove_dir_all(folder);
}

fn guarded_reads() {
    let token = "a-token-of-some-length";
    let captures =
        ["/debug/pprof/profile?seconds=0.1", "/debug/fgprof?seconds=0.1", "/flamegraph?weight=cpu_samples&seconds=0.1"];
    for (guard, metrics, capture) in [("off", 200, 200), ("captures", 200, 401), ("all", 401, 401)] {
        let handle =
            perf_sdk::builder().listen("127.0.0.1:0").token(token).guard(guard).report(false).start().expect("a start");
        let address = handle.address().expect("an address");
        let host = format!("Host: {address}\r\n");
        let bearer = format!("{host}Authorization: Bearer {token}\r\n");
        assert_eq!(ask(address, "/metrics", &host).status, metrics, "{guard}");
        assert_eq!(ask(address, "/metrics", &bearer).status, 200, "{guard}");
        for target in captures {
            let found = [200, 404];
            let status = ask(address, target, &host).status;
            assert!(status == capture || (capture == 200 && found.contains(&status)), "{guard} {target}: {status}");
            assert!(found.contains(&ask(address, target, &bearer).status), "{guard} {target}");
            for foreign in [
                "Origin: http://evil.example",
                "Origin: null",
                "Sec-Fetch-Site: cross-site",
                "Sec-Fetch-Site: same-site",
            ] {
                let answer = ask(address, target, &format!("{bearer}{foreign}\r\n"));
                assert_eq!(answer.status, 403, "{guard} {target} {foreign}");
                assert!(answer.text().contains("allowed: pages of this endpoint"), "{}", answer.text());
            }
        }
        if guard == "off" {
            // The scenario's name is an argument of this process.
            let arguments = |headers: &str| ask(address, "/debug/pprof/cmdline", headers).text();
            assert!(!arguments(&host).contains("guarded_reads") && arguments(&host).contains("endpoint"));
            assert!(arguments(&bearer).contains("\0guarded_reads"), "{:?}", arguments(&bearer));
        }
    }
    let error = perf_sdk::builder().guard("some").start().expect_err("it is not known").to_string();
    assert!(error.contains("some") && error.contains("captures, all or off"), "{error}");
}

fn forked_child() {
    let (_handle, address) = started();
    let child = perf_sdk_tests::fork();
    if child == 0 {
        let passed = std::panic::catch_unwind(|| {
            perf_sdk::measure("in_child", || ());
            assert_eq!(perf_sdk::snapshot().functions.len(), 1);
            // If the child starts the profiler, it serves at an address of its own.
            let (handle, own) = started();
            assert_ne!(own, address);
            assert!(get(own, "/folded?weight=calls").text().contains("in_child"));
            drop(handle);
        });
        perf_sdk_tests::exit_now(i32::from(passed.is_err()));
    }
    assert_eq!(perf_sdk_tests::wait_for(child), 0);
    assert_eq!(get(address, "/healthz").status, 200);
}

fn mounted() {
    work();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    listener.set_nonblocking(true).expect("a listener");
    thread::spawn(move || {
        runtime.block_on(async {
            let app = axum::Router::new().nest("/perf", perf_sdk::router());
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, app).await
        })
    });
    let page = get(address, "/perf");
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(!page.text().contains("href=\"/") && !page.text().contains("src=\"/"), "links are relative");
    assert!(page.text().contains("<base href=\"perf/\">"), "links are relative to the folder of the page");
    for route in ["/perf/metrics", "/perf/flamegraph", "/perf/assets/style.css"] {
        assert_eq!(get(address, route).status, 200, "{route}");
    }
    // Access control is up to the program's server, except that a cross-site request of a browser
    // never starts a capture.
    let cross_site = |route| ask(address, route, "Host: whatever\r\nSec-Fetch-Site: cross-site\r\n").status;
    assert_eq!(cross_site("/perf/debug/fgprof?seconds=0.1"), 403);
    assert_eq!(cross_site("/perf/folded?weight=calls&seconds=0.1"), 403);
    assert_eq!(cross_site("/perf/folded?weight=calls"), 200);
    assert!(
        !get(address, "/perf/debug/pprof/cmdline").text().contains("mounted"),
        "the command line needs a token, and there is none"
    );
}

fn report() {
    let handle = perf_sdk::builder().listen("off").start().expect("a start");
    assert_eq!(handle.address(), None);
    work();
    drop(handle);
}

/// Sets the flag when it drops, even after a panic.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// A function that does nothing is called all the time: counting its calls costs more than the
/// budget.
fn over_budget() {
    let handle = perf_sdk::builder().listen("127.0.0.1:0").hot("count").start().expect("a start");
    let address = handle.address().expect("an address");
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Relaxed) {
                for _ in 0..1_000 {
                    perf_sdk::measure("nothing", || ());
                    may_rest();
                }
            }
        });
        let _end = End(&done);
        until("the page to say so", || {
            // On a loaded machine, one page after the other would take more than the calls.
            thread::sleep(Duration::from_secs(1));
            get(address, "/pages").text().contains("leave #[profiled] off nothing")
        });
        until("its attribute to override the setting", || function(&handle.snapshot(), "may_rest").rests);
        for part in ["counting", "budget", "server"] {
            until("the scrape to name the part and what it took", || took(&get(address, "/metrics").text(), part));
        }
        drop(handle);
    });
}

/// Whether a scrape says that a part took time.
fn took(scrape: &str, part: &str) -> bool {
    let line = format!("perf_overhead_seconds_total{{part=\"{part}\"}} ");
    let value = scrape.lines().find_map(|found| found.strip_prefix(&line));
    value.is_some_and(|value| value.parse::<f64>().expect("a number") > 0.0)
}

#[perf_sdk::profiled]
#[inline(never)]
fn next_to_nothing() {
    std::hint::black_box(());
}

#[perf_sdk::profiled(hot = rest)]
#[inline(never)]
fn may_rest() {
    std::hint::black_box(());
}

#[perf_sdk::profiled(hot = count)]
#[inline(never)]
fn counted_all_the_same() {
    std::hint::black_box(());
}

/// The next event of this function that begins to rest, or is counted again.
fn next_rest(events: &mut perf_sdk::event::Events, name: &str) -> RateChange {
    loop {
        let record = events.next_within(PATIENCE).expect("an event");
        let Event::Rates(rates) = record.event else { continue };
        let is_it = |change: &RateChange| change.function == name && (change.rests || change.before == Some(0));
        if let Some(change) = rates.changes.into_iter().find(is_it) {
            assert_eq!(rates.by, "budget");
            return change;
        }
    }
}

/// A function that is called too often to be counted gets estimated call counts, until it is called
/// less often.
fn rests() {
    let handle = perf_sdk::builder().listen("127.0.0.1:0").start().expect("a start");
    let address = handle.address().expect("an address");
    let mut events = handle.events();
    let (calls, is_hot, done) = (AtomicU64::new(0), AtomicBool::new(true), AtomicBool::new(false));
    thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Relaxed) {
                if is_hot.load(Relaxed) {
                    for _ in 0..1_000 {
                        next_to_nothing();
                        counted_all_the_same();
                    }
                    calls.fetch_add(1_000, Relaxed);
                } else {
                    next_to_nothing();
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        let seen = || {
            let snapshot = handle.snapshot();
            let function = function(&snapshot, "next_to_nothing");
            (function.estimated_calls, function.rests)
        };
        let _end = End(&done);
        until("the page to say so", || get(address, "/pages").text().contains("calls estimated"));
        let began = next_rest(&mut events, "next_to_nothing");
        assert!(began.rests && began.now == Some(0) && began.before.is_some_and(|rate| rate > 0), "{began:?}");
        // From one estimate to the sixth after it. Each consists of many short moments, and on a
        // loaded machine the thread may be off the CPU in some.
        let next = |before: u64| {
            let mut latest = before;
            until("the next estimate", || {
                latest = seen().0;
                latest != before
            });
            (latest, calls.load(Relaxed))
        };
        let from = next(seen().0);
        let to = (0..6).fold(from, |(latest, _), _| next(latest));
        let (estimated, real) = (to.0 - from.0, to.1 - from.1);
        println!("{estimated} of {real} calls");
        // Without optimisation, counting takes longer than the recorder's calibration says.
        assert!((real / 10..real * 3).contains(&estimated), "{estimated} of {real} calls");
        is_hot.store(false, Relaxed);
        until("it to be counted again", || !seen().1);
        let ended = next_rest(&mut events, "next_to_nothing");
        assert!(!ended.rests && ended.before == Some(0) && ended.now.is_some_and(|rate| rate > 0), "{ended:?}");
        let snapshot = handle.snapshot();
        let all = function(&snapshot, "counted_all_the_same");
        assert_eq!((all.estimated_calls, all.rests), (0, false));
    });
}

fn user_metrics() {
    let (_handle, address) = started();
    metrics::describe_counter!("orders_total", metrics::Unit::Count, "Orders taken");
    metrics::counter!("orders_total", "kind" => "a\"b").increment(3);
    metrics::gauge!("queue_length").set(7.5);
    // The profiler has such a reading once `perf_sdk::ready()` was called.
    metrics::gauge!("process_startup_seconds").set(5.0);
    for value in [0.1, 0.2, 3.0] {
        metrics::histogram!("order_seconds").record(value);
    }
    for (accept, parts) in [
        ("text/plain", &["orders_total{kind=\"a\\\"b\"} 3", "queue_length 7.5", "order_seconds_count 3"][..]),
        (
            "application/openmetrics-text; version=1.0.0",
            &["orders_total{kind=\"a\\\"b\"} 3", "order_seconds_bucket", "# EOF"],
        ),
        (
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
            &["orders_total", "order_seconds"],
        ),
    ] {
        let answer = http::request(
            address,
            &format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"),
        );
        assert_eq!(answer.status, 200);
        for part in parts {
            assert!(answer.text().contains(part), "{accept}: no {part} in\n{}", answer.text());
        }
        assert!(answer.text().contains("user_process_startup_seconds"), "{accept}: {}", answer.text());
    }
    perf_sdk::ready();
    let is_read = || get(address, "/metrics").text().contains("\nprocess_startup_seconds ");
    until("the time of the start is read", is_read);
    assert!(get(address, "/metrics").text().contains("\nuser_process_startup_seconds 5\n"), "it keeps its name");
}

/// With `PERF_BUCKETS`: bounds by metric name. The last matching pattern applies, in all formats.
/// Native histograms are written in addition.
fn user_buckets() {
    let handle = perf_sdk::builder().listen("127.0.0.1:0").report(false).buckets("other", &[7.0]).start();
    let handle = handle.expect("a start");
    let address = handle.address().expect("an address");
    metrics::describe_histogram!("http.server.seconds", "Time of \"requests\"");
    for name in ["http.server.seconds", "http_size_bytes", "queue_wait", "other"] {
        for (route, value) in [("/a", 0.004), ("/a", 0.005), ("/a", 0.3), ("/b", 1e9)] {
            metrics::histogram!(name, "route" => route, "a" => "1").record(value);
        }
    }
    // Series with the same names and labels in a scrape are merged.
    metrics::histogram!("http_server_seconds", "a" => "1", "route" => "/a").record(-1.0);
    for accept in ["text/plain", "application/openmetrics-text; version=1.0.0"] {
        let head = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        let text = http::request(address, &head).text();
        let bounds = |name: &str| -> Vec<String> {
            let series = format!("{name}_bucket{{a=\"1\",route=\"/a\",le=\"");
            let bounds = text.lines().filter_map(|line| line.strip_prefix(series.as_str()));
            bounds.map(|rest| rest.replace("\"}", "")).collect()
        };
        // OpenMetrics writes integers as 1.0.
        let plain = |lines: Vec<String>| lines.iter().map(|line| line.replace(".0 ", " ")).collect::<Vec<_>>();
        assert_eq!(plain(bounds("http_server_seconds")), ["0.005 3", "0.01 3", "1 4", "+Inf 4"], "{text}");
        assert_eq!(plain(bounds("http_size_bytes")), ["1024 3", "1.048576e+06 3", "+Inf 3"]);
        assert_eq!(plain(bounds("queue_wait")), ["0.001 0", "0.25 2", "+Inf 3"]);
        assert_eq!(bounds("other").len(), 31, "the environment replaces all bounds set in code");
        let help = text.lines().find(|line| line.starts_with("# HELP http_server_seconds "));
        assert!(help.is_some_and(|help| help.contains("Time of")), "{help:?}");
        let sum = "http_server_seconds_sum{a=\"1\",route=\"/a\"} ";
        let sum = text.lines().find_map(|line| line.strip_prefix(sum)).expect("a sum");
        assert!((sum.parse::<f64>().expect("a number") + 0.691).abs() < 1e-9, "{sum}");
    }
}

/// The memory of unread samples is bounded, while the profiler runs and after its end.
fn user_histograms_are_bounded() {
    const SAMPLES: u64 = 4_000_000;
    let held = || perf_sdk::snapshot().allocator.expect("jemalloc").allocated_bytes;
    let (handle, address) = started();
    let histogram = metrics::histogram!("order_seconds");
    let record = || (0..SAMPLES).for_each(|n| histogram.record(n as f64));
    record();
    // All samples are counted immediately.
    let counted = |address, samples: u64| {
        until("the samples", || {
            let text = get(address, "/metrics").text();
            let count = text.lines().find_map(|line| line.strip_prefix("order_seconds_count "));
            let count: u64 = count.expect("a count").parse().expect("a number");
            println!("{count} of {samples}");
            count == samples
        });
    };
    counted(address, SAMPLES);
    drop(handle);
    let before = held();
    record();
    let grown = held().saturating_sub(before);
    assert!(grown < 2 * SAMPLES, "{grown} bytes more for {SAMPLES} samples, which are 16 bytes each");
    // After another start, all samples are counted.
    let (_handle, address) = started();
    counted(address, 2 * SAMPLES);
}

/// The program can install its own recorder later.
fn no_endpoint_takes_no_recorder() {
    let _handle = perf_sdk::builder().listen("off").report(false).start().expect("a start");
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    assert!(metrics::set_global_recorder(recorder).is_ok());
    metrics::counter!("theirs_total").increment(1);
    assert!(handle.render().contains("theirs_total 1"));
}

fn mounted_routes_have_the_user_s_metrics() {
    let _handle = perf_sdk::builder().listen("off").report(false).start().expect("a start");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    let routes = axum::Router::new().nest("/perf", perf_sdk::router());
    runtime.spawn(async move { axum::serve(listener, routes).await });
    metrics::counter!("orders_total").increment(3);
    assert!(get(address, "/perf/metrics").text().contains("orders_total 3"));
}

fn foreign_recorder() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    assert!(metrics::set_global_recorder(recorder).is_ok());
    metrics::counter!("theirs_total").increment(1);
    // A foreign recorder is not an error, but is reported.
    drop(started());
    let joined =
        perf_sdk::builder().listen("127.0.0.1:0").report(false).metrics_handle(handle).start().expect("a start");
    let address = joined.address().expect("an address");
    assert!(get(address, "/metrics").text().contains("theirs_total 1"));
}
