//! Sites for names that are known only at run time.

use std::cell::Cell;

use super::chains::{Chains, hash_texts};
use super::{Options, Site, Source};

/// The maximum number of names. Further ones are rejected, so that names made from data cannot
/// exhaust memory.
const MAX_NAMES: usize = 10_000;
/// The size of a small direct-mapped cache for each thread, keyed by address.
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

/// One name.
struct Entry {
    key: Key,
    site: Site,
}

static NAMES: Chains<Entry, 1_024> = Chains::new();

/// The site of `(name, module)`. `None` if there are too many names or the table is not accessible.
pub(crate) fn intern(
    name: &'static str,
    module: &'static str,
    file: &'static str,
    line: u32,
    options: Options,
) -> Option<&'static Site> {
    // Keyed by address: equal texts at two addresses take two cache entries, but have one site.
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
    let hash = hash_texts(&[name, module]);
    let is_it = |entry: &Entry| entry.key == key;
    if let Some(entry) = NAMES.find(hash, is_it) {
        return Some(&entry.site);
    }
    if NAMES.count() >= MAX_NAMES {
        return None;
    }
    let source = Source { name: Some(name), path: || "", ident: name, module, file, line };
    let entry = Entry { key, site: Site::new(source, options) };
    Some(&NAMES.find_or_add(hash, entry, is_it).0.site)
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
        let names: Vec<&'static str> =
            (0..if cfg!(miri) { 20 } else { 200 }).map(|i| &*format!("name{i}").leak()).collect();
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
