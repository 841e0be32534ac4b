//! Builds the tables of a profile.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;

use super::wire;
use crate::base::hash::fnv1a;
use crate::export::safe;
use crate::snapshot::{Frame, Function};

/// The range of the artificial addresses of scopes, where nothing is loaded.
const FIRST_ADDRESS: u64 = 0x1000;
const LAST_ADDRESS: u64 = 0x7fff_ffff_f000;

/// A profiled scope as a frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Scope {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) line: u32,
}

impl Scope {
    pub(super) fn of(function: &Function) -> Self {
        Self { name: function.full_name(), file: function.file.clone(), line: function.line }
    }

    pub(super) fn of_frame(frame: &Frame) -> Self {
        Self { name: frame.full_name(), file: frame.file.clone(), line: frame.line }
    }
}

/// The type and the unit of a value.
pub(super) type Type = (&'static str, &'static str);

/// The fields of a profile besides its samples.
pub(super) struct Header<'a> {
    pub(super) types: &'a [Type],
    /// The index of the type that readers show first.
    pub(super) opens: usize,
    /// The period between two samples.
    pub(super) period: (Type, u64),
    pub(super) taken_at_unix_ns: u64,
    pub(super) window_ns: u64,
    pub(super) comments: Vec<String>,
}

/// The tables of a profile.
#[derive(Default)]
pub(super) struct Builder {
    texts: Vec<String>,
    text_numbers: HashMap<String, i64>,
    scopes: HashMap<Scope, u64>,
    /// The number of the mapping that contains scopes. 0 if there is none yet.
    scope_mapping: u64,
    addresses: HashSet<u64>,
    samples: Vec<wire::Sample>,
    mappings: Vec<wire::Mapping>,
    locations: Vec<wire::Location>,
    functions: Vec<wire::Function>,
    function_numbers: HashMap<(String, String), u64>,
}

impl Builder {
    fn text(&mut self, text: &str) -> i64 {
        // Readers print it on terminals.
        let text = &*safe::line(text);
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.text_numbers.get(text) {
            return *number;
        }
        self.texts.push(text.to_owned());
        // The string table begins with an empty string.
        let number = self.texts.len() as i64;
        self.text_numbers.insert(text.to_owned(), number);
        number
    }

