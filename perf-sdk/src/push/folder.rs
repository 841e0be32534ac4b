//! Profiles as files. A file is written completely or not at all, and the oldest ones are deleted.

use std::io;
use std::path::PathBuf;

use super::account::Account;
use super::plan::Files;
use super::windows::Profile;
use crate::base::kept_files::{KeptFiles, Limit};
use crate::base::stamp::{self, Stamp};
use crate::settings::ProfilesKeep;
use crate::settings::ServiceName;
use crate::snapshot::DeliveryKind;

const END: &str = ".pb.gz";

/// The folder of one program's profiles.
#[derive(Debug)]
pub(super) struct Folder {
    folder: PathBuf,
    keep: ProfilesKeep,
    /// The program's name, as used in file names.
    name: String,
    account: Account,
}

impl Folder {
    pub(super) fn new(files: &Files, name: &ServiceName) -> Self {
        let account = Account::open(DeliveryKind::Files, files.folder.display().to_string());
        Self { folder: files.folder.clone(), keep: files.keep, name: name.as_str().replace('/', "_"), account }
    }

    /// Writes each profile to a file of its own, then deletes the files beyond the limits.
    pub(super) fn write(&mut self, profiles: &[Profile], missing: &[String]) {
        if profiles.is_empty() && !missing.is_empty() {
            self.account.error(missing.join("; "));
        }
        let (mut new, mut failure) = (Vec::new(), None);
        for profile in profiles {
            match self.write_one(profile) {
                Ok(name) => {
                    new.push(name);
                    self.account.ok(1);
                }
                Err(error) => {
                    self.account.failed(1);
                    failure = Some(format!("cannot write a profile: {error}"));
                }
            }
        }
        let untidy = self.tidy(&new).err().map(|error| format!("cannot delete old profiles: {error}"));
        // A loss is said rather than what also failed.
        if let Some(error) = failure.or(untidy) {
            self.account.error(error);
        }
        self.account.publish();
    }

    /// Writes a file and returns its name.
    fn write_one(&self, profile: &Profile) -> io::Result<String> {
        let name = |stamp: Stamp| {
            let (kind, process) = (profile.kind.name(), std::process::id());
            format!("{}-{process}-{kind}-{stamp}{END}", self.name)
        };
        self.with_files(|files| files.write(name, Stamp::of_unix_ns(profile.from_unix_ns), &profile.body))
    }

    fn tidy(&self, new: &[String]) -> io::Result<()> {
        self.with_files(|files| files.tidy(new)).map(drop)
    }

