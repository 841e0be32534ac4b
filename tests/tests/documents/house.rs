//! Checks which folder of the library imports which: in one direction only, and without cycles
//! between files.
//!
//! The imports are read from the tokens of the sources: `use` declarations, and paths in code that
//! begin with `crate`, `super` or `self`. Test code in the sources is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path in the crate, without `crate`.
type Module = Vec<String>;

/// One file of the sources.
struct File {
    module: Module,
    /// The paths that it uses.
    uses: Vec<Module>,
    /// Its re-exports: the last name of the new path, and the original path.
    reexports: BTreeMap<String, Module>,
}

/// All files, by their path below `src`.
struct House {
    files: BTreeMap<String, File>,
}

/// The command line is a crate of its own, in a folder of the library's sources.
const COMMAND_LINE: &str = "bin/perf-sdk";

impl House {
    /// The library.
    fn read() -> Self {
        let mut house = Self::at("perf-sdk/src");
        house.files.retain(|name, _| !name.starts_with("bin/"));
        house
    }

    fn at(folder: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(folder);
        let mut files = BTreeMap::new();
        let is_test = |path: &PathBuf| path.file_name().is_some_and(|name| name == "tests.rs");
        for path in sources(&root).into_iter().filter(|path| !is_test(path)) {
            let name = path.strip_prefix(&root).expect("below it").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a source");
            let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut file = File { module: module_of(&name), uses: Vec::new(), reexports: BTreeMap::new() };
            file.walk(&tokens.into_iter().collect::<Vec<_>>());
            files.insert(name, file);
        }
        Self { files }
    }

    fn file_of(&self, module: &[String]) -> Option<&str> {
        self.files.iter().find(|(_, file)| file.module == module).map(|(name, _)| name.as_str())
    }

    /// The file that contains the item at `path`, following re-exports.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&str> {
        (0..=path.len()).rev().find_map(|length| {
            let name = self.file_of(&path[..length])?;
            let rest = &path[length..];
            let given_on = rest.first().and_then(|first| self.files[name].reexports.get(first));
            match given_on {
                Some(target) if depth < 8 && target != path => {
                    let further: Module = target.iter().chain(&rest[1..]).cloned().collect();
                    self.resolve(&further, depth + 1)
                }
                _ => Some(name),
            }
        })
    }

    /// The files that each file imports.
    fn imports(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, file) in &self.files {
            let mut targets = BTreeSet::new();
            for path in &file.uses {
                // A relative path leads to a child of this module, or to another crate.
                targets.extend(self.resolve(path, 0).filter(|target| target != name));
            }
            all.insert(name, targets);
        }
        all
    }
}

/// The folder, or the file at the root.
fn room(name: &str) -> &str {
    name.split_once('/').map_or(name.trim_end_matches(".rs"), |(folder, _)| folder)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            all.extend(sources(&entry));
        } else if entry.extension().is_some_and(|end| end == "rs") {
            all.push(entry);
        }
    }
    all
}

fn module_of(name: &str) -> Module {
    let mut parts: Module = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
        parts.pop();
    }
    parts
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    is_punct(tokens.first(), ':') && is_punct(tokens.get(1), ':')
}

fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

/// Whether an attribute restricts the next item to tests.
fn is_for_tests(token: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = token else { return false };
    let text: String = group.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test") || text == "cfg(any(test,perf_fuzz))"
}

impl File {
    /// The absolute path, if it is in the crate.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([&self.module, rest].concat()),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let kept = self.module.len().checked_sub(ups)?;
                Some([&self.module[..kept], &path[ups..]].concat())
            }
            _ => None,
        }
    }

    fn walk(&mut self, tokens: &[TokenTree]) {
        let mut at = 0;
        while at < tokens.len() {
            if is_punct(tokens.get(at), '#') && is_for_tests(tokens.get(at + 1)) {
                at = after_item(tokens, at + 2);
                continue;
            }
            if ident(tokens.get(at)).as_deref() == Some("use") {
                let is_public = at > 0 && {
                    let before = &tokens[..at];
                    let is_pub = |at: usize| ident(before.get(at)).as_deref() == Some("pub");
                    is_pub(at - 1) || (at > 1 && matches!(before[at - 1], TokenTree::Group(_)) && is_pub(at - 2))
                };
                let end = at + tokens[at..].iter().take_while(|token| !is_punct(Some(token), ';')).count();
                self.import(&tokens[at + 1..end], is_public);
                at = end;
                continue;
            }
            // The path in a visibility is not an import.
            let is_visibility = ident(tokens.get(at)).as_deref() == Some("pub");
            if is_visibility && matches!(tokens.get(at + 1), Some(TokenTree::Group(_))) {
                at += 2;
                continue;
            }
            match &tokens[at] {
                TokenTree::Group(group) => {
                    self.walk(&group.stream().into_iter().collect::<Vec<_>>());
                    at += 1;
                }
                TokenTree::Ident(_) if at < 1 || !is_punct(tokens.get(at - 1), ':') => {
                    let (path, next) = path_at(tokens, at);
                    if path.len() > 1 {
                        let known = self.absolute(&path);
                        // A child module by its bare name.
                        let child = || [&self.module[..], &path[..]].concat();
                        self.uses.push(known.unwrap_or_else(child));
                    }
                    at = next;
                }
                _ => at += 1,
            }
        }
    }

    /// Adds a tree of imports.
    fn import(&mut self, tree: &[TokenTree], is_public: bool) {
        let mut leaves = Vec::new();
        leaves_of(tree, &[], &mut leaves);
        for (path, name) in leaves {
            let absolute = self.absolute(&path).unwrap_or_else(|| [&self.module[..], &path[..]].concat());
            if is_public {
                self.reexports.insert(name, absolute);
            } else {
                self.uses.push(absolute);
            }
        }
    }
}

