//! One labelled series, and its text.

use std::fmt::Write as _;

/// Seconds between two values.
pub(super) const EVERY: u64 = 10;
/// Seconds of a value of an earlier day.
pub(super) const EARLIER_EVERY: u64 = 60;

const HEADER: &str = "\
# Labelled series, on which the tests measure precision and recall of `anomaly`. They are made by
# perf-sdk/src/alert/labelled/generator.rs; PERF_TEST_BLESS=1 writes them anew.
#
# series NAME        begins a series
# anomaly BEGIN END  an interval in which something is wrong: the number of its first value, and of
#                    the first one after it
# earlier VALUES     means of a minute at the same time of the day before, of the day before that …
# values VALUES      one value every ten seconds; - is missing
";

/// A series, and when something is wrong in it.
#[derive(Debug, Default)]
pub(super) struct Labelled {
    pub(super) name: String,
    /// One every ten seconds. Those that are missing are not a number.
    pub(super) values: Vec<f64>,
    /// The first value of each interval, and the first one after it.
    pub(super) anomalies: Vec<(usize, usize)>,
    /// Of yesterday, of the day before …: means of a minute at the same time.
    pub(super) earlier: Vec<Vec<f64>>,
}

impl Labelled {
    pub(super) fn write(all: &[Self]) -> String {
        let mut text = HEADER.to_owned();
        for Self { name, values, anomalies, earlier } in all {
            let _ = writeln!(text, "\nseries {name}");
            anomalies.iter().for_each(|(begin, end)| _ = writeln!(text, "anomaly {begin} {end}"));
            let mut list = |key: &str, values: &[f64]| {
                text.push_str(key);
                for value in values {
                    let _ = if value.is_nan() { write!(text, " -") } else { write!(text, " {value:.0}") };
                }
                text.push('\n');
            };
            earlier.iter().for_each(|day| list("earlier", day));
            list("values", values);
        }
        text
    }

    pub(super) fn read(text: &str) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, rest) = line.split_once(' ').expect("a key and more");
            if key == "series" {
                all.push(Self { name: rest.to_owned(), ..Self::default() });
                continue;
            }
            let series = all.last_mut().expect("a series begins with its name");
            let number = |word: &str| if word == "-" { f64::NAN } else { word.parse().expect("a number") };
            let numbers: Vec<f64> = rest.split(' ').map(number).collect();
            match (key, &numbers[..]) {
                ("anomaly", [begin, end]) => series.anomalies.push((*begin as usize, *end as usize)),
                ("earlier", _) => series.earlier.push(numbers),
                ("values", _) => series.values = numbers,
                _ => panic!("unknown line: {line}"),
            }
        }
        all
    }
}
