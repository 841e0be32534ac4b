//! The host name of this machine or container.
#![allow(unsafe_code)]

use crate::base::small_file;

/// The host name, and its full names in `/etc/hosts`. Lower case.
///
/// The search domains of `/etc/resolv.conf` are not used, because they are set by the current
/// network, whose DNS answers for names in them.
pub(super) fn own() -> Vec<String> {
    let Some(name) = system() else { return Vec::new() };
    with_domains(&name, &small_file::read_to_string("/etc/hosts").unwrap_or_default())
}

fn with_domains(name: &str, hosts: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let mut names = Vec::new();
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or("").to_ascii_lowercase();
        let known: Vec<&str> = line.split_ascii_whitespace().skip(1).collect();
        let is_own = known.contains(&name.as_str());
        let with_domain = |known: &&str| known.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.'));
        names.extend(known.into_iter().filter(|known| is_own && with_domain(known)).map(str::to_owned));
    }
    names.push(name);
    names
}

/// `None` if the system has no name, or one that is not ASCII text.
#[cfg(unix)]
fn system() -> Option<String> {
    // In POSIX, names have at most 255 bytes.
    let mut buffer = [0_u8; 256];
    // SAFETY: the call writes at most this many bytes to the buffer, which lives until it returns.
    if unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len()) } != 0 {
        return None;
    }
    let end = buffer.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(&buffer[..end]).ok()?;
    (!name.is_empty() && name.is_ascii()).then(|| name.to_owned())
}

#[cfg(not(unix))]
fn system() -> Option<String> {
    std::env::var("COMPUTERNAME").ok().filter(|name| !name.is_empty() && name.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_come_from_the_hosts_file() {
        let hosts = "127.0.0.1 localhost ads.example\n# 10.0.0.9 pod-7.commented\n\
                     10.0.0.7\tPod-7.cart.shop.svc.cluster.local Pod-7 other.name pod-70.x # pod-7.y\n\
                     10.0.0.8 pod-7.elsewhere\n";
        assert_eq!(with_domains("pod-7", hosts), ["pod-7.cart.shop.svc.cluster.local", "pod-7"]);
        assert_eq!(with_domains("POD-8", hosts), ["pod-8"]);
        assert_eq!(with_domains("pod-7", ""), ["pod-7"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_s_name_is_found() {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert!(own().contains(&name.trim().to_ascii_lowercase()), "{name} {:?}", own());
    }
}
