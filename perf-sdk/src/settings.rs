//! The table of settings.

/// One line of the table of settings.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The builder's method.
    pub key: &'static str,
    /// The environment variable, which overrides code.
    pub variable: &'static str,
    /// What is allowed.
    pub allowed: &'static str,
    /// What holds when nothing is set.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// All settings: the README's table is this one.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "listen",
        variable: "PERF_LISTEN",
        allowed: "an address such as 127.0.0.1:9464 (port 0: a free one), unix:/path/to/socket, or off",
        default: "127.0.0.1:9464",
        meaning: "where the endpoint listens",
    },
    Setting {
        key: "token",
        variable: "PERF_TOKEN",
        allowed: "16 to 256 printable ASCII characters without spaces",
        default: "generated",
        meaning: "what state-changing requests, and on other than loopback addresses all requests, must bear",
    },
    Setting {
        key: "token_file",
        variable: "PERF_TOKEN_FILE",
        allowed: "a file path",
        default: "perf-sdk-PID.token in the runtime or temporary directory",
        meaning: "where a generated token is kept, mode 0600",
    },
    Setting {
        key: "allow_remote",
        variable: "PERF_ALLOW_REMOTE",
        allowed: "true or false",
        default: "false",
        meaning: "whether other than loopback addresses may be listened on without a token",
    },
    Setting {
        key: "allow_hosts",
        variable: "PERF_ALLOW_HOSTS",
        allowed: "host names or addresses, separated by commas",
        default: "none",
        meaning: "names besides loopback's and the listening address by which the endpoint may be called",
    },
    Setting {
        key: "report",
        variable: "PERF_REPORT",
        allowed: "true or false",
        default: "true",
        meaning: "whether the table of functions is printed on stderr at exit",
    },
    Setting {
        key: "enabled",
        variable: "PERF_ENABLED",
        allowed: "true or false",
        default: "true",
        meaning: "whether calls are recorded from the start on; the endpoint and the handle can change it",
    },
    Setting {
        key: "sample",
        variable: "PERF_SAMPLE",
        allowed: "PATTERN=RATE, several separated by commas: a pattern of module::function with * for any text; a rate: always, never, 1/2 to 1/4096, or a percentage",
        default: "as the attributes say, else every call",
        meaning: "how many calls are measured; all are counted",
    },
    Setting {
        key: "budget",
        variable: "PERF_BUDGET",
        allowed: "a percentage of the process's CPU time, above 0% and up to 100%, or off",
        default: "1%",
        meaning: "what measuring may cost: functions called very often are then measured on a sample of their calls; off: every call is measured",
    },
    Setting {
        key: "memory",
        variable: "PERF_MEMORY",
        allowed: "a size of at least 1MiB: a number with KiB, MiB or GiB",
        default: "64MiB",
        meaning: "what the recorder may hold; beyond it, calls of functions that are new to a thread are counted in a record that all threads share, without their place in the call tree",
    },
    Setting {
        key: "heap",
        variable: "PERF_HEAP",
        allowed: "a size from 4KiB to 1GiB that is a power of two, or off; without the feature heap only off",
        default: "512KiB",
        meaning: "one live allocation in so many bytes is sampled, to tell who holds memory; up to eight times fewer where a quarter of the budget would not do; off: none is",
    },
    Setting {
        key: "leak_window",
        variable: "PERF_LEAK_WINDOW",
        allowed: "a duration from 10ms to 1h: a whole number with ms, s, min or h; or off",
        default: "30s",
        meaning: "how often what is held is looked at for leaks; off: never",
    },
    Setting {
        key: "leak_horizon",
        variable: "PERF_LEAK_HORIZON",
        allowed: "a duration of 40 to 480 leak windows",
        default: "120 leak windows",
        meaning: "what lives longer counts as leaked; a twelfth of it is old",
    },
    Setting {
        key: "leak_floor",
        variable: "PERF_LEAK_FLOOR",
        allowed: "a size: a number with KiB, MiB or GiB",
        default: "1MiB",
        meaning: "call paths that hold less that is old are not spoken of",
    },
    Setting {
        key: "leak_caches",
        variable: "PERF_LEAK_CACHES",
        allowed: "declared or undeclared",
        default: "undeclared",
        meaning: "declared: every cache is annotated with bounded, so what keeps all that it allocates is confirmed as a leak; undeclared: it is only suspected, since a cache that fills does the same",
    },
    Setting {
        key: "memory_limit",
        variable: "PERF_MEMORY_LIMIT",
        allowed: "a size above 0: a number with KiB, MiB or GiB",
        default: "the cgroup's memory limit, else the machine's memory",
        meaning: "what the process may hold: for the time until a leak reaches it, and for pressure",
    },
    Setting {
        key: "pressure",
        variable: "PERF_PRESSURE",
        allowed: "two percentages of the memory limit such as 80%,95%, the first one less; or off; without the feature pool only off",
        default: "80%,95%",
        meaning: "from when on pools are trimmed and unused pages given back, and from when on all of them; off: never",
    },
    Setting {
        key: "stacks",
        variable: "PERF_STACKS",
        allowed: "auto, perf-clock, cpu-timer, pprof or off; pprof only with the feature pprof; without the feature stacks only auto and off",
        default: "auto",
        meaning: "how threads are signalled for samples of their stacks: auto takes CPU timers, which cost least, and perf's clock for more samples than the kernel has ticks, and where neither works the pprof crate, if it is there; off: stacks are not sampled",
    },
    Setting {
        key: "stacks_hz",
        variable: "PERF_STACKS_HZ",
        allowed: "a whole number from 0 to 4000",
        default: "99",
        meaning: "samples of stacks for each second of CPU time; 0: only while a profile is being taken, at 99",
    },
    Setting {
        key: "push",
        variable: "PERF_PUSH",
        allowed: "http://HOST[:PORT][/PREFIX] without user and password, or off; not https: TLS is not spoken, Grafana Alloy on the same machine does that (docs/fleet.md); without the feature push only off",
        default: "off",
        meaning: "the Pyroscope server that profiles of CPU time and of the heap are pushed to",
    },
    Setting {
        key: "push_protocol",
        variable: "PERF_PUSH_PROTOCOL",
        allowed: "ingest or push",
        default: "ingest",
        meaning: "how that server is spoken to: POST /ingest, or push.v1.PusherService/Push",
    },
    Setting {
        key: "push_interval",
        variable: "PERF_PUSH_INTERVAL",
        allowed: "a duration from 1s to 1h: a whole number with ms, s, min or h",
        default: "15s",
        meaning: "from one profile that is pushed or written to the next",
    },
    Setting {
        key: "push_name",
        variable: "PERF_PUSH_NAME",
        allowed: "1 to 128 letters, digits, dots, dashes, underscores and slashes",
        default: "the executable's name",
        meaning: "what the service is called, in what is pushed and in names of files",
    },
    Setting {
        key: "push_labels",
        variable: "PERF_PUSH_LABELS",
        allowed: "NAME=VALUE, up to 20 separated by commas: a name of letters, digits and underscores, not service_name, pyroscope_spy or one that begins with two underscores; a value without braces and commas",
        default: "none",
        meaning: "labels of what is pushed",
    },
    Setting {
        key: "push_token",
        variable: "PERF_PUSH_TOKEN",
        allowed: "1 to 4096 printable ASCII characters without spaces",
        default: "none",
        meaning: "what is sent to the server as Authorization: Bearer",
    },
    Setting {
        key: "push_tenant",
        variable: "PERF_PUSH_TENANT",
        allowed: "1 to 150 letters, digits and !-_.*'()",
        default: "none",
        meaning: "what is sent to the server as X-Scope-OrgID",
    },
    Setting {
        key: "profiles",
        variable: "PERF_PROFILES",
        allowed: "a folder that is there and can be written to, or off; without the feature push only off",
        default: "off",
        meaning: "where profiles are written as NAME-PID-cpu-TIME.pb.gz and NAME-PID-heap-TIME.pb.gz, mode 0600",
    },
    Setting {
        key: "profiles_keep",
        variable: "PERF_PROFILES_KEEP",
        allowed: "a number of files from 1 to 100000, or a size of at least 1MiB: a number with KiB, MiB or GiB",
        default: "48",
        meaning: "how many of this program's profiles stay in that folder; the oldest are deleted",
    },
    Setting {
        key: "cpu_clock",
        variable: "PERF_CPU_CLOCK",
        allowed: "perf-time, rseq, perf-seq or syscall",
        default: "the first that passes its self-test",
        meaning: "how thread CPU time is read",
    },
];
