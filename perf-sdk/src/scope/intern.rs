//! Sites for names that are known only at run time.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::{Options, Site, Source};

/// Names kept at most; further ones are refused, so that a name made from data cannot eat the memory.
const MAX_NAMES: usize = 10_000;
/// Chains of the table of all names. No lock: a signal handler or a forked child might find it held for ever.
const CHAINS: usize = 1_024;
/// A small direct-mapped cache a thread, by address.
const CACHE: usize = 64;

type Key = (&'static str, &'static str, Options);

#[derive(Clone, Copy)]
struct Cached {
    key: Key,
    site: &'static Site,
}

thread_local! {
    static SEEN: [Cell<Option<Cached>>; CACHE] = const { [const { Cell::new(None) }; CACHE] };
}

/// One name; never freed.
struct Entry {
    key: Key,
    site: Site,
    next: *const Entry,
}

static NAMES: [AtomicPtr<Entry>; CHAINS] = [const { AtomicPtr::new(ptr::null_mut()) }; CHAINS];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The site of `(name, module)`; `None` when there are too many names or the table cannot be reached.
pub(crate) fn intern(
    name: &'static str,
    module: &'static str,
    file: &'static str,
    line: u32,
    options: Options,
) -> Option<&'static Site> {
    // By address: equal texts at two addresses are two cache lines and one site.
    let mix = (name.as_ptr().addr() ^ module.as_ptr().addr().rotate_left(7)).wrapping_mul(0x9E37_79B9) >> 8;
    let slot = mix % CACHE;
    if let Some(cached) = SEEN.with(|seen| seen[slot].get())
        && same(cached.key.0, name)
        && same(cached.key.1, module)
        && cached.key.2 == options
    {
        return Some(cached.site);
    }
    let key = (name, module, options);
    let site = find(key, file, line)?;
    SEEN.with(|seen| seen[slot].set(Some(Cached { key, site })));
    Some(site)
}

fn same(a: &str, b: &str) -> bool {
    std::ptr::eq(a.as_ptr(), b.as_ptr()) && a.len() == b.len()
}

fn find(key: Key, file: &'static str, line: u32) -> Option<&'static Site> {
    let (name, module, options) = key;
    let hash = name
        .bytes()
        .chain(module.bytes())
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let chain = &NAMES[hash as usize % CHAINS];
    let mut newest = chain.load(Acquire);
    if let Some(site) = in_chain(newest, &key) {
        return Some(site);
    }
    if COUNT.load(Relaxed) >= MAX_NAMES {
        return None;
    }
    let source = Source { name: Some(name), path: || "", ident: name, module, file, line };
    let entry = Box::into_raw(Box::new(Entry { key, site: Site::new(source, options), next: newest }));
    loop {
        match chain.compare_exchange(newest, entry, Release, Acquire) {
            Ok(_) => {
                COUNT.fetch_add(1, Relaxed);
                // SAFETY: the entry came from a box and is never freed.
                return Some(unsafe { &(*entry).site });
            }
            Err(now) => {
                if let Some(site) = in_chain(now, &key) {
                    // SAFETY: nobody else has seen the entry.
                    drop(unsafe { Box::from_raw(entry) });
                    return Some(site);
                }
                newest = now;
                // SAFETY: nobody else has seen the entry.
                unsafe { (*entry).next = newest };
            }
        }
    }
}

fn in_chain(newest: *const Entry, key: &Key) -> Option<&'static Site> {
    let mut at = newest;
    loop {
        // SAFETY: null or an entry that is never freed; `Acquire` when the chain's head was read pairs with its
        // publication, and older entries were published before.
        let entry: &'static Entry = unsafe { at.as_ref() }?;
        if entry.key == *key {
            return Some(&entry.site);
        }
        at = entry.next;
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, intern};

    #[test]
    fn equal_names_are_one_site() {
        let a = intern("n", "m", "", 0, Options::DEFAULT).unwrap();
        let b = intern(Box::leak(String::from("n").into_boxed_str()), "m", "", 0, Options::DEFAULT).unwrap();
        let c = intern("n", "other", "", 0, Options::DEFAULT).unwrap();
        assert!(std::ptr::eq(a, b));
        assert!(!std::ptr::eq(a, c));
    }

    #[test]
    fn threads_agree_on_a_site() {
        let names: Vec<&'static str> = (0..200).map(|i| &*format!("name{i}").leak()).collect();
        let seen: Vec<Vec<usize>> = std::thread::scope(|scope| {
            let find = || {
                names
                    .iter()
                    .map(|name| intern(name, "t", "", 0, Options::DEFAULT).unwrap() as *const _ as usize)
                    .collect()
            };
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(find)).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