    fn with_files<T>(&self, work: impl FnOnce(KeptFiles<'_>) -> T) -> T {
        let limit = match self.keep {
            ProfilesKeep::Files(most) => Limit::Files(most as usize),
            ProfilesKeep::Size(most) => Limit::Bytes(most.as_bytes()),
        };
        work(KeptFiles { folder: &self.folder, stamp_of: &|name| self.stamp_of(name).map(str::to_owned), limit })
    }

    /// The start time in the name of one of this program's files: `NAME-PID-KIND-STAMP.pb.gz`.
    fn stamp_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        let rest = name.strip_prefix(&self.name)?.strip_prefix('-')?.strip_suffix(END)?;
        let (process, rest) = rest.split_once('-')?;
        let (kind, stamp) = rest.split_once('-')?;
        let is_ours = !process.is_empty()
            && process.bytes().all(|b| b.is_ascii_digit())
            && matches!(kind, "cpu" | "heap")
            && stamp.len() == stamp::LENGTH
            && Stamp::is(stamp);
        is_ours.then_some(stamp)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::super::windows::Kind;
    use super::*;
    use crate::base::kept_files::probe;
    use crate::settings::ByteSize;
    use crate::settings::Value as _;

    fn folder(name: &str, keep: ProfilesKeep) -> (PathBuf, Folder) {
        let path = std::env::temp_dir().join(format!("perf-sdk-folder-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let files = Files { folder: path.clone(), keep };
        (path.clone(), Folder::new(&files, &ServiceName::parse("a/shop").unwrap()))
    }

    fn profile(second: u64, bytes: usize) -> Profile {
        let from_unix_ns = (1_700_000_000 + second) * 1_000_000_000;
        Profile { kind: Kind::Cpu, from_unix_ns, until_unix_ns: from_unix_ns + 1, body: vec![7; bytes] }
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_of_this_program_go_and_nothing_else() {
        let (path, mut files) = folder("files", ProfilesKeep::Files(2));
        let others = [
            "a_shop-1-cpu-20231114T221320Z.pb",
            "a_shop-1-cpu-notes.pb.gz",
            "a_shop-1-wall-20231114T221320Z.pb.gz",
            "a_shop-x-cpu-20231114T221320Z.pb.gz",
            "a_shop-two-1-cpu-20231114T221320Z.pb.gz",
            "notes.txt",
            "other-1-cpu-20231114T221320Z.pb.gz",
        ];
        others.iter().for_each(|name| fs::write(path.join(name), "theirs").unwrap());
        fs::create_dir(path.join("a_shop-2-cpu-20231114T221320Z.pb.gz")).unwrap();
        fs::write(path.join("a_shop-1-heap-20221114T221320Z.pb.gz"), "an earlier process's").unwrap();
        for second in 0..5 {
            files.write(&[profile(second, 3)], &[]);
        }
        let process = std::process::id();
        let mut expected: Vec<String> = others.map(str::to_owned).into();
        expected.push("a_shop-2-cpu-20231114T221320Z.pb.gz".to_owned());
        expected.extend([3, 4].map(|n| format!("a_shop-{process}-cpu-20231114T22132{n}Z.pb.gz")));
        expected.sort();
        assert_eq!(names(&path), expected);
        // A second profile of the same second gets a file of its own.
        files.write(&[profile(4, 3)], &[]);
        assert!(names(&path).contains(&format!("a_shop-{process}-cpu-20231114T221325Z.pb.gz")));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn files_with_a_future_time_are_deleted_before_new_ones() {
        let (path, mut files) = folder("ahead", ProfilesKeep::Files(2));
        for second in 0..4 {
            fs::write(path.join(format!("a_shop-1-cpu-29990101T00000{second}Z.pb.gz")), "ahead").unwrap();
        }
        files.write(&[profile(1, 3)], &[]);
        files.write(&[profile(2, 3)], &[]);
        let process = std::process::id();
        assert_eq!(names(&path), [1, 2].map(|n| format!("a_shop-{process}-cpu-20231114T22132{n}Z.pb.gz")));
        // Another process's partial file is deleted if it is old, and kept if it is new.
        let partial = |n: u32| path.join(format!(".a_shop-1-cpu-20231114T22132{n}Z.pb.gz-00000000000000aa.partial"));
        (1..=2).for_each(|n| fs::write(partial(n), "half").unwrap());
        let old = SystemTime::now() - Duration::from_secs(2 * 3_600);
        fs::File::options().write(true).open(partial(1)).unwrap().set_modified(old).unwrap();
        files.write(&[profile(3, 3)], &[]);
        assert!(!partial(1).exists() && partial(2).exists());
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_size_is_a_limit_too_and_the_newest_stays() {
        let (path, mut files) = folder("bytes", ProfilesKeep::Size(ByteSize::bytes(250)));
        (0..4).for_each(|second| files.write(&[profile(second, 100)], &[]));
        assert_eq!(names(&path).len(), 2);
        files.write(&[profile(9, 1_000)], &[]);
        assert_eq!(names(&path).len(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(path.join(&names(&path)[0])).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_deleted_folder_is_reported() {
        let (path, mut files) = folder("gone", ProfilesKeep::Files(48));
        probe(&path).unwrap();
        assert!(names(&path).is_empty());
        fs::remove_dir_all(&path).unwrap();
        files.write(&[profile(0, 1)], &[]);
        let delivery = files.account.now();
        let is_said = delivery.last_error.starts_with("cannot write a profile: No such file");
        assert!(delivery.failed >= 1 && is_said, "{delivery:?}");
        assert_eq!(probe(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::create_dir(&path).unwrap();
        files.write(&[profile(0, 1)], &[]);
        assert!(names(&path).len() == 1 && files.account.now().last_error.is_empty());
        fs::write(path.join("file"), "").unwrap();
        assert!(probe(&path.join("file")).is_err());
        fs::remove_dir_all(path).unwrap();
    }
}
