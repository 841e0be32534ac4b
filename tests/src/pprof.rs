//! A reader of `profile.proto`, with the requirements of programs that collect profiles.

use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;

use flate2::read::GzDecoder;
use prost::Message as _;

/// The fields of a profile that are read, with their numbers in `profile.proto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Profile {
    #[prost(message, repeated, tag = "1")]
    types: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    mappings: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    locations: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    functions: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    strings: Vec<String>,
    /// The begin of the profile, in nanoseconds since the Unix epoch.
    #[prost(int64, tag = "9")]
    pub time_nanos: i64,
    /// The time that it covers, in nanoseconds.
    #[prost(int64, tag = "10")]
    pub duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
    #[prost(int64, tag = "14")]
    default_type: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    name: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    locations: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    values: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    labels: Vec<Label>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    start: u64,
    #[prost(uint64, tag = "3")]
    limit: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    lines: Vec<Line>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    file: i64,
}

impl Profile {
    /// Reads a gzipped profile.
    ///
    /// # Panics
    /// If it is invalid.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let mut plain = Vec::new();
        GzDecoder::new(body).read_to_end(&mut plain).expect("gzip");
        Self::decode(plain.as_slice()).expect("a profile")
    }

    fn text(&self, number: i64) -> &str {
        &self.strings[usize::try_from(number).expect("a number of the string table")]
    }

    /// Type and unit of each value.
    #[must_use]
    pub fn types(&self) -> Vec<(&str, &str)> {
        self.types.iter().map(|kind| (self.text(kind.name), self.text(kind.unit))).collect()
    }

    /// Type and unit of the period, and the default type for display.
    #[must_use]
    pub fn period(&self) -> (&str, &str, &str) {
        let kind = self.period_type.as_ref().expect("a period's type");
        (self.text(kind.name), self.text(kind.unit), self.text(self.default_type))
    }

    /// The sum of each value over the samples with `function` on their stack or as their scope.
    #[must_use]
    pub fn sums_of(&self, function: &str) -> Vec<i64> {
        let mut sums = vec![0; self.types.len()];
        for sample in &self.samples {
            let frames = sample.locations.iter().flat_map(|id| &self.locations[*id as usize - 1].lines);
            let mut names = frames.map(|line| self.text(self.functions[line.function as usize - 1].name));
            let is_scope = |label: &Label| self.text(label.key) == "scope" && self.text(label.text) == function;
            if names.any(|name| name == function) || sample.labels.iter().any(is_scope) {
                sums.iter_mut().zip(&sample.values).for_each(|(sum, value)| *sum += value);
            }
        }
        sums
    }

    /// The sum of each value over the samples that have this label.
    #[must_use]
    pub fn sums_with(&self, name: &str, value: &str) -> Vec<i64> {
        let mut sums = vec![0; self.types.len()];
        let has = |label: &Label| self.text(label.key) == name && self.text(label.text) == value;
        for sample in self.samples.iter().filter(|sample| sample.labels.iter().any(has)) {
            sums.iter_mut().zip(&sample.values).for_each(|(sum, value)| *sum += value);
        }
        sums
    }

    /// Checks that Go's reader, Alloy and Parca accept the profile: ids are consecutive from 1,
    /// references are valid, each location has a different address, and each value, label and
    /// function has a name. A profile without samples is valid, because a window may contain no
    /// events.
    ///
    /// # Panics
    /// If one of these is not true.
    pub fn assert_collectable(&self, what: &str) {
        let in_order = |ids: &mut dyn Iterator<Item = u64>| ids.zip(1..).all(|(id, expected)| id == expected);
        assert_eq!(self.strings.first().map(String::as_str), Some(""), "{what}");
        let texts: HashSet<&String> = self.strings.iter().collect();
        assert_eq!(texts.len(), self.strings.len(), "{what}: each string only once");
        assert!(!self.types.is_empty(), "{what}");
        assert!(self.samples.is_empty() || !self.mappings.is_empty(), "{what}");
        let is_text = |number: i64| number > 0 && (number as usize) < self.strings.len();
        assert!(self.types.iter().all(|kind| is_text(kind.name) && is_text(kind.unit)), "{what}");
        assert!(self.types.iter().any(|kind| kind.name == self.default_type), "{what}: {}", self.default_type);
        assert!(self.period_type.as_ref().is_some_and(|kind| is_text(kind.name) && is_text(kind.unit)), "{what}");
        assert!(self.time_nanos > 0 && self.period > 0, "{what}: {} {}", self.time_nanos, self.period);
        assert!(in_order(&mut self.mappings.iter().map(|mapping| mapping.id)), "{what}");
        assert!(in_order(&mut self.locations.iter().map(|location| location.id)), "{what}");
        assert!(in_order(&mut self.functions.iter().map(|function| function.id)), "{what}");
        assert!(self.functions.iter().all(|function| is_text(function.name)), "{what}");
        for location in &self.locations {
            let lines = &location.lines;
            assert!(!lines.is_empty() && lines.iter().all(|l| (1..=self.functions.len() as u64).contains(&l.function)));
            let mapping = usize::try_from(location.mapping).expect("small").checked_sub(1).map(|at| &self.mappings[at]);
            let is_within = mapping.is_none_or(|mapping| (mapping.start..=mapping.limit).contains(&location.address));
            assert!(is_within, "{what}: {location:?} {mapping:?}");
        }
        let addresses: HashSet<u64> = self.locations.iter().map(|location| location.address).collect();
        assert!(addresses.len() == self.locations.len() && !addresses.contains(&0), "{what}");
        let mut seen = BTreeMap::new();
        for sample in &self.samples {
            assert_eq!(sample.values.len(), self.types.len(), "{what}");
            assert!(sample.locations.iter().all(|id| (1..=self.locations.len() as u64).contains(id)), "{what}");
            assert!(sample.labels.iter().all(|label| is_text(label.key) && is_text(label.text)), "{what}");
            let labels: Vec<(i64, i64)> = sample.labels.iter().map(|label| (label.key, label.text)).collect();
            let again = seen.insert((sample.locations.clone(), labels), &sample.values);
            assert_eq!(again, None, "{what}: one sample for each stack with its labels");
        }
    }
}
