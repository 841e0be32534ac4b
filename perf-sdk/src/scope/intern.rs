//! Sites for names that are known only at run time.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Mutex;

use super::{Options, Site, Source};

/// Names kept at most; further ones are refused, so that a name made from data cannot eat the memory.
const MAX_NAMES: usize = 10_000;
/// A small direct-mapped cache a thread: the lock below is for first sights only.
const CACHE: usize = 64;
/// Tries to take the lock. A signal handler or a forked child may find it held by somebody who will never go on.
const TRIES: usize = 1_000;

type Key = (&'static str, &'static str, Options);

#[derive(Clone, Copy)]
struct Cached {
    key: Key,
    site: &'static Site,
}

thread_local! {
    static SEEN: [Cell<Option<Cached>>; CACHE] = const { [const { Cell::new(None) }; CACHE] };
}

static SITES: Mutex<Option<HashMap<Key, &'static Site>>> = Mutex::new(None);

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
    let mut sites = (0..TRIES).find_map(|_| {
        let guard = SITES.try_lock().ok();
        if guard.is_none() {
            std::hint::spin_loop();
        }
        guard
    })?;
    let sites = sites.get_or_insert_with(HashMap::new);
    if let Some(site) = sites.get(&key) {
        return Some(site);
    }
    if sites.len() >= MAX_NAMES {
        return None;
    }
    let (name, module, options) = key;
    let source = Source { name: Some(name), path: || "", ident: name, module, file, line };
    let site: &'static Site = Box::leak(Box::new(Site::new(source, options)));
    sites.insert(key, site);
    Some(site)
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
}
