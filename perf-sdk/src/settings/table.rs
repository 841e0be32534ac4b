//! The table of settings. An entry contains everything about a setting, except for its use.
//!
//! ```text
//! /// The documentation of the builder's method. method KEY: TYPE = or(DEFAULT), if CHECK => {
//! variable: …, allowed: …, default: …, meaning: …, changes: … }
//! ```
//!
//! `none` instead of `or(…)`: there is no default, and the field is an `Option`. `by_hand`: the
//! builder's method is written in `builder.rs`, and adds to a list.
//!
//! `table!(with)` passes all entries to the macro `with`, which generates rows in `setting.rs`,
//! fields and their reading in `given.rs`, and methods in `builder.rs`.

macro_rules! table {
    ($with:ident) => {
        $with! {
            /// A settings file: TOML, with the keys of this table, such as `listen = "off"`. It
            /// overrides code, and the environment overrides it.
            method config: PathBuf = none, if |_| cfg!(feature = "toml") => {
                variable: "PERF_CONFIG",
                allowed: "a TOML file with the keys of this table; only with the feature toml",
                default: "none",
                meaning: "a settings file, which overrides code; the environment overrides it",
                changes: false,
            }

            /// Where the endpoint listens: an address (port 0: any free port), `unix:/path`, or
            /// `off`. If an address given here is already in use, that is an error; for the default
            /// address, the endpoint waits.
            method listen: Listen = or(Listen::Default) => {
                variable: "PERF_LISTEN",
                allowed: "an address such as 127.0.0.1:9464 (port 0: any free port), unix:/path/to/socket, or off",
                default: "127.0.0.1:9464",
                meaning: "where the endpoint listens",
                changes: false,
            }

            /// The token that state-changing requests, and all requests to addresses other than
            /// loopback, must send as `Authorization: Bearer …`. Without this setting, one is
            /// generated.
            method token: Secret = none, if |token| token.has(16..=256) => {
                variable: "PERF_TOKEN",
                allowed: "16 to 256 printable ASCII characters without spaces",
                default: "generated",
                meaning: "the token that state-changing requests, and all requests to addresses other than loopback, must send",
                changes: false,
            }

            /// The file in which a generated token is stored, mode 0600.
            method token_file: PathBuf = none => {
                variable: "PERF_TOKEN_FILE",
                allowed: "a path without a file, or with one that the profiler wrote",
                default: "perf-sdk-PID-RANDOM.token in the runtime or temporary directory",
                meaning: "the file in which a generated token is stored, mode 0600; no other file is replaced or removed; if a file given here cannot be written, that is an error; if the default one cannot, state-changing requests are refused",
                changes: false,
            }

            /// Whether the endpoint may listen on addresses other than loopback without a token.
            method allow_remote: bool = or(false) => {
                variable: "PERF_ALLOW_REMOTE",
                allowed: "true or false",
                default: "false",
                meaning: "whether the endpoint may listen on addresses other than loopback without a token",
                changes: false,
            }

            by_hand allow_hosts: Hosts = or(Hosts::default()) => {
                variable: "PERF_ALLOW_HOSTS",
                allowed: "host names or addresses, separated by commas; * stands for any text, alone for any host",
                default: "none",
                meaning: "names by which clients may call the endpoint, besides localhost, the machine's host name and every address; with * alone, web pages can read the endpoint from a browser that reaches it",
                changes: false,
            }

            /// Which reads need the token on loopback addresses and Unix sockets too: `captures`,
            /// `all` or `off`.
            ///
            /// Captures take time or affect how the process runs: profiles, windows of `seconds`,
            /// symbols. Other reads only fold what was recorded.
            method guard: Guard = or(Guard::Off) => {
                variable: "PERF_GUARD",
                allowed: "captures, all or off",
                default: "off",
                meaning: "which reads need the token on loopback addresses and Unix sockets too: captures, which take time or affect how the process runs (a profile, a window of seconds, symbols), or all; off: none",
                changes: false,
            }

            by_hand buckets: BucketRules = or(BucketRules::default()) => {
                variable: "PERF_BUCKETS",
                allowed: "PATTERN=BOUNDS, several separated by semicolons: a pattern of a histogram's name with * for any text; bounds: 1 to 100 ascending numbers from 0 on separated by commas, in seconds with ns, us, ms, s, min or h, in bytes with KiB, MiB or GiB; only with the feature metrics",
                default: "30 bounds from 1e-6 to 1e9",
                meaning: "upper bounds of the classic buckets of the program's own histograms (metrics crate); if several patterns match, the last one applies",
                changes: false,
            }

            /// Whether the table of functions is printed on stderr at exit.
            method report: bool = or(true) => {
                variable: "PERF_REPORT",
                allowed: "true or false",
                default: "true",
                meaning: "whether the table of functions is printed on stderr at exit",
                changes: false,
            }

            /// The file to which all that was recorded is written when the profiler ends, as
            /// [`Snapshot::write_to`](crate::snapshot::Snapshot::write_to) does. `{pid}` in its
            /// name stands for the process id, so that processes do not share a file.
            method snapshot_file: PathBuf = none, if |path| may_be_file(path) => {
                variable: "PERF_SNAPSHOT_FILE",
                allowed: "the path of a file, not of a folder; {pid} in it stands for the process id",
                default: "none",
                meaning: "the file to which the snapshot is written when the profiler ends, for perf-sdk diff, flame and advise",
                changes: false,
            }

            /// Whether the process, the host and the control group are read at intervals.
            method monitors: bool = or(true) => {
                variable: "PERF_MONITORS",
                allowed: "true or false",
                default: "true",
                meaning: "whether the process, the host and the control group are read at intervals",
                changes: false,
            }

            /// Where the history of readings and functions is kept: a file, from which the next
            /// process goes on, `true` for in memory only, or `false` for none. A file that cannot
            /// be used is an error.
            method history: HistoryStore = or(HistoryStore::Memory) => {
                variable: "PERF_HISTORY",
                allowed: "the path of a new file or of one that a history wrote, true or false",
                default: "true",
                meaning: "where the history of readings and functions is kept: the path of a file, from which the next process goes on; true: in memory only; false: there is none",
                changes: false,
            }

            /// A file of findings that are accepted and stay quiet: a fingerprint in each line, as
            /// `/findings` shows it.
            method findings_accepted: PathBuf = none => {
                variable: "PERF_FINDINGS_ACCEPTED",
                allowed: "a file with a fingerprint in each line: 16 hexadecimal digits, and behind them what you like; # begins a comment",
                default: "none",
                meaning: "a file of findings that are accepted and stay quiet",
                changes: false,
            }

            /// How long samples of stacks are kept one by one, for bundles of evidence: what ran
            /// before an alert fired. `off`: none, and no bundles.
            method flight: Option<Duration> = or(Some(Duration::from_secs(300))), if |time| time.is_none_or(|time| FLIGHT.contains(&time)) => {
                variable: "PERF_FLIGHT",
                allowed: "a duration from 10s to 1h: a whole number with ms, s, min or h; or off",
                default: "5min",
                meaning: "how long samples of stacks are kept one by one, in a sixteenth of PERF_MEMORY at most: what ran before an alert fired, for bundles of evidence; off: there are none",
                changes: false,
            }

            /// The folder in which bundles of evidence are kept. Without this setting, the latest
            /// are in memory.
            method evidence: PathBuf = none, if |_| cfg!(feature = "flight") => {
                variable: "PERF_EVIDENCE",
                allowed: "a folder in which files can be created; only with the feature flight",
                default: "none: in memory, a sixteenth of PERF_MEMORY, at most 4 MiB",
                meaning: "the folder in which bundles of evidence are kept, made when an alert fires and on request",
                changes: false,
            }

            /// How many bytes of bundles that folder may have. The oldest of this program are
            /// deleted, but never the latest.
            method evidence_keep: ByteSize = or(ByteSize::mib(64)) => {
                variable: "PERF_EVIDENCE_KEEP",
                allowed: "a size: a number with KiB, MiB or GiB",
                default: "64MiB",
                meaning: "how many bytes of bundles with this service's name that folder may have; the oldest are deleted, whichever process wrote them, but never the latest",
                changes: false,
            }

            /// Whether a panic makes a bundle of evidence. A panic hook is installed that calls the
            /// one before; the thread that panics waits for at most two seconds.
            method evidence_panic: bool = or(false), if |is_on| cfg!(feature = "flight") || !is_on => {
                variable: "PERF_EVIDENCE_PANIC",
                allowed: "true or false; without the feature flight only false",
                default: "false",
                meaning: "whether a panic makes a bundle of evidence, for which its thread waits for at most two seconds; at most one a minute, and five an hour for each place that panics",
                changes: false,
            }

            /// The signal that makes a bundle of evidence, on Linux: `USR1`, `USR2` or `HUP`.
            method evidence_signal: EvidenceSignal = none, if |_| cfg!(all(feature = "flight", target_os = "linux")) => {
                variable: "PERF_EVIDENCE_SIGNAL",
                allowed: "USR1, USR2 or HUP; only with the feature flight, on Linux",
                default: "none",
                meaning: "the signal that makes a bundle of evidence, within two seconds; one for which the program has a handler at the start, or which it ignores, is left unchanged",
                changes: false,
            }

            /// Whether SIGINT and SIGTERM also end the profiler, with the report, before they end
            /// the program.
            ///
            /// A signal for which the program has a handler at the start, or which it ignores, is
            /// left unchanged. If the program installs a handler later, that one is used. A second
            /// signal ends the program at once. On Linux only, and not in the first process of a
            /// container, which such signals do not end.
            method report_signals: bool = or(false) => {
                variable: "PERF_REPORT_SIGNALS",
                allowed: "true or false",
                default: "false",
                meaning: "whether SIGINT and SIGTERM also end the profiler, with the report and the last window of profiles, before they end the program (Linux); a signal for which the program has a handler, or which it ignores, is left unchanged, and so are all in the first process of a container",
                changes: false,
            }

            /// Whether calls are recorded from the start.
            method enabled: bool = or(true) => {
                variable: "PERF_ENABLED",
                allowed: "true or false",
                default: "true",
                meaning: "whether calls are recorded from the start; the endpoint and the handle can change it",
                changes: true,
            }

            by_hand sample: SampleRules = or(SampleRules::default()) => {
                variable: "PERF_SAMPLE",
                allowed: "PATTERN=RATE, several separated by commas: a pattern of module::function with * for any text; a rate: always, never, 1/2 to 1/4096, a percentage, or default, as the attribute says",
                default: "as the attributes say, else every call",
                meaning: "how many calls are measured; all are counted",
                changes: true,
            }

            by_hand roots: Patterns = or(Patterns::default()) => {
                variable: "PERF_ROOTS",
                allowed: "patterns of module::function with * for any text, separated by commas",
                default: "none",
                meaning: "functions whose slowest calls are kept with what they did, besides those that are marked so and the requests of watch_http: see [the slowest calls](slow.md)",
                changes: false,
            }

            /// The length of a window of the slowest calls: those of the window that goes on, and
            /// of the one before, are at `/slow`.
            method slow_window: Duration = or(Duration::from_secs(60)), if |time| SLOW_WINDOW.contains(&time) => {
                variable: "PERF_SLOW_WINDOW",
                allowed: "a duration from 1s to 1h: a whole number with ms, s, min or h",
                default: "1min",
                meaning: "the length of a window of the slowest calls, of which two are kept",
                changes: false,
            }

            /// The maximum cost of measuring, as a percentage of the process's CPU time such as
            /// `0.5%`; `off`: every call is measured.
            method budget: Option<Share> = or(Some(Share::percent(1.0))), if |share| share.is_none_or(|share| share.ratio() > 0.0 && share.ratio() <= 1.0) => {
                variable: "PERF_BUDGET",
                allowed: "a percentage of the process's CPU time, above 0% and up to 100%, or off",
                default: "1%",
                meaning: "the maximum cost of measuring; functions that are called very often are measured on a sample of their calls to stay within it; off: every call is measured",
                changes: false,
            }

            /// The maximum cost of measuring in a process that does little, as a percentage of one
            /// core such as `0.5%`. The budget is this or the share of the process's CPU time,
            /// whichever is more.
            method budget_floor: Share = or(Share::percent(0.5)), if |share| (0.0..=1.0).contains(&share.ratio()) => {
                variable: "PERF_BUDGET_FLOOR",
                allowed: "a percentage of one core, from 0% to 100%",
                default: "0.5%",
                meaning: "the maximum cost of measuring in a process that does little: the budget is this or its share of the process's CPU time, whichever is more",
                changes: false,
            }

            /// What happens to functions with so many calls that counting alone exceeds the budget:
            /// `rest`, or `count`.
            method hot: HotFunctions = or(HotFunctions::Rest) => {
                variable: "PERF_HOT",
                allowed: "rest or count",
                default: "rest",
                meaning: "what happens to a function with so many calls that counting alone exceeds the budget: rest: its calls are estimated from then on; count: they are still counted",
                changes: false,
            }

            /// The memory limit of the profiler, as a size such as `64MiB`.
            method memory: ByteSize = or(ByteSize::mib(64)), if |size| *size >= ByteSize::mib(1) => {
                variable: "PERF_MEMORY",
                allowed: "a size of at least 1MiB: a number with KiB, MiB or GiB",
                default: "64MiB",
                meaning: "the memory limit of the profiler; beyond it, calls of functions that are new to a thread are counted in a record that all threads share, without their place in the call tree",
                changes: false,
            }

            /// The mean number of allocated bytes for one sample of the live heap, as a size that
            /// is a power of two such as `512KiB`; `off`: the live heap is not sampled.
            method heap: Option<ByteSize> = or(cfg!(feature = "heap").then_some(ByteSize::kib(512))), if is_heap_interval => {
                variable: "PERF_HEAP",
                allowed: "a size from 4KiB to 1GiB that is a power of two, or off; without the feature heap only off",
                default: "512KiB",
                meaning: "the mean number of allocated bytes for one sample of the live heap, which attributes memory to functions; up to eight times more if sampling would exceed a quarter of the budget; off: the live heap is not sampled",
                changes: true,
            }

            /// The interval of the leak detector, such as `30s`; `off`: it does not run.
            method leak_window: Option<Duration> = or(Some(Duration::from_secs(30))), if |window| window.is_none_or(|window| LEAK_WINDOW.contains(&window)) => {
                variable: "PERF_LEAK_WINDOW",
                allowed: "a duration from 10ms to 1h: a whole number with ms, s, min or h; or off",
                default: "30s",
                meaning: "the interval of the leak detector; off: it does not run",
                changes: false,
            }

            /// The lifetime from which an object counts as leaked, such as `1h`: 40 to 480 windows.
            method leak_horizon: Duration = none => {
                variable: "PERF_LEAK_HORIZON",
                allowed: "a duration of 40 to 480 leak windows",
                default: "120 leak windows",
                meaning: "the lifetime from which an object counts as leaked; from a twelfth of it, it counts as old",
                changes: false,
            }

            /// Call paths with fewer old bytes are not reported: a size such as `1MiB`.
            method leak_floor: ByteSize = or(ByteSize::mib(1)) => {
                variable: "PERF_LEAK_FLOOR",
                allowed: "a size: a number with KiB, MiB or GiB",
                default: "1MiB",
                meaning: "call paths with fewer old bytes are not reported",
                changes: false,
            }

            /// `declared`: every cache is annotated with its bound, so a path that keeps all it
            /// allocates leaks; `undeclared`: it may be a cache.
            method leak_caches: LeakCaches = or(LeakCaches::Undeclared) => {
                variable: "PERF_LEAK_CACHES",
                allowed: "declared or undeclared",
                default: "undeclared",
                meaning: "declared: every cache is annotated with bounded, so a call path that keeps all that it allocates is confirmed as a leak; undeclared: it is only suspected, because a cache that is filling does the same",
                changes: false,
            }

            /// The memory limit of the process, for memory pressure and for the time until a leak
            /// reaches it: a size such as `2GiB`.
            method memory_limit: ByteSize = none, if |size| *size > ByteSize::bytes(0) => {
                variable: "PERF_MEMORY_LIMIT",
                allowed: "a size above 0: a number with KiB, MiB or GiB",
                default: "the cgroup's memory limit, else the machine's memory",
                meaning: "the memory limit of the process: for the time until a leak reaches it, and for memory pressure",
                changes: false,
            }

            /// The thresholds of memory pressure, as percentages of the memory limit such as
            /// `80%,95%`; `off`: it is not evaluated.
            method pressure: Option<Pressure> = or(cfg!(feature = "pool").then_some(PRESSURE)), if |shares| shares.is_none_or(|shares| cfg!(feature = "pool") && shares.is_allowed()) => {
                variable: "PERF_PRESSURE",
                allowed: "two percentages of the memory limit such as 80%,95%, the first one less; or off; without the feature pool only off",
                default: "80%,95%",
                meaning: "the thresholds of memory pressure: from the first on, pools are trimmed and long unused pages returned to the system, from the second on, all unused pages; off: it is not evaluated",
                changes: false,
            }

            /// How threads are signalled to sample their stacks: `auto`, `perf-clock`, `cpu-timer`,
            /// or `pprof` with the feature `pprof`; `off`: stacks are not sampled.
            method stacks: Option<StackEngine> = or(Some(StackEngine::Auto)), if is_stack_engine => {
                variable: "PERF_STACKS",
                allowed: "auto, perf-clock, cpu-timer, pprof or off; pprof only with the feature pprof; without the feature stacks only auto and off",
                default: "auto",
                meaning: "how threads are signalled to sample their stacks: auto uses perf's clock where threads run for a millisecond or longer between two context switches, and for more samples than the kernel has ticks, CPU timers otherwise, which cost least, and the pprof crate, if it is available, where neither works; off: stacks are not sampled",
                changes: false,
            }

            /// Stack samples for each second of CPU time, at most 4,000; 0: only while a profile is
            /// being taken.
            method stacks_hz: u32 = or(99), if |hz| *hz <= 4_000 => {
                variable: "PERF_STACKS_HZ",
                allowed: "a whole number from 0 to 4000",
                default: "99",
                meaning: "stack samples for each second of CPU time; 0: only while a profile is being taken, at 99",
                changes: false,
            }

            /// Whether the lines and inlined calls of libraries are read from debug files that the
            /// system installed. Without that, these files name functions only.
            method debug_files: bool = or(false), if |on| cfg!(feature = "stacks") || !on => {
                variable: "PERF_DEBUG_FILES",
                allowed: "true or false; without the feature stacks only false",
                default: "false",
                meaning: "whether profiles have lines and inlined calls of libraries whose debug information the system installed in /usr/lib/debug, which takes longer; false: names of functions only",
                changes: false,
            }

            /// The Pyroscope server to which profiles are pushed, such as `http://pyroscope:4040`,
            /// or `off`. Plain HTTP only: for TLS, push to a Grafana Alloy on the same machine,
            /// which forwards the profiles.
            method push: Option<PushServer> = or(None), if |server| cfg!(feature = "push") || server.is_none() => {
                variable: "PERF_PUSH",
                allowed: "http://HOST, with :PORT and /PREFIX if needed, without user and password, or off; not https: TLS is not supported, Grafana Alloy on the same machine can forward by TLS (docs/fleet.md); without the feature push only off",
                default: "off",
                meaning: "the Pyroscope server to which profiles of CPU time and of the heap are pushed",
                changes: false,
            }

            /// The protocol for that server: `ingest` (`POST /ingest`) or `push`
            /// (`push.v1.PusherService/Push`).
            method push_protocol: PushProtocol = or(PushProtocol::Ingest) => {
                variable: "PERF_PUSH_PROTOCOL",
                allowed: "ingest or push",
                default: "ingest",
                meaning: "the protocol for that server: POST /ingest, or push.v1.PusherService/Push",
                changes: false,
            }

            /// The interval from one profile that is pushed or written to the next, such as `15s`.
            method push_interval: Duration = or(Duration::from_secs(15)), if |interval| PUSH_INTERVAL.contains(interval) => {
                variable: "PERF_PUSH_INTERVAL",
                allowed: "a duration from 1s to 1h: a whole number with ms, s, min or h",
                default: "15s",
                meaning: "the interval from one profile that is pushed or written to the next",
                changes: false,
            }

            /// The name of the service, in pushed profiles, in metrics of OTLP and in file names.
            method push_name: ServiceName = none => {
                variable: "PERF_PUSH_NAME",
                allowed: "1 to 128 letters, digits, dots, dashes, underscores and slashes",
                default: "the executable's name",
                meaning: "the name of the service, in pushed profiles, in metrics of OTLP and in file names",
                changes: false,
            }

            /// Labels of pushed profiles, as `name=value,…`. Each combination of values is a series
            /// of its own on the server, so do not use labels with many values.
            method push_labels: PushLabels = or(PushLabels::default()) => {
                variable: "PERF_PUSH_LABELS",
                allowed: "NAME=VALUE, up to 20 separated by commas: a name of letters, digits and underscores, not service_name, pyroscope_spy or one that begins with two underscores; a value without braces and commas",
                default: "none",
                meaning: "labels of pushed profiles",
                changes: false,
            }

            /// The token that is sent to the server as `Authorization: Bearer …`.
            method push_token: Secret = none, if |token| token.has(1..=4_096) => {
                variable: "PERF_PUSH_TOKEN",
                allowed: "1 to 4096 printable ASCII characters without spaces",
                default: "none",
                meaning: "the token that is sent to the server as Authorization: Bearer",
                changes: false,
            }

            /// The tenant that is sent to the server as `X-Scope-OrgID`.
            method push_tenant: Tenant = none => {
                variable: "PERF_PUSH_TENANT",
                allowed: "1 to 150 letters, digits and !-_.*'()",
                default: "none",
                meaning: "the tenant that is sent to the server as X-Scope-OrgID",
                changes: false,
            }

            /// The server of OTLP to which metrics are sent, such as `http://collector:4318`, or
            /// `off`. `/v1/metrics` is added to the path. Plain HTTP only: for TLS, send to a
            /// Collector on the same machine.
            method otlp: Option<PushServer> = or(None), if |server| cfg!(feature = "otlp") || server.is_none() => {
                variable: "PERF_OTLP",
                allowed: "http://HOST, with :PORT and /PREFIX if needed, without user and password, or off; not https: TLS is not supported, a Collector on the same machine can forward by TLS; without the feature otlp only off",
                default: "off",
                meaning: "the server to which metrics are sent as OTLP by HTTP, at /v1/metrics: see [OTLP](otlp.md)",
                changes: false,
            }

            /// The interval from one set of metrics that is sent to the next, such as `60s`.
            method otlp_interval: Duration = or(Duration::from_secs(60)), if |interval| PUSH_INTERVAL.contains(interval) => {
                variable: "PERF_OTLP_INTERVAL",
                allowed: "a duration from 1s to 1h: a whole number with ms, s, min or h",
                default: "60s",
                meaning: "the interval from one set of metrics that is sent to the next",
                changes: false,
            }

            /// What sums count: `cumulative`, all since the start, or `delta`, what came since the
            /// request before.
            method otlp_temporality: OtlpTemporality = or(OtlpTemporality::Cumulative) => {
                variable: "PERF_OTLP_TEMPORALITY",
                allowed: "cumulative or delta",
                default: "cumulative",
                meaning: "what sums count: all since the start, or what came since the request before",
                changes: false,
            }

            /// Attributes of the process that are sent with its metrics, as `name=value,…`. They
            /// override those in `OTEL_RESOURCE_ATTRIBUTES`.
            method otlp_attributes: OtlpAttributes = or(OtlpAttributes::default()) => {
                variable: "PERF_OTLP_ATTRIBUTES",
                allowed: "NAME=VALUE, up to 64 separated by commas: a name of letters, digits and ._-/, a value without commas",
                default: "none",
                meaning: "attributes of the process that are sent with its metrics; they override those in OTEL_RESOURCE_ATTRIBUTES",
                changes: false,
            }

            /// Headers of each request, as `name=value,…`, such as a token.
            method otlp_headers: OtlpHeaders = or(OtlpHeaders::default()) => {
                variable: "PERF_OTLP_HEADERS",
                allowed: "NAME=VALUE, up to 64 separated by commas: a name of letters, digits, - and _, not one that each request has, a value of printable ASCII without commas",
                default: "none",
                meaning: "headers of each request, such as a token",
                changes: false,
            }

            /// Whether profiles of CPU time are sent too, at `/v1development/profiles`. Their
            /// protocol is in development.
            method otlp_profiles: bool = or(false), if |on| cfg!(feature = "otlp-profiles") || !on => {
                variable: "PERF_OTLP_PROFILES",
                allowed: "true or false; without the feature otlp-profiles only false",
                default: "false",
                meaning: "whether profiles of CPU time are sent too, at /v1development/profiles, by a protocol in development",
                changes: false,
            }

            /// A folder to which profiles are written, or `off`.
            method profiles: Option<PathBuf> = or(None), if |folder| cfg!(feature = "push") || folder.is_none() => {
                variable: "PERF_PROFILES",
                allowed: "an existing, writable folder, or off; without the feature push only off",
                default: "off",
                meaning: "the folder to which profiles are written as NAME-PID-cpu-TIME.pb.gz and NAME-PID-heap-TIME.pb.gz, mode 0600",
                changes: false,
            }

            /// How many of this program's profiles are kept in that folder: a number such as `48`,
            /// or a size such as `256MiB`.
            method profiles_keep: ProfilesKeep = or(ProfilesKeep::Files(48)), if ProfilesKeep::is_allowed => {
                variable: "PERF_PROFILES_KEEP",
                allowed: "a number of files from 1 to 100000, or a size of at least 1MiB: a number with KiB, MiB or GiB",
                default: "48",
                meaning: "how many of this program's profiles are kept in that folder; the oldest are deleted",
                changes: false,
            }

            /// What figures of the program ought to be: [targets](crate::target), their expressions
            /// as text, separated by semicolons, or a file of TOML, whose name ends with `.toml`.
            /// [`target`](Self::target) adds one.
            method targets: Option<TargetsFrom> = or(None) => {
                variable: "PERF_TARGETS",
                allowed: "expressions such as p95(\"search\") < 100ms, separated by semicolons; a file of them, whose name ends with .toml (only with the feature toml); or off",
                default: "off",
                meaning: "what figures of the program ought to be: see [targets](targets.md)",
                changes: false,
            }

            /// A snapshot's file, to which targets `of baseline` are relative, or `off`.
            method targets_baseline: Option<PathBuf> = or(None) => {
                variable: "PERF_TARGETS_BASELINE",
                allowed: "a file that Snapshot::write_to or /snapshot wrote, or off",
                default: "off",
                meaning: "the snapshot to which targets of baseline are relative",
                changes: false,
            }

            /// The status with which the program ends instead of 0 if a target is missed at its
            /// end, or `off`.
            method targets_exit: Option<u32> = or(None), if |status| status.is_none_or(|status| cfg!(unix) && (1..=255).contains(&status)) => {
                variable: "PERF_TARGETS_EXIT",
                allowed: "a number from 1 to 255, or off; only off on Windows",
                default: "off",
                meaning: "the status with which the program ends instead of 0 if a target is missed at its end",
                changes: false,
            }

            /// What ought not to be so: [alerts](crate::alert), their rules as text, separated by
            /// semicolons, or a file of TOML, whose name ends with `.toml`. [`alert`](Self::alert)
            /// adds one.
            method alerts: Option<AlertsFrom> = or(None) => {
                variable: "PERF_ALERTS",
                allowed: "rules such as p99(\"search\") > 250ms for 30s, separated by semicolons; a file of them, whose name ends with .toml (only with the feature toml); or off",
                default: "off",
                meaning: "what ought not to be so: see [alerts](alerts.md)",
                changes: false,
            }

            /// Whether alerts are judged that need to know nothing of the program:
            /// [`AlertRules::shipped`](crate::alert::AlertRules::shipped).
            method alerts_shipped: bool = or(true) => {
                variable: "PERF_ALERTS_SHIPPED",
                allowed: "true or false",
                default: "true",
                meaning: "whether alerts are judged that need to know nothing of the program",
                changes: false,
            }

            /// How many processes the load needs: ranges in which figures are meant to be, as
            /// [targets](crate::target), such as `30% < cpu < 80% over 2m`, separated by
            /// semicolons, or a file of TOML, whose name ends with `.toml`. See
            /// [`Handle::scaling`](crate::Handle::scaling).
            method scaling: Option<TargetsFrom> = or(None) => {
                variable: "PERF_SCALING",
                allowed: "ranges such as 30% < cpu < 80% over 2m, separated by semicolons; a file of them as targets, whose name ends with .toml (only with the feature toml); or off",
                default: "off",
                meaning: "the ranges in which figures are meant to be, by which it is said how many processes the load needs: see [scaling](scaling.md)",
                changes: false,
            }

            /// Where changes of alerts are posted, in the form of Alertmanager's webhook, version
            /// 4, or `off`.
            method alert_webhook: Option<PushServer> = or(None), if |server| cfg!(feature = "push") || server.is_none() => {
                variable: "PERF_ALERT_WEBHOOK",
                allowed: "http://HOST/PATH, with :PORT if needed, without user and password, or off; not https: TLS is not supported; without the feature push only off",
                default: "off",
                meaning: "where changes of alerts are posted, in the form of Alertmanager's webhook",
                changes: false,
            }

            /// The Alertmanager that is told what fires, again every minute, and what is over, or
            /// `off`.
            method alertmanager: Option<PushServer> = or(None), if |server| cfg!(feature = "push") || server.is_none() => {
                variable: "PERF_ALERTMANAGER",
                allowed: "http://HOST, with :PORT and /PREFIX if needed, without user and password, or off; not https: TLS is not supported; without the feature push only off",
                default: "off",
                meaning: "the Alertmanager that is told of alerts",
                changes: false,
            }

            /// The command that is run when an alert fires whose rule has none: a program and its
            /// arguments, separated by spaces, or `off`. There is no shell. See
            /// [`AlertCommand`](crate::alert::AlertCommand).
            method alert_command: Option<AlertCommand> = or(None) => {
                variable: "PERF_ALERT_COMMAND",
                allowed: "a program and its arguments, separated by spaces, such as /usr/local/bin/page --now, or off",
                default: "off",
                meaning: "the command that is run when an alert fires whose rule has none: see [alerts](alerts.md#what-is-done)",
                changes: false,
            }

            /// Selects a thread CPU clock: `perf-time`, `rseq`, `perf-seq` or `syscall`.
            method cpu_clock: CpuClock = none => {
                variable: "PERF_CPU_CLOCK",
                allowed: "perf-time, rseq, perf-seq or syscall",
                default: "the first that passes its self-test",
                meaning: "how thread CPU time is read",
                changes: false,
            }
        }
    };
}

pub(super) use table;
