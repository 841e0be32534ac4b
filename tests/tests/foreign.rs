//! `#[profiled]` on every function of third-party crates: their own test suites still pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

const ATTRIBUTE: &str = "#[::perf_sdk::profiled] ";

/// The positions at which functions begin, in one file.
#[derive(Default)]
struct Functions {
    begin: Vec<LineColumn>,
}

impl Functions {
    fn add(&mut self, attributes: &[syn::Attribute], item: Span, signature: &syn::Signature) {
        if signature.constness.is_none() {
            let first = attributes.first().map_or(item, |attribute| attribute.pound_token.span());
            self.begin.push(first.start());
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, f: &'ast syn::ItemFn) {
        self.add(&f.attrs, f.span(), &f.sig);
        visit::visit_item_fn(self, f);
    }

    fn visit_impl_item_fn(&mut self, f: &'ast syn::ImplItemFn) {
        self.add(&f.attrs, f.span(), &f.sig);
        visit::visit_impl_item_fn(self, f);
    }

    fn visit_trait_item_fn(&mut self, f: &'ast syn::TraitItemFn) {
        if f.default.is_some() {
            self.add(&f.attrs, f.span(), &f.sig);
        }
        visit::visit_trait_item_fn(self, f);
    }
}

/// The text with the attribute before every function, and the number of functions.
fn annotate(text: &str) -> (String, usize) {
    let Ok(file) = syn::parse_file(text) else { return (text.to_owned(), 0) };
    let mut functions = Functions::default();
    functions.visit_file(&file);
    functions.begin.sort();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for at in functions.begin.iter().rev() {
        let line = &mut lines[at.line - 1];
        let byte = line.char_indices().nth(at.column).map_or(line.len(), |(byte, _)| byte);
        line.insert_str(byte, ATTRIBUTE);
    }
    (lines.join("\n") + "\n", functions.begin.len())
}

fn annotate_all(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            count += annotate_all(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let (text, functions) = annotate(&fs::read_to_string(&path).expect("readable source"));
            fs::write(&path, text).expect("writable copy");
            count += functions;
        }
    }
    count
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for the copy");
    for entry in fs::read_dir(from).expect("the crate's folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a copied file");
        }
    }
}

fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR").env("CARGO_PROFILE_DEV_DEBUG", "0");
    cargo
}

/// The folders of the crates in the manifest.
fn sources(root: &Path) -> Vec<(String, PathBuf)> {
    let manifest = root.join("tests/foreign/Cargo.toml");
    let output = cargo()
        .args(["tree", "--depth", "1", "--prefix", "none", "--format", "{p}", "--manifest-path"])
        .arg(&manifest)
        .output()
        .expect("cargo tree");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let named: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .skip(1)
        .filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some(format!("{name}-{}", rest.split(' ').next()?))
        })
        .collect();
    let home = std::env::var_os("CARGO_HOME")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").expect("a home folder")).join(".cargo"), PathBuf::from);
    let registries: Vec<PathBuf> =
        fs::read_dir(home.join("registry/src")).expect("fetched crates").flatten().map(|entry| entry.path()).collect();
    named
        .into_iter()
        .map(|name| {
            let folder = registries.iter().map(|r| r.join(&name)).find(|folder| folder.is_dir());
            (name.clone(), folder.unwrap_or_else(|| panic!("{name} was not fetched")))
        })
        .collect()
}

#[test]
fn test_suites_of_foreign_crates_pass_with_annotations() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned();
    let work = root.join("target/foreign");
    let fetched = cargo().args(["fetch", "--manifest-path"]).arg(root.join("tests/foreign/Cargo.toml")).status();
    assert!(fetched.is_ok_and(|status| status.success()), "cannot fetch the foreign crates");
    let sources = sources(&root);
    let sdk = root.join("perf-sdk");
    for (name, source) in &sources {
        let folder = work.join(name);
        let _ = fs::remove_dir_all(&folder);
        copy(source, &folder);
        let functions = annotate_all(&folder.join("src")) + annotate_all(&folder.join("tests"));
        assert!(functions > 0, "{name}: nothing to annotate");
        println!("{name}: {functions} functions annotated");
        let manifest = folder.join("Cargo.toml");
        let mut text = fs::read_to_string(&manifest).expect("its manifest");
        text.push_str(&format!(
            "\n[dependencies.perf-sdk]\npath = {sdk:?}\ndefault-features = false\nfeatures = [\"enabled\"]\n"
        ));
        fs::write(&manifest, text).expect("its manifest, with one more dependency");
    }
    // One workspace, so that common dependencies are compiled once.
    let members: Vec<&String> = sources.iter().map(|(name, _)| name).collect();
    let manifest = work.join("Cargo.toml");
    fs::write(&manifest, format!("[workspace]\nresolver = \"2\"\nmembers = {members:?}\n")).expect("a manifest");
    let log = work.join("tests.log");
    let file = fs::File::create(&log).expect("a log");
    let status = cargo()
        .args(["test", "--workspace", "--lib", "--tests", "--no-fail-fast", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(work.join("target"))
        .stdout(file.try_clone().expect("its descriptor"))
        .stderr(file)
        .status();
    let printed = fs::read_to_string(&log).expect("the output of cargo");
    assert!(status.is_ok_and(|status| status.success()), "{printed}");
    for (name, _) in &sources {
        let passed = passed(&printed, name);
        println!("{name}: {passed} tests passed");
        assert!(passed > 0, "{name}: no test ran\n{printed}");
    }
}

/// The number of passed tests of a crate. In its output, cargo names a crate's library first, then
/// its other tests.
fn passed(printed: &str, name: &str) -> u32 {
    let library = name.rsplit_once('-').map_or(name, |(library, _)| library).replace('-', "_");
    let mut is_its = false;
    let mut passed = 0;
    for line in printed.lines().map(str::trim_start) {
        if line.starts_with("Running unittests src/lib.rs") {
            is_its = line.contains(&format!("/{library}-"));
        }
        let count = line.strip_prefix("test result: ok. ").and_then(|rest| rest.split(' ').next());
        if is_its && let Some(count) = count {
            passed += count.parse::<u32>().unwrap_or(0);
        }
    }
    passed
}