/// Reads names joined by `::`. Returns them and the position after them.
fn path_at(tokens: &[TokenTree], start: usize) -> (Module, usize) {
    let mut path: Module = ident(tokens.get(start)).into_iter().collect();
    let mut at = start + 1;
    while is_colons(&tokens[at.min(tokens.len())..]) {
        let Some(next) = ident(tokens.get(at + 2)) else { break };
        path.push(next);
        at += 3;
    }
    (path, at)
}

/// The position after an item that may begin with further attributes.
fn after_item(tokens: &[TokenTree], mut at: usize) -> usize {
    while at < tokens.len() {
        let ends = match &tokens[at] {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        // The braces of an import do not end the item.
        let is_import = ident(tokens.get(at)).as_deref() == Some("use");
        if is_import {
            return at + tokens[at..].iter().take_while(|token| !is_punct(Some(token), ';')).count() + 1;
        }
        at += 1;
        if ends {
            break;
        }
    }
    at
}

/// Each path in a tree of imports, with its name in this file.
fn leaves_of(tree: &[TokenTree], before: &[String], leaves: &mut Vec<(Module, String)>) {
    for part in tree.split(|token| is_punct(Some(token), ',')) {
        if part.is_empty() {
            continue;
        }
        let (mut path, mut at) = (before.to_vec(), 0);
        loop {
            match part.get(at) {
                Some(TokenTree::Group(group)) => {
                    leaves_of(&group.stream().into_iter().collect::<Vec<_>>(), &path, leaves);
                    break;
                }
                Some(TokenTree::Ident(name)) if *name == "as" => {
                    if let Some(name) = ident(part.get(at + 1)) {
                        leaves.push((path, name));
                    }
                    break;
                }
                Some(TokenTree::Ident(name)) => path.push(name.to_string()),
                Some(TokenTree::Punct(punct)) if punct.as_char() == '*' => {
                    leaves.push((path, String::new()));
                    break;
                }
                Some(_) => {}
                None => {
                    let last = path.last().cloned().unwrap_or_default();
                    if last == "self" {
                        path.pop();
                    }
                    let name = path.last().cloned().unwrap_or_default();
                    leaves.push((path, name));
                    break;
                }
            }
            at += 1;
        }
    }
}

/// Groups of files, or of folders, that import each other, each group once.
fn cycles<'a>(imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<Vec<&'a str>> {
    let reach = |from: &'a str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(next) = open.pop() {
            for target in imports.get(next).into_iter().flatten() {
                if seen.insert(*target) {
                    open.push(target);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = imports.keys().map(|name| (*name, reach(name))).collect();
    let mut groups: Vec<Vec<&str>> = Vec::new();
    for (name, targets) in &reached {
        if targets.contains(name) && !groups.iter().any(|group| group.contains(name)) {
            let group = targets.iter().filter(|other| reached[*other].contains(name)).copied().collect();
            groups.push(group);
        }
    }
    groups
}

#[test]
fn files_have_no_import_cycles() {
    for house in [House::read(), House::at(&format!("perf-sdk/src/{COMMAND_LINE}"))] {
        let found = cycles(&house.imports());
        let said: Vec<String> = found.iter().map(|group| group.join(", ")).collect();
        assert!(
            found.is_empty(),
            "files that import each other, one cycle in each line:\n{}\nMove what both need into a file below them, or pass it as a value.",
            said.join("\n")
        );
    }
}

/// Folders, and files at the root, of `perf-sdk/src`, from the lowest to the highest, with the job
/// of each.
const ROOMS: &[(&str, &str)] = &[
    ("outcome", "how a call ended"),
    ("rate", "sampling rates: how many calls are measured"),
    ("trace", "the trace in which a call ran"),
    ("error", "errors at the start of the profiler"),
    ("base", "forks, threads, memory, files, texts: every room may use it"),
    ("detect", "shifts, trends, k of n: pure functions over samples"),
    ("expression", "the language of targets and alerts: parsed, checked, printed"),
    ("target", "what the figures ought to be, and whether they are: pure"),
    ("alert", "what ought not to be so, whether it is, and since when: pure"),
    ("histogram", "bucket arithmetic, single-writer shard, merged histogram"),
    ("accounts", "figures of pools, arenas and pressure"),
    ("snapshot", "the public data: merge, subtract, files"),
    ("finding", "what a snapshot says that somebody should do, one file a rule: pure"),
    ("reading", "figures taken at intervals: descriptions, labels, the latest of each producer"),
    ("history", "readings and functions' distributions of some days, in fixed memory and a file"),
    ("figures", "the history and snapshots, as judges ask for their figures"),
    ("scaling", "how many processes the load needs, now and in half an hour: pure"),
    ("settings", "one table: key, type, default, variable, method, parsing"),
    ("clock", "wall ticks, thread CPU time, their self-tests"),
    ("scope", "sites, their names, the slot of a thread"),
    ("memory", "counting global allocators, per-thread tallies, the sampled live heap"),
    ("event", "what happens, as it happens, for those who read it"),
    ("flag", "switches that code reads, and that people and alerts set"),
    ("monitor", "reads the process, the host, the control group and their limits, runtimes, pools of workers"),
    ("pool", "arenas, bump arenas, pools of objects and buffers, the reaction to memory pressure"),
    ("stacks", "stack samples: signals by CPU time, the handler, unwinding, symbols"),
    ("record", "the hot path: guards, futures, thread records, the call tree, the budget"),
    ("sync", "replacements of the standard library's locks, which record waits"),
    ("instrument", "caches, pools, queues, readers, lazy values: what they did, and for which function"),
    ("collect", "the fold of all threads; captures of CPU, wall and heap profiles"),
    ("leak", "verdicts on live memory, one file for each rule, and the detector's thread"),
    ("export", "data in, bytes out: metrics, flamegraphs, pprof, the report"),
    ("flight", "bundles of evidence: what ran before something happened"),
    ("push", "profiles pushed to a server and written to files"),
    ("action", "what is done about alerts: people are told"),
    ("serve", "routes and access control"),
    ("assert", "assertions on allocations, for tests"),
    ("bench", "operations that a gate compares, and what a program answers to it"),
    ("integration", "layers for tracing and OpenTelemetry"),
    ("runtime", "the start and the end of all parts, and their order"),
    ("private", "the paths that generated code uses"),
    ("fuzz", "entry points of the fuzz targets"),
    ("off", "the public API when the feature `enabled` is off"),
    ("lib", "the face"),
];

#[test]
fn folders_import_only_lower_folders() {
    let house = House::read();
    let mut rooms: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut faults = Vec::new();
    let level = |room: &str| ROOMS.iter().position(|(name, _)| *name == room);
    for (file, targets) in house.imports() {
        let from = room(file);
        let entry = rooms.entry(from).or_default();
        for target in targets {
            let to = room(target);
            if from == to || to == "lib" {
                continue;
            }
            entry.insert(to);
            match (level(from), level(to)) {
                (Some(above), Some(below)) if above > below => {}
                (Some(_), Some(_)) => faults.push(format!("{file} imports {target}, which is above it")),
                _ => faults.push(format!("{file} or {target} is in a room that is missing in the table")),
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{}\nMove what both need into a room below, or pass it as a value. A new room needs a row in ROOMS.",
        faults.join("\n")
    );
    let mut table = String::from("\n| room | job | imports |\n|---|---|---|\n");
    for (name, job) in ROOMS {
        let imports: Vec<String> = rooms.get(name).into_iter().flatten().map(|import| format!("`{import}`")).collect();
        let shown = if house.files.keys().any(|file| file.starts_with(&format!("{name}/"))) { "/" } else { ".rs" };
        let imports = if imports.is_empty() { "none".to_owned() } else { imports.join(", ") };
        table += &format!("| `{name}{shown}` | {job} | {imports} |\n");
    }
    super::hold("docs/design.md", ["<!-- rooms -->", "<!-- end of rooms -->"], &table);
}

/// The crate denies unsafe code, except in these files.
#[test]
fn unsafe_code_is_only_in_the_listed_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("perf-sdk/src");
    let mut of_room: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in sources(&root) {
        let name = path.strip_prefix(&root).expect("below it").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a source");
        if text.contains("allow(unsafe_code)]") {
            let file = name.split_once('/').map_or(name.as_str(), |(_, rest)| rest);
            of_room.entry(room(&name).to_owned()).or_default().insert(format!("`{file}`"));
        }
    }
    let mut list = String::from("\n| room | files |\n|---|---|\n");
    for (room, files) in &of_room {
        list += &format!("| `{room}` | {} |\n", files.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    super::hold("docs/design.md", ["<!-- unsafe -->", "<!-- end of unsafe -->"], &list);
}
