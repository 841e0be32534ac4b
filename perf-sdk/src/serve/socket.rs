//! A Unix socket to which only this user can ever connect.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use tokio::net::UnixStream;

use crate::base::os_thread::OsThread;
use crate::base::process_identity::Process;
use crate::base::sandbox;
use crate::record::{OwnThread, Part};

/// Attempts to find a name for the private folder, and to replace the socket of a dead process
/// while others try the same.
const TRIES: u32 = 16;
/// The timeout for a connection: a stopped process does not respond, and is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The file of this process's socket. It is removed when this drops, unless it was replaced.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
    process: Process,
}

/// Device and inode numbers.
type Identity = (u64, u64);

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// Listens at `path`, with mode 0600. A socket on which no process listens is replaced. Any other
/// file is left unchanged.
///
/// `bind` creates a socket with the mode that the process's umask allows, so others could connect
/// before the mode is restricted. The umask is shared by all threads, so it cannot be changed. So
/// the socket is created in a folder that only this user can enter, and linked to its path once its
/// mode is set.
pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let private = Private::beside(path)?;
    let made = private.0.join("s");
    let listener = bind_at(&private.0, &made)?;
    fs::set_permissions(&made, Permissions::from_mode(0o600))?;
    let identity = identity(&fs::symlink_metadata(&made)?);
    for _ in 0..TRIES {
        match link(&made, path) {
            Ok(()) => {
                return Ok((listener, SocketFile { path: path.to_owned(), identity, process: Process::current() }));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => remove_stale(path, &private)?,
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Moves `from` to `to`, but never replaces what is at `to`.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // The file system has no hard links. A file that appears at `to` in between is replaced,
        // which cannot be avoided here.
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        result => result,
    }
}

/// Binds a socket. The system allows shorter addresses of sockets than paths.
fn bind_at(folder: &Path, path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        #[cfg(target_os = "linux")]
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            use std::os::fd::AsRawFd as _;
            let folder = fs::File::open(folder)?;
            UnixListener::bind(format!("/proc/self/fd/{}/s", folder.as_raw_fd()))
        }
        result => {
            let _ = folder;
            result
        }
    }
}

/// Removes a socket on which no process listens.
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] for anything else.
fn remove_stale(path: &Path, private: &Private) -> io::Result<()> {
    let in_use = || io::Error::from(io::ErrorKind::AddrInUse);
    let seen = match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => identity(&file),
        Ok(_) => return Err(in_use()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !is_dead(path)? {
        return Err(in_use());
    }
    // Another process may have replaced it meanwhile, so the file that was moved is checked again.
    let old = private.0.join("old");
    match fs::rename(path, &old) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result?,
    }
    if identity(&fs::symlink_metadata(&old)?) == seen {
        return fs::remove_file(&old);
    }
    let _ = link(&old, path);
    let _ = fs::remove_file(&old);
    Err(in_use())
}

