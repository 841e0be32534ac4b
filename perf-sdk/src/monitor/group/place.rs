//! Where the files of the process's control groups are.

use std::path::{Component, Path, PathBuf};

use super::files::{Group, Version};
use crate::monitor::file::{Buffer, Parts, Source};
use crate::monitor::text::{lines, words};

/// The process may be moved to other groups: that is looked up again after this many turns.
const KNOWN_FOR: u32 = 60;

/// The groups of the process, and where they are mounted.
#[derive(Debug)]
pub(in crate::monitor) struct Places {
    root: PathBuf,
    groups: Source,
    mounts: Source,
    /// The contents of `/proc/self/cgroup`, or why it could not be read.
    text: Result<Vec<u8>, &'static str>,
    mounted: Vec<Mount>,
    are_mounts_known: bool,
    turns: u32,
}

impl Places {
    pub(in crate::monitor) fn of(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            groups: Source::whole(root, "proc/self/cgroup"),
            mounts: Source::new(root.join("proc/self/mountinfo"), Parts::Many),
            text: Ok(Vec::new()),
            mounted: Vec::new(),
            are_mounts_known: false,
            turns: 0,
        }
    }

    /// Whether the groups are others than at the call before. The first time they are.
    pub(in crate::monitor) fn have_changed(&mut self, buffer: &mut Buffer) -> bool {
        let is_first = self.turns == 0;
        // After a failure, the source itself waits for some turns.
        let is_due = self.turns.is_multiple_of(KNOWN_FOR) || self.text.is_err();
        self.turns = self.turns.wrapping_add(1).max(1);
        if !is_due {
            return false;
        }
        match (self.groups.read(buffer), &mut self.text) {
            (Ok(now), Ok(known)) if !is_first && now == known && self.are_mounts_known => return false,
            (Ok(now), known) => *known = Ok(now.to_vec()),
            (Err(why), known) => {
                let is_new = is_first || known.is_ok();
                *known = Err(why);
                return is_new;
            }
        }
        // Read anew only then: it has a line for each mount of the machine.
        // Without them the usual places are taken.
        let mounted = self.mounts.read(buffer).map(|text| lines(text).filter_map(mount).collect());
        self.are_mounts_known = mounted.is_ok();
        self.mounted = mounted.unwrap_or_default();
        self.mounts.close();
        true
    }

    /// The group that is responsible for this controller.
    pub(in crate::monitor) fn group(&self, controller: &str) -> Result<Group, &'static str> {
        self.place(controller).map(|(version, place)| Group { version, folder: place.folder })
    }

    /// This group and those above it, as far as they are mounted, the innermost first. Their limits
    /// apply too.
    pub(in crate::monitor) fn groups(&self, controller: &str) -> Vec<Group> {
        let Ok((version, Place { folder, top })) = self.place(controller) else { return Vec::new() };
        let within = folder.ancestors().take_while(|folder| folder.starts_with(&top));
        within.map(|folder| Group { version, folder: folder.to_owned() }).collect()
    }

    /// The folder of the group of version 2.
    pub(in crate::monitor) fn unified(&self) -> Result<PathBuf, &'static str> {
        self.unified_place().map(|place| place.folder)
    }

    fn place(&self, controller: &str) -> Result<(Version, Place), &'static str> {
        let text = self.text.as_ref().map_err(|why| *why)?;
        match lines(text).find_map(|line| path_of(line, controller)) {
            Some(path) => self.folder(controller, path).map(|place| (Version::One, place)),
            None => self.unified_place().map(|place| (Version::Two, place)),
        }
    }

    fn unified_place(&self) -> Result<Place, &'static str> {
        let text = self.text.as_ref().map_err(|why| *why)?;
        let path = lines(text).find_map(|line| path_of(line, "")).ok_or("no control group")?;
        self.folder("", path)
    }

    /// The folder of `path` in the hierarchy of a controller, or of version 2 if that is empty.
    fn folder(&self, controller: &str, path: &Path) -> Result<Place, &'static str> {
        if path.components().any(|part| part == Component::ParentDir) {
            return Err("the control group is outside of its namespace");
        }
        let mounts = self.mounted.iter().filter(|mount| mount.is_of(controller));
        let below = |point: &Path, path: &Path| {
            let relative = |path: &Path| path.strip_prefix("/").unwrap_or(path).to_owned();
            let top = self.root.join(relative(point));
            Place { folder: top.join(relative(path)), top }
        };
        // A container without a namespace of groups has only its own group mounted.
        let mounted = mounts.filter_map(|mount| Some(below(&mount.point, path.strip_prefix(&mount.root).ok()?)));
        let usual = Path::new("/sys/fs/cgroup").join(controller);
        let mut candidates = mounted.chain([below(&usual, path), below(&usual, Path::new(""))]);
        candidates.find(|place| place.folder.is_dir()).ok_or("the control group is not mounted")
    }
}

