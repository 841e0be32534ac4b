//! Profiles are written to a folder, and the oldest are deleted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use perf_sdk_tests::pprof::Profile;

use super::service::{Service, until};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("perf-sdk-fleet-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn start(folder: &Path, keep: &str) -> Service {
    let path = folder.display().to_string();
    let settings = [("PERF_PROFILES", path.as_str()), ("PERF_PROFILES_KEEP", keep), ("PERF_PUSH_INTERVAL", "1s")];
    Service::start("deliver", &settings)
}

#[test]
fn the_newest_profiles_stay_and_other_files_are_not_touched() {
    let folder = folder("keep");
    let others = ["fleet-notes.pb.gz", "fleet-1-cpu-20200101T000000Z.txt", "shop-1-cpu-20200101T000000Z.pb.gz"];
    others.iter().for_each(|name| fs::write(folder.join(name), "theirs").unwrap());
    fs::write(folder.join("fleet-1-cpu-20200101T000000Z.pb.gz"), "an earlier process's").unwrap();
    let service = start(&folder, "4");
    let mut seen = std::collections::BTreeSet::new();
    let is_new = |name: &String| !name.contains("20200101") && !name.starts_with('.') && !name.contains("notes");
    until("six windows", || {
        seen.extend(names(&folder).into_iter().filter(|name| name.contains("-cpu-") && is_new(name)));
        seen.len() >= 6
    });
    // The profiles that remain at the end may be of windows after the work.
    for (kind, function) in [("-cpu-", "fleet::busy"), ("-heap-", "fleet::keep")] {
        until(function, || {
            let named = names(&folder).into_iter().filter(|name| is_new(name) && name.contains(kind));
            let mut bodies = named.filter_map(|name| fs::read(folder.join(name)).ok());
            bodies.any(|body| Profile::read(&body).sums_of(function).iter().any(|sum| *sum > 0))
        });
    }
    let ended = service.end();
    let files = names(&folder);
    // On a slow machine, there may be no time to complete the last file.
    let files: Vec<&String> = files.iter().filter(|name| !name.starts_with('.')).collect();
    let ours: Vec<&&String> = files.iter().filter(|name| !others.contains(&name.as_str())).collect();
    assert!(ours.len() == 4 && files.len() == 4 + others.len(), "{files:?}");
    for name in ours {
        let path = folder.join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let parts: Vec<&str> = name.strip_suffix("Z.pb.gz").unwrap().split('-').collect();
        let ["fleet", process, kind @ ("cpu" | "heap"), stamp] = parts[..] else { panic!("{name}") };
        assert!(process.parse::<u32>().is_ok() && stamp.len() == 15, "{name}");
        let profile = Profile::read(&fs::read(&path).unwrap());
        profile.assert_collectable(name);
        let first = if kind == "cpu" { "samples" } else { "alloc_objects" };
        assert_eq!(profile.types()[0].0, first, "{name}");
    }
    let [(by, [ok, failed, 0])] = &ended.counts[..] else { panic!("{ended:?}") };
    assert!(by == "files" && *ok >= 10 && *failed == 0, "{ended:?}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn delivery_resumes_after_the_folder_was_removed() {
    let folder = folder("gone");
    let service = start(&folder, "1MiB");
    until("a profile", || names(&folder).iter().any(|name| name.ends_with(".pb.gz")));
    fs::remove_dir_all(&folder).unwrap();
    until("the loss to be shown", || {
        let page = perf_sdk_tests::http::get(service.address, "/pages").text();
        page.contains(" lost: cannot write a profile: No such file")
    });
    fs::create_dir(&folder).unwrap();
    until("another profile", || !names(&folder).is_empty());
    let ended = service.end();
    let [(_, [ok, failed, _])] = &ended.counts[..] else { panic!("{ended:?}") };
    assert!(*ok > 0 && *failed > 0, "{ended:?}");
    fs::remove_dir_all(folder).unwrap();
}
