//! The endpoint of a process, from what it listens on. No socket of another process is asked, and
//! none of this one that is not the profiler's.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::net::sockopt::socket_peercred;

use crate::address::{Address, USUAL};
use crate::failure::{Failure, said};

/// The endpoint of the process `pid`: what its `PERF_LISTEN` says, else the usual address, else the
/// only socket on which it listens.
pub(crate) fn endpoint_of(pid: u32) -> Result<Address, Failure> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let inodes = sockets(&folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(format!("there is no process {pid}; a port of this machine is written with a colon: :{pid}"))
        }
        _ => Failure::new(format!(
            "cannot see what process {pid} listens on: {error}; run this as its user, or name the address"
        )),
    })?;
    let namespace = |folder: &Path| fs::read_link(folder.join("ns/net")).ok();
    let is_elsewhere = namespace(&folder) != namespace(Path::new("/proc/self"));
    let listening = listening(&folder, &inodes);
    let told = fs::read(folder.join("environ")).ok().and_then(|environment| listen_of(&environment));
    if let Some(path) = own_socket(pid, &listening, told.as_deref()) {
        return Ok(Address::Unix(path));
    }
    let reachable: Vec<&Address> =
        listening.iter().filter(|address| !is_elsewhere || matches!(address, Address::Unix(_))).collect();
    if reachable.is_empty() {
        return match listening.first() {
            Some(_) => said(format!(
                "process {pid} listens on {} in another network namespace; ask from there, as with nsenter -t {pid} -n",
                list(&listening.iter().collect::<Vec<_>>())
            )),
            None => said(format!("process {pid} listens nowhere: it has no perf-sdk, or PERF_LISTEN is off there")),
        };
    }
    let usual = || USUAL.to_owned();
    let is_it = |wanted: &str| reachable.iter().find(|address| address.to_string() == wanted);
    match told.and_then(|told| is_it(&told)).or_else(|| is_it(&usual())) {
        Some(address) => Ok((**address).clone()),
        None if reachable.len() == 1 => Ok(reachable[0].clone()),
        None => said(format!("process {pid} listens on {}; name the address of its profiler", list(&reachable))),
    }
}

/// The profiler's Unix socket, under the name that it got after it was bound in a folder of its
/// own: the kernel knows the first one only. Of the sockets beside it, it is the one of this
/// process.
fn own_socket(pid: u32, listening: &[Address], told: Option<&str>) -> Option<PathBuf> {
    const MOST_ENTRIES: usize = 10_000;
    let told = told.and_then(|told| told.strip_prefix("unix:")).map(PathBuf::from);
    let bound = listening.iter().find_map(|address| match address {
        Address::Unix(path) => folder_of(pid, path),
        Address::Tcp { .. } => None,
    });
    let beside = bound.and_then(|folder| fs::read_dir(folder).ok());
    let beside = beside.into_iter().flatten().take(MOST_ENTRIES).flatten().map(|entry| entry.path());
    told.into_iter().chain(beside).find(|path| is_socket_of(pid, path))
}

/// The folder beside which the profiler of this process bound a socket.
fn folder_of(pid: u32, bound: &Path) -> Option<PathBuf> {
    let private = bound.parent()?;
    let is_ours = private.file_name()?.to_str()?.starts_with(&format!(".perf-sdk-{pid}-"));
    is_ours.then(|| private.parent().map(Path::to_owned)).flatten()
}

/// Whether this process listens at the socket. Nothing is sent.
fn is_socket_of(pid: u32, path: &Path) -> bool {
    let is_socket = fs::metadata(path).is_ok_and(|there| there.file_type().is_socket());
    let peer = || socket_peercred(UnixStream::connect(path).ok()?).ok();
    is_socket && peer().is_some_and(|peer| peer.pid.as_raw_nonzero().get().unsigned_abs() == pid)
}

