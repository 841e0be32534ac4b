//! Labels of things that have a name, made once for each.

use std::borrow::Cow;

use crate::reading::Labels;

/// So many names are remembered. A machine with containers may make and remove thousands of
/// interfaces: those that are gone make room.
const MOST: usize = 256;

#[derive(Debug)]
pub(super) struct Named {
    known: Vec<Known>,
    turn: u32,
    /// Where the next name is looked for first: names come in the same order each time.
    next: usize,
}

#[derive(Debug)]
struct Known {
    name: Box<[u8]>,
    /// `None`: it is not shown.
    labels: Option<Labels>,
    turn: u32,
}

impl Named {
    pub(super) fn new() -> Self {
        Self { known: Vec::new(), turn: 0, next: 0 }
    }

    pub(super) fn begin_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
        self.next = 0;
    }

    /// The label `key` with this name. `is_shown` is asked when a name is new. `None` also for new
    /// names if there are too many.
    pub(super) fn labels(
        &mut self,
        key: &'static str,
        name: &[u8],
        is_shown: impl FnOnce(&str) -> bool,
    ) -> Option<Labels> {
        let is_it = |known: &Known| *known.name == *name;
        let found = match self.known.get(self.next).is_some_and(is_it) {
            true => Some(self.next),
            false => self.known.iter().position(is_it),
        };
        let at = match found {
            Some(at) => at,
            None => {
                let text: Cow<'_, str> = String::from_utf8_lossy(name);
                let labels = is_shown(&text).then(|| Labels::of(&[(key, &text)]));
                let new = Known { name: name.into(), labels, turn: self.turn };
                let is_gone = |known: &Known| known.turn != self.turn && known.turn != self.turn.wrapping_sub(1);
                match self.known.iter().position(is_gone) {
                    Some(at) if self.known.len() >= MOST => self.known[at] = new,
                    _ if self.known.len() < MOST => self.known.push(new),
                    _ => return None,
                }
                self.known.iter().position(is_it)?
            }
        };
        self.next = at + 1;
        self.known[at].turn = self.turn;
        self.known[at].labels.clone()
    }
}

/// The name, or `name-2` and so on if it is used.
pub(super) fn unused(name: &str, is_used: impl Fn(&str) -> bool) -> String {
    let further = (2_u32..).map(|at| format!("{name}-{at}"));
    let mut names = std::iter::once(name.to_owned()).chain(further);
    names.find(|name| !is_used(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_asked_for_once() {
        let mut named = Named::new();
        for turn in 0..3 {
            named.begin_turn();
            let eth = named.labels("device", b"eth0", |_| turn == 0).unwrap();
            assert_eq!(eth.pairs().collect::<Vec<_>>(), [("device", "eth0")]);
            assert_eq!(named.labels("device", b"loop0", |_| turn > 0), None);
        }
        assert_eq!(named.known.len(), 2);
    }

    #[test]
    fn names_that_are_gone_make_room() {
        let mut named = Named::new();
        named.begin_turn();
        for n in 0..MOST {
            assert!(named.labels("device", format!("veth{n}").as_bytes(), |_| true).is_some());
        }
        assert_eq!(named.labels("device", b"new", |_| true), None, "all are there");
        named.begin_turn();
        assert!(named.labels("device", b"veth7", |_| false).is_some());
        assert_eq!(named.labels("device", b"new", |_| true), None, "they were there a moment ago");
        named.begin_turn();
        assert!(named.labels("device", b"new", |_| true).is_some());
        assert!(named.labels("device", b"veth7", |_| false).is_some());
        assert_eq!(named.known.len(), MOST);
    }
}
