//! CPU time by stack as a profile of OTLP, in development: `opentelemetry-proto` 1.10.0, the
//! package
//! `opentelemetry.proto.profiles.v1development`.

use std::collections::HashMap;
use std::hash::Hash;

use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, any_value};
use opentelemetry_proto::tonic::profiles::v1development::{
    Function, KeyValueAndUnit, Line, Link, Location, Mapping, Profile, ProfilesDictionary, ResourceProfiles, Sample,
    ScopeProfiles, Stack, ValueType,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::export::safe;
use crate::snapshot::{Address, Code, CpuProfile, Frame, SampledStack};
use crate::trace::TraceContext;

/// One request with this profile.
///
/// Each sample has the attributes `thread.name` and `scope`, the innermost profiled function, and
/// the labels that the program set. Its link is its span.
pub(crate) fn otlp(profile: &CpuProfile, resource: Resource) -> ExportProfilesServiceRequest {
    let mut tables = Tables::default();
    let locations: Vec<i32> =
        profile.code.addresses.iter().map(|address| tables.location(&profile.code, address)).collect();
    let samples = profile.stacks.iter().map(|stack| tables.sample(stack, &locations)).collect();
    let cpu = ValueType { type_strindex: tables.text("cpu"), unit_strindex: tables.text("nanoseconds") };
    let profile = Profile {
        sample_type: Some(cpu),
        samples,
        time_unix_nano: profile.taken_at_unix_ns.saturating_sub(profile.window_ns),
        duration_nano: profile.window_ns,
        period_type: Some(cpu),
        period: 1_000_000_000_i64.checked_div(i64::from(profile.hz)).unwrap_or(0),
        ..Profile::default()
    };
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_profiles = vec![ScopeProfiles { scope: Some(scope), profiles: vec![profile], schema_url: String::new() }];
    ExportProfilesServiceRequest {
        resource_profiles: vec![ResourceProfiles {
            resource: Some(resource),
            scope_profiles,
            schema_url: String::new(),
        }],
        dictionary: Some(tables.dictionary()),
    }
}

/// A table whose first entry is empty, as the dictionary's are.
#[derive(Debug)]
struct Table<K, T> {
    known: HashMap<K, i32>,
    all: Vec<T>,
}

impl<K: Eq + Hash, T: Default> Default for Table<K, T> {
    fn default() -> Self {
        Self { known: HashMap::new(), all: vec![T::default()] }
    }
}

impl<K: Eq + Hash, T> Table<K, T> {
    /// The index of an entry, which is made if it is new.
    fn index(&mut self, key: K, make: impl FnOnce() -> T) -> i32 {
        let next = i32::try_from(self.all.len()).unwrap_or(0);
        *self.known.entry(key).or_insert_with(|| {
            self.all.push(make());
            next
        })
    }
}

#[derive(Debug, Default)]
struct Tables {
    texts: Table<String, String>,
    mappings: Table<u32, Mapping>,
    functions: Table<(i32, i32), Function>,
    locations: Vec<Location>,
    stacks: Table<Vec<i32>, Stack>,
    attributes: Table<(i32, String), KeyValueAndUnit>,
    links: Table<[u64; 3], Link>,
}

impl Tables {
    fn text(&mut self, text: &str) -> i32 {
        if text.is_empty() {
            return 0;
        }
        let text = safe::label(text).into_owned();
        self.texts.index(text.clone(), || text)
    }

    fn attribute(&mut self, key: &str, value: &str) -> i32 {
        let key_strindex = self.text(key);
        let value = safe::label(value).into_owned();
        self.attributes.index((key_strindex, value.clone()), || KeyValueAndUnit {
            key_strindex,
            value: Some(AnyValue { value: Some(any_value::Value::StringValue(value)) }),
            unit_strindex: 0,
        })
    }

    fn mapping(&mut self, code: &Code, number: u32) -> i32 {
        let Some(image) = code.images.get(number as usize) else { return 0 };
        let filename_strindex = self.text(&image.path);
        let build_id = if image.build_id.is_empty() {
            None
        } else {
            Some(self.attribute("process.executable.build_id.gnu", &image.build_id))
        };
        self.mappings.index(number, || Mapping {
            memory_start: image.start,
            memory_limit: image.end,
            file_offset: image.offset,
            filename_strindex,
            attribute_indices: build_id.into_iter().collect(),
        })
    }

    /// What is called innermost comes first of those that are inlined at one address.
    fn location(&mut self, code: &Code, address: &Address) -> i32 {
        let mapping_index = address.image.map_or(0, |number| self.mapping(code, number));
        let lines = address.lines.iter().map(|line| {
            let (name_strindex, filename_strindex) = (self.text(&line.function), self.text(&line.file));
            let function_index = self.functions.index((name_strindex, filename_strindex), || Function {
                name_strindex,
                filename_strindex,
                ..Function::default()
            });
            Line { function_index, line: i64::from(line.line), column: 0 }
        });
        let location =
            Location { mapping_index, address: address.address, lines: lines.collect(), attribute_indices: Vec::new() };
        self.locations.push(location);
        // The first one is empty.
        i32::try_from(self.locations.len()).unwrap_or(0)
    }

    fn sample(&mut self, stack: &SampledStack, locations: &[i32]) -> Sample {
        let path: Vec<i32> =
            stack.addresses.iter().filter_map(|address| locations.get(*address as usize).copied()).collect();
        let stack_index =
            if path.is_empty() { 0 } else { self.stacks.index(path.clone(), || Stack { location_indices: path }) };
        let scope = stack.scope.last().map(Frame::full_name).unwrap_or_default();
        let own = stack.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let named = [("thread.name", stack.thread.as_str()), ("scope", scope.as_str())].into_iter().chain(own);
        let attribute_indices =
            named.filter(|(_, value)| !value.is_empty()).map(|(name, value)| self.attribute(name, value)).collect();
        let words = stack.trace.map_or([0; 3], TraceContext::words);
        let link_index = if words == [0; 3] {
            0
        } else {
            let [upper, lower, span] = words.map(u64::to_be_bytes);
            self.links.index(words, || Link { trace_id: [upper, lower].concat(), span_id: span.to_vec() })
        };
        Sample {
            stack_index,
            attribute_indices,
            link_index,
            values: vec![i64::try_from(stack.time_ns).unwrap_or(i64::MAX)],
            timestamps_unix_nano: Vec::new(),
        }
    }

    fn dictionary(self) -> ProfilesDictionary {
        ProfilesDictionary {
            mapping_table: self.mappings.all,
            location_table: std::iter::once(Location::default()).chain(self.locations).collect(),
            function_table: self.functions.all,
            link_table: self.links.all,
            string_table: self.texts.all,
            attribute_table: self.attributes.all,
            stack_table: self.stacks.all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{LoadedImage, SourceLine};

    #[test]
    fn tables_begin_with_nothing_and_have_each_entry_once() {
        let line = |function: &str| SourceLine { function: function.into(), file: "a.rs".into(), line: 7 };
        let image = LoadedImage {
            path: "/bin/program".into(),
            build_id: "c0ffee".into(),
            start: 0x5000,
            end: 0x6000,
            offset: 0x200,
            base: 0x4e00,
        };
        let address = |address, lines| Address { address, image: Some(0), lines };
        let code = Code {
            addresses: vec![
                address(0x5010, vec![line("inlined"), line("outer")]),
                address(0x5020, vec![line("outer")]),
            ],
            images: vec![image],
            ..Code::default()
        };
        let stack = |addresses: &[u32], trace| SampledStack {
            thread: "worker".into(),
            addresses: addresses.to_vec(),
            trace,
            samples: 2,
            time_ns: 20_000_000,
            ..SampledStack::default()
        };
        let trace = Some(TraceContext::of_words([1, 2, 3]));
        let profile = CpuProfile {
            hz: 100,
            taken_at_unix_ns: 9_000,
            window_ns: 1_000,
            stacks: vec![stack(&[0, 1], None), stack(&[0, 1], trace), stack(&[], None)],
            code,
            ..CpuProfile::default()
        };
        let request = otlp(&profile, Resource::default());
        let tables = request.dictionary.unwrap();
        let text = |index: i32| tables.string_table[index as usize].as_str();
        assert_eq!((text(0), tables.mapping_table[0].clone()), ("", Mapping::default()));
        assert_eq!((tables.stack_table.len(), tables.function_table.len(), tables.link_table.len()), (2, 3, 2));
        assert_eq!((tables.mapping_table.len(), tables.location_table.len()), (2, 3));
        let mapping = &tables.mapping_table[1];
        assert_eq!((text(mapping.filename_strindex), mapping.attribute_indices.len()), ("/bin/program", 1));
        let sent = &request.resource_profiles[0].scope_profiles[0].profiles[0];
        assert_eq!((sent.time_unix_nano, sent.duration_nano, sent.period), (8_000, 1_000, 10_000_000));
        assert_eq!(text(sent.sample_type.unwrap().type_strindex), "cpu");
        let [first, second, third] = &sent.samples[..] else { panic!() };
        assert_eq!((first.stack_index, second.stack_index, third.stack_index), (1, 1, 0));
        assert_eq!((first.link_index, second.link_index, &first.values), (0, 1, &vec![20_000_000]));
        let link = &tables.link_table[1];
        assert_eq!((link.trace_id.len(), link.span_id.as_slice()), (16, [0, 0, 0, 0, 0, 0, 0, 3].as_slice()));
        let innermost = &tables.location_table[tables.stack_table[1].location_indices[0] as usize];
        let names: Vec<&str> = innermost
            .lines
            .iter()
            .map(|line| text(tables.function_table[line.function_index as usize].name_strindex))
            .collect();
        assert_eq!((innermost.address, names), (0x5010, vec!["inlined", "outer"]));
    }
}
