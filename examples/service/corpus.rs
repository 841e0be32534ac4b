//! The files that are searched.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Larger files are skipped: generated tables of several megabytes are of no use to a reader.
const MAX_FILE_BYTES: u64 = 512 << 10;

/// A file of the corpus as the file system describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// Nanoseconds since 1970; 0 if unknown.
    pub(crate) modified_ns: i64,
}

/// Directories of Rust sources.
#[derive(Clone, Debug)]
pub(crate) struct Corpus {
    roots: Vec<PathBuf>,
    /// One of the roots.
    workspace: Option<PathBuf>,
    max_files: usize,
}

/// A directory that cannot be searched.
#[derive(Debug)]
pub(crate) struct CorpusError {
    directory: PathBuf,
    reason: String,
}

#[perf_sdk::profiled]
impl Corpus {
    /// The given directories, or by default the workspace and its dependencies.
    pub(crate) fn new(directories: &[PathBuf], max_files: usize) -> Result<Self, CorpusError> {
        let mut roots = Vec::new();
        for directory in directories {
            let failed = |reason: String| CorpusError { directory: directory.clone(), reason };
            let root = directory.canonicalize().map_err(|error| failed(error.to_string()))?;
            if !root.is_dir() {
                return Err(failed("not a directory".into()));
            }
            roots.push(root);
        }
        let mut own = None;
        if directories.is_empty() {
            let workspace = workspace();
            own = workspace.canonicalize().ok();
            roots.extend(own.clone());
            roots.extend(dependencies(&workspace));
        }
        Ok(Self { roots, workspace: own, max_files })
    }

    /// The files, ordered by path. If there are more than allowed, all of the workspace is kept,
    /// and the other directories contribute equally, as far as they have files. Files are selected
    /// by a hash of their paths, so that an additional file changes little.
    pub(crate) fn files(&self) -> Result<Vec<File>, CorpusError> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        for root in &self.roots {
            let failed = |error: io::Error| CorpusError { directory: root.clone(), reason: error.to_string() };
            let mut files = Vec::new();
            walk(root, &mut files).map_err(failed)?;
            files.retain(|file| seen.insert(file.path.clone()));
            let mut hashed: Vec<(u64, File)> = files.into_iter().map(|file| (hash(&file.path), file)).collect();
            hashed.sort_unstable_by_key(|(hash, _)| *hash);
            let first = self.workspace.as_ref() == Some(root);
            found.extend(hashed.into_iter().enumerate().map(|(place, file)| (if first { 0 } else { place }, file)));
        }
        if found.is_empty() {
            let directory = self.roots.first().cloned().unwrap_or_default();
            return Err(CorpusError { directory, reason: "no Rust sources in it".into() });
        }
        found.sort_by_key(|(turn, _)| *turn); // stable: in the order of the directories
        found.truncate(self.max_files);
        let mut files: Vec<File> = found.into_iter().map(|(_, (_, file))| file).collect();
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// A number for this selection of files, which distinguishes databases.
    pub(crate) fn fingerprint(&self) -> u64 {
        hash(&(&self.roots, self.max_files))
    }
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// All `.rs` files below a directory. Build directories, and what cannot be read below the top, are
/// skipped.
fn walk(directory: &Path, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(directory)?.flatten() {
        let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
        if kind.is_dir() {
            if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                let _ = walk(&entry.path(), files);
            }
        } else if kind.is_file() && name.as_encoded_bytes().ends_with(b".rs") {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.len() <= MAX_FILE_BYTES {
                let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let modified_ns = since.map_or(0, |time| time.as_nanos() as i64);
                files.push(File { path: entry.path(), bytes: metadata.len(), modified_ns });
            }
        }
    }
    Ok(())
}

/// The workspace from which this program was built, or the current one if that has moved.
fn workspace() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    let locked = package.ancestors().find(|directory| directory.join("Cargo.lock").is_file());
    locked.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The unpacked sources of the crates in the workspace's `Cargo.lock` that cargo has fetched.
fn dependencies(workspace: &Path) -> Vec<PathBuf> {
    let lock = fs::read_to_string(workspace.join("Cargo.lock")).unwrap_or_default();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let registries: Vec<PathBuf> = registries.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let mut directories = Vec::new();
    for package in locked_packages(&lock) {
        directories.extend(registries.iter().map(|registry| registry.join(&package)).find(|path| path.is_dir()));
    }
    directories
}

/// The `name-version` of every package that comes from a registry.
fn locked_packages(lock: &str) -> Vec<String> {
    let value =
        |line: &str, key: &str| Some(line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned());
    let mut packages = Vec::new();
    for package in lock.split("[[package]]").skip(1) {
        let find = |key| package.lines().find_map(|line| value(line, key));
        if let (Some(name), Some(version), Some(_)) = (find("name"), find("version"), find("source")) {
            packages.push(format!("{name}-{version}"));
        }
    }
    packages
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directory, reason } = self;
        write!(f, "--corpus {}: {reason}; a directory with Rust sources is allowed", directory.display())
    }
}

impl std::error::Error for CorpusError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_what_came_from_a_registry() {
        let lock = "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"libc\"\n\
            version = \"0.2.1\"\nsource = \"registry+https://example.org\"\nchecksum = \"00\"\n";
        assert_eq!(locked_packages(lock), ["libc-0.2.1"]);
    }

    #[test]
    fn a_smaller_bound_takes_a_part_of_the_larger() {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let files = |max_files| Corpus::new(std::slice::from_ref(&here), max_files).unwrap().files().unwrap();
        let (few, all) = (files(3), files(usize::MAX));
        assert!(few.len() == 3 && all.len() > 10);
        assert!(few.iter().all(|file| all.contains(file)));
        assert!(all.iter().all(|file| file.path.extension().is_some_and(|extension| extension == "rs")));
    }

    #[test]
    fn directories_give_equally_many_but_the_workspace_gives_all() {
        let package = PathBuf::from(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
        let (few, many) = (package.join("../perf-macros/src"), package.join("service"));
        let corpus = |workspace| Corpus { roots: vec![few.clone(), many.clone()], workspace, max_files: 10 };
        let of = |files: &[File], root: &Path| files.iter().filter(|file| file.path.starts_with(root)).count();
        let files = corpus(None).files().unwrap();
        assert_eq!((of(&files, &few), of(&files, &many)), (5, 5));
        let files = corpus(Some(many.clone())).files().unwrap();
        assert!(of(&files, &many) >= 9, "{files:?}");
    }

    #[test]
    fn a_wrong_directory_is_named() {
        for wrong in ["/nowhere", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
            let error = Corpus::new(&[wrong.into()], 1).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("allowed"), "{error}");
        }
    }
}