/// Whether no process listens there. Only a refused connection proves it: a listener whose queue is
/// full, or one of another user, is alive.
///
/// It is checked on a separate thread, because building a runtime panics on a thread of another
/// runtime, such as that of an async `main`.
fn is_dead(path: &Path) -> io::Result<bool> {
    let path = path.to_owned();
    let ask = move || {
        let _own = OwnThread::enter(Part::Server);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connected = runtime.block_on(async { tokio::time::timeout(PATIENCE, UnixStream::connect(path)).await });
        Ok(matches!(connected, Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused))
    };
    let (say, hear) = std::sync::mpsc::sync_channel(1);
    let thread = OsThread::spawn("perf-sdk", move || drop(say.send(ask())))?;
    let asked = hear.recv();
    thread.join();
    asked.unwrap_or_else(|_| Err(io::Error::other("the thread that checks the socket panicked")))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // In a forked child, the socket still belongs to the parent. Another process may also have
        // put another file there. Under a new seccomp filter the file is left, as if the process
        // had been killed.
        let is_ours = || fs::symlink_metadata(&self.path).is_ok_and(|file| identity(&file) == self.identity);
        if self.process.is_current() && !sandbox::is_tighter() && is_ours() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A folder that only this user can enter. It is removed with its contents.
#[derive(Debug)]
struct Private(PathBuf);

impl Private {
    /// Creates it in the folder of `path`, so that the file can be linked there.
    fn beside(path: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..TRIES {
            let name = format!(".perf-sdk-{}-{}", process::id(), NUMBER.fetch_add(1, Relaxed));
            let private = folder.join(name);
            match DirBuilder::new().mode(0o700).create(&private) {
                Ok(()) => return Ok(Self(private)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        for name in ["s", "old"] {
            let _ = fs::remove_file(self.0.join(name));
        }
        let _ = fs::remove_dir(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    /// A folder for this test alone.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("perf-sdk-socket-{}-{name}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_socket_is_there_with_its_mode_and_goes_with_its_file() {
        let folder = folder("mode");
        let path = folder.join("socket");
        let (listener, file) = bind(&path).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(&folder), ["socket"], "nothing else is left");
        UnixStream::connect(&path).unwrap();
        assert!(listener.accept().is_ok());
        drop(file);
        assert_eq!(names(&folder), [""; 0]);
        fs::remove_dir(folder).unwrap();
    }

    #[test]
    fn only_sockets_of_dead_processes_are_replaced() {
        let folder = folder("stale");
        let path = folder.join("socket");
        drop(UnixListener::bind(&path).unwrap());
        let (listener, file) = bind(&path).expect("a dead one is replaced");
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse, "it lives");
        drop((listener, file));
        // A listener whose queue is full is alive.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::UnixSocket::new_stream().unwrap();
            listener.bind(&path).unwrap();
            let _listener = listener.listen(1).unwrap();
            let mut clients = Vec::new();
            while let Ok(client) = tokio::net::UnixStream::connect(&path).await {
                clients.push(client);
                assert!(clients.len() < 100, "the queue never fills");
            }
            let path = path.clone();
            let refused = std::thread::spawn(move || bind(&path).unwrap_err().kind());
            assert_eq!(refused.join().unwrap(), io::ErrorKind::AddrInUse, "after {}", clients.len());
        });
        fs::remove_file(&path).unwrap();
        fs::write(&path, "somebody's").unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
        fs::remove_file(&path).unwrap();
        let other = UnixDatagram::bind(&path).unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(other);
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(names(&folder), ["socket"]);
        fs::remove_file(&path).unwrap();
        // A file that replaced the socket is not removed.
        let (_listener, file) = bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(file);
        assert_eq!(names(&folder), ["socket"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_dead_socket_is_replaced_in_an_async_main_too() {
        let folder = folder("async");
        let path = folder.join("socket");
        drop(UnixListener::bind(&path).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            assert!(bind(&path).is_ok());
        });
        fs::remove_dir(folder).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_of_the_maximum_length_works() {
        let folder = folder("long");
        let left = 107 - folder.as_os_str().len() - 1;
        let path = folder.join("x".repeat(left));
        let (_listener, file) = bind(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        drop(file);
        fs::remove_dir(folder).unwrap();
    }

    /// Watches the folder while sockets are created and removed: none is ever seen with a wider
    /// mode.
    #[test]
    fn a_socket_never_has_a_wider_mode() {
        let folder = folder("watched");
        let path = folder.join("socket");
        let seen = std::thread::scope(|scope| {
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            let watcher = scope.spawn({
                let path = path.clone();
                move || {
                    let (mut modes, mut looks) = (std::collections::BTreeSet::new(), 0_u64);
                    while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) || looks == 0 {
                        if let Ok(file) = fs::symlink_metadata(&path) {
                            modes.insert(file.permissions().mode() & 0o777);
                            looks += 1;
                        }
                    }
                    modes
                }
            });
            for _ in 0..2_000 {
                let (_listener, _file) = bind(&path).unwrap();
            }
            let last = bind(&path).unwrap();
            drop(stop);
            let modes = watcher.join().unwrap();
            drop(last);
            modes
        });
        assert_eq!(seen, [0o600].into());
        fs::remove_dir(folder).unwrap();
    }
}