/// A group and the outermost one that is mounted.
struct Place {
    folder: PathBuf,
    top: PathBuf,
}

/// The path in a line of `/proc/self/cgroup`, `id:controllers:path`, if it is about this
/// controller. Version 2 has none.
fn path_of<'a>(line: &'a [u8], controller: &str) -> Option<&'a Path> {
    let mut parts = line.splitn(3, |byte| *byte == b':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let is_it = controllers.split(|byte| *byte == b',').any(|name| name == controller.as_bytes());
    (is_it && path.starts_with(b"/")).then_some(Path::new(str::from_utf8(path).ok()?))
}

/// A mounted hierarchy.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// The group that is at `point`.
    root: PathBuf,
    point: PathBuf,
    /// The options of version 1, among them the controllers; empty for version 2.
    options: String,
}

impl Mount {
    fn is_of(&self, controller: &str) -> bool {
        match controller {
            "" => self.options.is_empty(),
            _ => self.options.split(',').any(|option| option == controller),
        }
    }
}

/// A line of `/proc/self/mountinfo`: see proc_pid_mountinfo(5).
fn mount(line: &[u8]) -> Option<Mount> {
    let text = str::from_utf8(line).ok()?;
    let (front, back) = text.split_once(" - ")?;
    let (mut front, mut back) = (words(front.as_bytes()), words(back.as_bytes()));
    let kind = back.next()?;
    let options = match kind {
        b"cgroup2" => "",
        b"cgroup" => str::from_utf8(back.nth(1)?).ok()?,
        _ => return None,
    };
    let mut path = |at| front.nth(at).and_then(|path| str::from_utf8(path).ok()).map(unescaped);
    let (root, point) = (path(3)?, path(0)?);
    Some(Mount { root, point, options: options.to_owned() })
}

/// Spaces and the like are written in octal.
fn unescaped(path: &str) -> PathBuf {
    PathBuf::from(path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_group_has_controllers_and_a_path() {
        let path = |line: &'static str, controller| path_of(line.as_bytes(), controller);
        assert_eq!(path("4:cpu,cpuacct:/a:b", "cpu"), Some(Path::new("/a:b")));
        assert_eq!(path("4:cpu,cpuacct:/a", "cpuset"), None);
        assert_eq!(path("0::/user.slice", ""), Some(Path::new("/user.slice")));
        for line in ["", "4", "4:cpu", "4:cpu:", "4:cpu:relative"] {
            assert_eq!(path(line, "cpu"), None, "{line}");
        }
    }

    #[test]
    fn a_line_of_a_mount_has_the_group_at_its_point() {
        let one = mount(b"35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro,nosuid master:11 - cgroup cgroup rw,memory")
            .unwrap();
        assert_eq!((one.root.to_str(), one.point.to_str()), (Some("/docker/ab"), Some("/sys/fs/cgroup/memory")));
        assert!(one.is_of("memory") && !one.is_of("cpu") && !one.is_of(""));
        let two = mount(b"41 31 0:38 / /sys/fs/c\\040group rw - cgroup2 cgroup2 rw,nsdelegate").unwrap();
        assert_eq!(two.point.to_str(), Some("/sys/fs/c group"));
        assert!(two.is_of("") && !two.is_of("memory"));
        for line in
            ["", "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw", "31 23 - cgroup2", "31 23 0:28 / /x rw - cgroup"]
        {
            assert_eq!(mount(line.as_bytes()), None, "{line}");
        }
    }
}
