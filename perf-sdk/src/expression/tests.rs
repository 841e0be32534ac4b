//! The grammar: examples, round trips, messages, and texts that are damaged at random.

use super::*;

/// Of a target: the text, and its printed form if that is another.
const TARGETS: &[(&str, &str)] = &[
    (r#"p95("search") < 100ms"#, ""),
    (r#"hit_ratio("results") > 90%"#, ""),
    ("resident < 100MiB", ""),
    (r#"error_ratio("GET /search") < 1%"#, ""),
    ("rate(slow_queries) < 1/min", r#"rate("slow_queries") < 1/min"#),
    ("startup < 200ms", ""),
    (r#"pool_utilization("db") < 70%"#, ""),
    ("parallel_efficiency > 70%", ""),
    (r#"p95("search") < 50% of baseline"#, ""),
    ("60% < compression_ratio < 80%", ""),
    ("80% >= compression_ratio > 60%", "60% < compression_ratio <= 80%"),
    ("compression_ratio in 60%..80%", ""),
    ("60% <= compression_ratio <= 80%", "compression_ratio in 60%..80%"),
    (r#"rate("GET /search") > 100/s"#, ""),
    (r#"p95("search") < 100ms over 5m"#, ""),
    ("p99 ( search ) <= 1.5 s OVER 90 min", r#"p99("search") <= 1.5s over 90m"#),
    ("process_open_fds < 500", ""),
    ("node_load1 < 4", ""),
    (r#"cache_hits{cache="results"} > 10_000"#, r#"cache_hits{cache="results"} > 10000"#),
    ("cache_hits{cache=results, tier='1'} > 1", r#"cache_hits{cache="results", tier="1"} > 1"#),
    ("peak(resident) < 120MB over 1h", ""),
    (r#"peak(queue_depth{queue="jobs"}) < 1000"#, ""),
    ("growth(oom_kills_total) < 1 over 1d", ""),
    ("growth(process_io_bytes_total) < 1GiB over 1d", ""),
    ("rate(process_io_bytes_total) < 10MiB/s", r#"rate("process_io_bytes_total") < 10MiB/s"#),
    ("rate(process_cpu_seconds_total) < 75%", r#"rate("process_cpu_seconds_total") < 75%"#),
    (r#"rate(net_bytes_total{device="eth0"}) < 10kB/h"#, ""),
    (r#"share(actions_total{outcome="recovered"}, actions_total) > 80%"#, ""),
    (r#"hit_ratio("results"){tier="1"} > 80%"#, ""),
    ("100 ms > p95(module::search)", r#"p95("module::search") < 100ms"#),
    (r#"p95('<Index as Find>::find "x"') < 250µs"#, r#"p95("<Index as Find>::find \"x\"") < 250us"#),
    (r#"p95("a\\b") < 1e-3s"#, r#"p95("a\\b") < 0.001s"#),
    (r#"allocated("parse") < 1.5MB/min"#, ""),
    (r#"live("cache") < 0.5GB"#, ""),
    ("cpu < 75%", ""),
    ("balance_seconds > -5s", ""),
    (r#"error_ratio("x") <= 120% of baseline"#, ""),
];

/// Of an alert.
const RULES: &[(&str, &str)] = &[
    ("p99(search) > 250ms for 30s keep 2m", r#"p99("search") > 250ms for 30s keep 2m"#),
    ("p99(search) > 250ms keep 2m for 30s", r#"p99("search") > 250ms for 30s keep 2m"#),
    (r#"burn("checkout", 99.9%)"#, ""),
    (r#"anomaly(self_cpu("rank"))"#, ""),
    ("leak(confirmed)", ""),
    ("every(5m)", ""),
    ("cpu > 90% AND resident > 1GiB", ""),
    ("cpu > 90% and resident > 1GiB or leak(suspect)", "(cpu > 90% AND resident > 1GiB) OR leak(suspect)"),
    ("cpu > 90% and (resident > 1GiB or leak(suspect))", "cpu > 90% AND (resident > 1GiB OR leak(suspect))"),
    ("any(cpu > 90%, resident > 1GiB, leak(suspect)) for 1m", "cpu > 90% OR resident > 1GiB OR leak(suspect) for 1m"),
    ("all(cpu > 90%, resident > 1GiB over 5m)", "cpu > 90% AND resident > 1GiB over 5m"),
];

fn target(text: &str) -> Result<Comparison, ExpressionError> {
    parse_comparison(&Source::of(text, "target"))
}

fn rule(text: &str) -> Result<Rule, ExpressionError> {
    parse_rule(&Source::of(text, "alert"))
}

#[test]
fn examples_are_parsed_and_printed() {
    for (text, printed) in TARGETS {
        let parsed = target(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown = parsed.to_string();
        assert_eq!(shown, if printed.is_empty() { *text } else { *printed });
        assert_eq!(target(&shown).unwrap(), parsed, "{shown}");
        assert_eq!(rule(text).unwrap().condition, Condition::Comparison(parsed), "a rule may be a comparison");
    }
    for (text, printed) in RULES {
        let parsed = rule(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown = parsed.to_string();
        assert_eq!(shown, if printed.is_empty() { *text } else { *printed });
        assert_eq!(rule(&shown).unwrap(), parsed, "{shown}");
    }
}

#[test]
fn limits_are_in_base_units() {
    let below = |text| match target(text).unwrap().below.unwrap().limit {
        Limit::Fixed(quantity) | Limit::OfBaseline(quantity) => quantity.value(),
    };
    assert_eq!(below("p95(search) < 100ms"), 0.1);
    assert_eq!(below("resident < 100MB"), 1e8);
    assert_eq!(below("rate(slow_queries) < 6/min"), 0.1);
    assert_eq!(below("error_ratio(x) < 1%"), 0.01);
    assert_eq!(below("p95(search) < 50% of baseline"), 0.5);
}

#[test]
fn every_function_of_the_table_has_an_example_that_is_parsed() {
    for function in FUNCTIONS {
        let limit = match function.name {
            "rate" => "1/s".to_owned(),
            _ => {
                let metric = target(&format!("{} < 1ms", function.example()));
                let dimension = metric.map_or_else(|error| error.allowed, |_| "1ms".to_owned());
                let units = ["1ms", "1MiB", "1%", "1", "1/s", "1MiB/s"];
                let fits = |unit: &&str| target(&format!("{} < {unit}", function.example())).is_ok();
                let fitting: Vec<&str> = units.into_iter().filter(fits).collect();
                assert_eq!(fitting.len(), 1, "{}: {dimension}", function.name);
                fitting[0].to_owned()
            }
        };
        let parsed = target(&format!("{} < {limit}", function.example())).unwrap();
        assert_eq!(parsed.metric.function.unwrap().name, function.name);
        assert!(!function.meaning.is_empty() && !function.computed_from().is_empty());
        let same = FUNCTIONS.iter().filter(|other| other.name == function.name);
        assert_eq!(same.count(), 1, "{}: two entries", function.name);
    }
}

#[test]
fn mistakes_name_the_place_the_value_and_what_is_allowed() {
    for (text, message) in [
        // Units.
        (
            "p95(search) < 90",
            r#"target:1:15 is "90"; allowed: for p95, which is a time: a number with ns, us, ms, s, m, h or d, such as 100ms"#,
        ),
        (
            "p95(search) < 100MiB",
            r#"target:1:15 is "100MiB"; allowed: for p95, which is a time: a number with ns, us, ms, s, m, h or d, such as 100ms"#,
        ),
        (
            "hit_ratio(results) > 0.9",
            r#"target:1:22 is "0.9"; allowed: for hit_ratio, which is a share: a percentage, such as 90%"#,
        ),
        (
            "resident < 100 ms",
            r#"target:1:12 is "100 ms"; allowed: for resident, which is a size: a number with B, KiB, MiB, GiB, kB, MB or GB, such as 100MiB"#,
        ),
        (
            "rate(slow_queries) < 1",
            r#"target:1:22 is "1"; allowed: for rate, which is a rate: a number with /s, /min or /h, such as 100/s"#,
        ),
        (
            "allocated(parse) < 1MiB",
            r#"target:1:20 is "1MiB"; allowed: for allocated, which is a rate of bytes: a size with /s, /min or /h, such as 10MiB/s"#,
        ),
        (
            "process_open_fds < 50%",
            r#"target:1:20 is "50%"; allowed: for the reading process_open_fds, which by its name is a number: a number without a unit, such as 500"#,
        ),
        (
            "residnet < 100MiB",
            r#"target:1:12 is "100MiB"; allowed: for the reading residnet, which by its name is a number: a number without a unit, such as 500; did you mean resident?"#,
        ),
        (
            "p95(search) < 3ms/s",
            r#"target:1:15 is "3ms/s"; allowed: for p95, which is a time: a number with ns, us, ms, s, m, h or d, such as 100ms"#,
        ),
        (
            "p95(search) < 100parsec",
            r#"target:1:18 is "parsec"; allowed: a unit: ns, us, ms, s, m, h, d, B, KiB, MiB, GiB, kB, MB, GB, %, or /s, /min or /h after it"#,
        ),
        ("rate(x) < 1/fortnight", r#"target:1:13 is "fortnight"; allowed: s, min or h after the /"#),
        (
            "p95(search) < 50ms of baseline",
            r#"target:1:15 is "50ms of baseline"; allowed: a percentage of the baseline, such as 50% of baseline"#,
        ),
        (
            "p95(search) < 1ms over 5",
            r#"target:1:24 is "5"; allowed: a time such as 5m: a number above 0 with ns, us, ms, s, m, h or d"#,
        ),
        // Names and arguments.
        ("hitratio(x) < 1%", r#"target:1:1 is "hitratio"; allowed: a metric function; did you mean hit_ratio?"#),
        ("p95 < 1ms", r#"target:1:1 is "p95"; allowed: p95 of the name of a function, such as p95("search")"#),
        (
            "p95(a, b) < 1ms",
            r#"target:1:1 is "p95(a, b)"; allowed: p95 of the name of a function, such as p95("search")"#,
        ),
        ("p95(5ms) < 1ms", r#"target:1:5 is "5ms"; allowed: p95 of the name of a function, such as p95("search")"#),
        ("resident(x) < 1MiB", r#"target:1:1 is "resident(x)"; allowed: resident without an argument"#),
        (
            "peak(p95(search)) < 1ms",
            r#"target:1:6 is "p95(search)"; allowed: peak of a reading, or a function that is one, such as resident, such as peak(resident)"#,
        ),
        (
            r#"p95(search){a="b"} < 1ms"#,
            r#"target:1:1 is "p95(search){a=\"b\"}"; allowed: p95("search"), without labels"#,
        ),
        ("x{a=1} < 1", r#"target:1:5 is "1"; allowed: the label's value, in quotes"#),
        // Form.
        ("", "target:1:1 is the end; allowed: a metric such as p95(\"search\"), or a number with its unit"),
        ("p95(search)", "target:1:12 is the end; allowed: <, <=, >, >= or in, and a limit"),
        (
            "p95(search) <",
            "target:1:14 is the end; allowed: a metric such as p95(\"search\"), or a number with its unit",
        ),
        ("p95(search) = 1ms", r#"target:1:13 is "="; allowed: <, <=, >, >= or in"#),
        (
            "p95(search) ! 1ms",
            r#"target:1:13 is "!"; allowed: names, numbers, quoted texts, and < <= > >= = ( ) { } , .. % /"#,
        ),
        ("p95(search < 1ms", r#"target:1:12 is "<"; allowed: a comma or )"#),
        (
            r#"p95("search) < 1ms"#,
            r#"target:1:5 is "\"search) < 1ms"; allowed: a text that ends with " in the same line"#,
        ),
        ("1ms < 2ms", r#"target:1:1 is "1ms"; allowed: a metric such as p95("search") on one side"#),
        ("cpu < resident", r#"target:1:7 is "resident"; allowed: a number with its unit on one side"#),
        ("60% < cpu > 80%", r#"target:1:11 is "> 80%"; allowed: < or <= again"#),
        (
            "80% < cpu < 60%",
            r#"target:1:1 is "80% < cpu < 60%"; allowed: a range whose lower end is below its upper end"#,
        ),
        ("cpu in 80%..60%", r#"target:1:8 is "80%..60%"; allowed: a range whose lower end is below its upper end"#),
        ("cpu < 1% over 5m over 6m", r#"target:1:18 is "over"; allowed: AND, OR, over, for, keep, or the end"#),
        ("cpu < 1%; cpu > 2%", r#"target:1:9 is ";"; allowed: one expression, without ;"#),
        (
            "\n  p95(µ) <\n 5KiB",
            r#"target:3:2 is "5KiB"; allowed: for p95, which is a time: a number with ns, us, ms, s, m, h or d, such as 100ms"#,
        ),
        // What only alerts have.
        (
            "cpu < 1% for 30s",
            r#"target:1:10 is "for 30s"; allowed: the end: for and keep are of alerts; a target has over"#,
        ),
        (
            "cpu < 1% AND cpu > 0%",
            r#"target:1:1 is "cpu < 1% AND cpu > 0%"; allowed: one comparison, which is all that a target has; write a target for each"#,
        ),
        (
            "every(5m)",
            r#"target:1:1 is "every(5m)"; allowed: one comparison, which is all that a target has; write a target for each"#,
        ),
        (
            "burn(x, 99.9%) > 1",
            r#"target:1:1 is "burn"; allowed: a metric; burn is a condition of its own, without a limit, and only alerts have it"#,
        ),
    ] {
        assert_eq!(target(text).unwrap_err().to_string(), message, "{text}");
    }
    for (text, message) in [
        ("burn(x, 100%)", r#"alert:1:9 is "100%"; allowed: a percentage above 0% and below 100%, such as 99.9%"#),
        ("burn(x)", r#"alert:1:1 is "burn(x)"; allowed: burn as in burn("checkout", 99.9%)"#),
        ("leak(maybe)", r#"alert:1:6 is "maybe"; allowed: retention, suspect, confirmed"#),
        ("every(5)", r#"alert:1:7 is "5"; allowed: a time such as 5m: a number above 0 with ns, us, ms, s, m, h or d"#),
        ("anomaly(nothing(x))", r#"alert:1:9 is "nothing"; allowed: a metric function: p50, "#),
        ("cpu > 1% for 1m AND cpu > 2%", r#"alert:1:17 is "AND"; allowed: the end, since for and keep come last"#),
        ("(cpu > 1%", "alert:1:10 is the end; allowed: AND, OR, over or )"),
    ] {
        let error = rule(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text}: {error}");
    }
}

#[test]
fn a_list_has_one_expression_between_separators() {
    let parsed = parse_list(&Source::of("cpu < 75%; resident < 1GiB\n\n;p95(a) < 1ms;\n", "PERF")).unwrap();
    let shown: Vec<(usize, String)> = parsed.iter().map(|(at, comparison)| (*at, comparison.to_string())).collect();
    let expected = [(0, "cpu < 75%"), (11, "resident < 1GiB"), (29, r#"p95("a") < 1ms"#)];
    assert_eq!(shown, expected.map(|(at, text)| (at, text.to_owned())));
    assert_eq!(parse_list(&Source::of(" ;\n", "PERF")).unwrap(), []);
    let error = parse_list(&Source::of("cpu < 75%;\ncpu < 5ms", "PERF")).unwrap_err();
    assert_eq!((error.line, error.column), (2, 7));
    assert!(parse_list(&Source::of("cpu < 75% cpu < 1%", "PERF")).is_err());
}

#[test]
fn depth_and_length_are_bounded() {
    for deep in [
        format!("{}cpu > 1%{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}cpu > 1%{}", "any(".repeat(100_000), ")".repeat(100_000)),
        format!("{}x{} > 1%", "peak(".repeat(100_000), ")".repeat(100_000)),
    ] {
        let error = rule(&deep).unwrap_err();
        assert!(error.allowed.contains("16 levels"), "{error}");
        assert!(error.to_string().len() < 200);
    }
    assert!(rule(&format!("{}cpu > 1%{}", "(".repeat(16), ")".repeat(16))).is_ok());
    let long = "x".repeat((1 << 20) + 1);
    assert_eq!(target(&long).unwrap_err().allowed, "at most 1 MiB");
    assert!(target(&format!("cpu < {}%", "9".repeat(400))).is_err(), "infinite");
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// Pieces of expressions, and characters that are none.
const PIECES: &[&str] = &[
    "(",
    ")",
    "{",
    "}",
    ",",
    "..",
    ".",
    "%",
    "/",
    "/min",
    "<",
    "<=",
    ">",
    ">=",
    "=",
    "\"",
    "'",
    "\\",
    ";",
    "\n",
    " ",
    "-",
    "1",
    "0",
    "1e9",
    "99.9%",
    "100ms",
    "5 MiB",
    "in",
    "of baseline",
    "over 5m",
    "for",
    "keep",
    "AND",
    "or",
    "any(",
    "all(",
    "p95",
    "rate",
    "peak(",
    "share(",
    "burn(",
    "leak",
    "µ",
    "\u{0}",
    "\u{202e}",
    "🦀",
    "é",
    "_",
    "::",
];

#[test]
fn damaged_expressions_are_errors_or_are_printed_as_they_are_parsed() {
    let examples: Vec<&str> = TARGETS.iter().chain(RULES).map(|(text, _)| *text).collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut parsed, mut refused) = (0, 0);
    for _ in 0..40_000 {
        let mut text: Vec<char> = examples[random.below(examples.len())].chars().collect();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len() + 1);
            match random.below(4) {
                0 => drop(text.drain(at..(at + 1 + random.below(4)).min(text.len()).max(at))),
                1 => text.splice(at..at, PIECES[random.below(PIECES.len())].chars()).for_each(drop),
                2 => text.truncate(at.max(1)),
                _ => {
                    let other: Vec<char> = examples[random.below(examples.len())].chars().collect();
                    let from = random.below(other.len());
                    text.splice(at..at, other[from..].iter().copied()).for_each(drop);
                }
            }
        }
        let text: String = text.into_iter().collect();
        match rule(&text) {
            Ok(rule) => {
                parsed += 1;
                let shown = rule.to_string();
                assert_eq!(self::rule(&shown), Ok(rule), "{text:?} is printed as {shown:?}");
            }
            Err(error) => {
                refused += 1;
                let lines = text.matches('\n').count() + 1;
                assert!(error.line <= lines && error.column >= 1 && !error.allowed.is_empty(), "{text:?}: {error:?}");
            }
        }
        if let Ok(list) = parse_list(&Source::of(&text, "list")) {
            let shown: Vec<String> = list.iter().map(|(_, comparison)| comparison.to_string()).collect();
            let again = parse_list(&Source::of(&shown.join(";"), "list")).unwrap();
            assert!(again.iter().map(|(_, one)| one).eq(list.iter().map(|(_, one)| one)), "{text:?}");
        }
    }
    assert!(parsed > 1_000 && refused > 1_000, "{parsed} parsed, {refused} refused");
}