    fn value_type(&mut self, (name, unit): Type) -> wire::ValueType {
        wire::ValueType { r#type: self.text(name), unit: self.text(unit) }
    }

    /// Adds a sample. Labels with an empty value are omitted.
    pub(super) fn sample(&mut self, location_id: Vec<u64>, value: Vec<i64>, labels: &[(&str, &str)]) {
        let labels = labels.iter().filter(|(_, value)| !value.is_empty());
        let label = labels.map(|(key, value)| wire::Label { key: self.text(key), str: self.text(value) }).collect();
        self.samples.push(wire::Sample { location_id, value, label });
    }

    /// The location of a scope.
    pub(super) fn scope(&mut self, scope: &Scope) -> u64 {
        if let Some(id) = self.scopes.get(scope) {
            return *id;
        }
        if self.scope_mapping == 0 {
            let filename = self.text("scopes");
            self.scope_mapping = self.mapping(wire::Mapping {
                memory_start: FIRST_ADDRESS,
                memory_limit: LAST_ADDRESS,
                filename,
                has_functions: true,
                has_filenames: true,
                has_line_numbers: true,
                ..wire::Mapping::default()
            });
        }
        let function_id = self.function(&scope.name, &scope.file, scope.line);
        let mut address = address(&scope.name);
        while !self.addresses.insert(address) {
            address += 1;
        }
        let lines = vec![wire::Line { function_id, line: i64::from(scope.line) }];
        let id = self.location(self.scope_mapping, address, lines);
        self.scopes.insert(scope.clone(), id);
        id
    }

    fn function(&mut self, name: &str, file: &str, start_line: u32) -> u64 {
        let key = (name.to_owned(), file.to_owned());
        if let Some(id) = self.function_numbers.get(&key) {
            return *id;
        }
        let (name, filename) = (self.text(name), self.text(file));
        let id = self.functions.len() as u64 + 1;
        let start_line = i64::from(start_line);
        // NOTE: if the system name were the same, Go's pprof would take it for a C++ name and
        // remove what is in angle brackets.
        self.functions.push(wire::Function { id, name, system_name: 0, filename, start_line });
        self.function_numbers.insert(key, id);
        id
    }

    fn location(&mut self, mapping_id: u64, address: u64, line: Vec<wire::Line>) -> u64 {
        let id = self.locations.len() as u64 + 1;
        self.locations.push(wire::Location { id, mapping_id, address, line });
        id
    }

    fn mapping(&mut self, mapping: wire::Mapping) -> u64 {
        let id = self.mappings.len() as u64 + 1;
        self.mappings.push(wire::Mapping { id, ..mapping });
        id
    }

    /// Writes the profile.
    pub(super) fn write(mut self, header: &Header<'_>, to: &mut impl Write) -> io::Result<()> {
        let sample_type: Vec<wire::ValueType> = header.types.iter().map(|name| self.value_type(*name)).collect();
        let default_sample_type = sample_type.get(header.opens).map_or(0, |opens| opens.r#type);
        let period_type = Some(self.value_type(header.period.0));
        let first = concat!("perf-sdk ", env!("CARGO_PKG_VERSION")).to_owned();
        let comment = [first].iter().chain(&header.comments).map(|comment| self.text(comment)).collect();
        let mut string_table = vec![String::new()];
        string_table.append(&mut self.texts);
        let message = wire::Profile {
            sample_type,
            sample: self.samples,
            mapping: self.mappings,
            location: self.locations,
            function: self.functions,
            string_table,
            time_nanos: header.taken_at_unix_ns as i64,
            duration_nanos: header.window_ns as i64,
            period_type,
            period: header.period.1 as i64,
            comment,
            default_sample_type,
        };
        let mut zipped = GzEncoder::new(to, Compression::fast());
        zipped.write_all(&message.encode_to_vec())?;
        zipped.finish()?;
        Ok(())
    }
}

/// Locations of machine code.
#[cfg(feature = "stacks")]
mod code {
    use super::{Builder, wire};
    use crate::snapshot::{Address, Code};

    impl Builder {
        /// The locations of addresses, in the same order.
        pub(in super::super) fn code(&mut self, code: &Code) -> Vec<u64> {
            let mappings: Vec<u64> = (0_u32..)
                .zip(&code.images)
                .map(|(number, image)| {
                    let is_known = |address: &Address| address.image == Some(number) && !address.lines.is_empty();
                    let has_functions = code.addresses.iter().any(is_known);
                    let (filename, build_id) = (self.text(&image.path), self.text(&image.build_id));
                    self.mapping(wire::Mapping {
                        memory_start: image.start,
                        memory_limit: image.end,
                        file_offset: image.offset,
                        filename,
                        build_id,
                        has_functions,
                        has_filenames: has_functions,
                        has_line_numbers: has_functions,
                        ..wire::Mapping::default()
                    })
                })
                .collect();
            code.addresses
                .iter()
                .map(|address| {
                    let mapping = address.image.and_then(|image| mappings.get(image as usize));
                    let mut lines: Vec<wire::Line> = Vec::new();
                    for line in &address.lines {
                        let function_id = self.function(&line.function, &line.file, 0);
                        lines.push(wire::Line { function_id, line: i64::from(line.line) });
                    }
                    // Readers look up only those that have no name at all.
                    if lines.is_empty() && !code.is_unnamed {
                        let function_id = self.function(&code.place(address), "", 0);
                        lines.push(wire::Line { function_id, line: 0 });
                    }
                    self.location(mapping.copied().unwrap_or(0), address.address, lines)
                })
                .collect()
        }
    }
}

/// The artificial address of a scope whose name is unique: derived from the name, so it is the same
/// in every process.
pub(super) fn address(name: &str) -> u64 {
    let hash = fnv1a(name.bytes());
    // Leaves room to move a second scope with the same address.
    FIRST_ADDRESS + hash % (LAST_ADDRESS - FIRST_ADDRESS - (1 << 20))
}