fn list(addresses: &[&Address]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The inodes of the sockets that a process has open.
fn sockets(folder: &Path) -> io::Result<BTreeSet<u64>> {
    let mut inodes = BTreeSet::new();
    for entry in fs::read_dir(folder.join("fd"))? {
        let Ok(target) = entry.and_then(|entry| fs::read_link(entry.path())) else { continue };
        let inode: Option<u64> =
            target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        inodes.extend(inode);
    }
    Ok(inodes)
}

fn listening(folder: &Path, inodes: &BTreeSet<u64>) -> Vec<Address> {
    let table = |name: &str| fs::read_to_string(folder.join("net").join(name)).unwrap_or_default();
    let mut found: Vec<Address> = [table("tcp"), table("tcp6")].iter().flat_map(|table| tcp(table, inodes)).collect();
    found.extend(unix(&table("unix"), inodes));
    found
}

/// Addresses in a table of TCP sockets that listen and are among `inodes`.
fn tcp(table: &str, inodes: &BTreeSet<u64>) -> Vec<Address> {
    const LISTEN: &str = "0A";
    let of = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let inode: u64 = fields.get(9)?.parse().ok()?;
        if fields.get(3) != Some(&LISTEN) || !inodes.contains(&inode) {
            return None;
        }
        let (address, port) = fields.get(1)?.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let host = match address_of(address)? {
            IpAddr::V4(any) if any.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(any) if any.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            address => address,
        };
        Some(Address::Tcp { host: host.to_string(), port })
    };
    table.lines().skip(1).filter_map(of).collect()
}

/// Words of 32 bits in the machine's order, as hexadecimal digits.
fn address_of(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(digits.get(8 * at..8 * at + 8)?, 16).ok()?.to_ne_bytes());
    match digits.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// Paths in a table of Unix sockets that listen and are among `inodes`.
fn unix(table: &str, inodes: &BTreeSet<u64>) -> Vec<Address> {
    /// `__SO_ACCEPTCON`
    const LISTENS: u32 = 0x1_0000;
    let of = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let flags = u32::from_str_radix(fields.get(3)?, 16).ok()?;
        let inode: u64 = fields.get(6)?.parse().ok()?;
        // A path may have spaces.
        let path = line.split_once(&format!(" {inode} ")).map(|(_, path)| path.trim_start())?;
        let is_it = flags & LISTENS != 0 && inodes.contains(&inode) && path.starts_with('/');
        is_it.then(|| Address::Unix(path.into()))
    };
    table.lines().skip(1).filter_map(of).collect()
}

/// `PERF_LISTEN` in the environment of a process.
fn listen_of(environment: &[u8]) -> Option<String> {
    let entry = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"PERF_LISTEN="))?;
    String::from_utf8(entry.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn only_listening_sockets_of_the_process_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:24F8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 11 1 0 100 0 0 10 0\n\
            1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 12 1 0 100 0 0 10 0\n\
            2: 0100007F:24F8 0100007F:C000 01 00000000:00000000 00:00000000 00000000  0  0 13 1 0 100 0 0 10 0\n\
            3: 00000000:24F9 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 14 1 0 100 0 0 10 0\n";
        let shown = |inodes: &[u64]| {
            let found = tcp(table, &inodes.iter().copied().collect());
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown(&[11, 13]), ["127.0.0.1:9464"]);
        assert_eq!(shown(&[14]), ["127.0.0.1:9465"]);
        assert!(shown(&[13, 99]).is_empty());
        let six = "h\n0: 00000000000000000000000001000000:24F8 0:0 0A 0:0 0:0 0 0 0 7 1\n";
        assert_eq!(tcp(six, &BTreeSet::from([7]))[0].to_string(), "[::1]:9464");
    }

    #[test]
    fn a_unix_socket_has_its_path() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 21 /run/my app/perf.sock\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 22 /run/other.sock\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 23 @abstract\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 24\n";
        let found = unix(table, &BTreeSet::from([21, 22, 23, 24]));
        assert_eq!(found, [Address::Unix("/run/my app/perf.sock".into())]);
    }

    #[test]
    fn the_environment_says_where_it_listens() {
        let environment = b"A=1\0PERF_LISTEN=127.0.0.1:9470\0B=2\0";
        assert_eq!(listen_of(environment).as_deref(), Some("127.0.0.1:9470"));
        assert_eq!(listen_of(b"XPERF_LISTEN=a\0"), None);
    }
}
