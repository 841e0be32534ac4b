//! Which function a reading is of.

/// Functions of one name in several modules are several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FunctionId<'a> {
    pub(crate) name: &'a str,
    /// Empty if it is not known: files of version 1 had names only.
    pub(crate) module: &'a str,
}

/// The same, with its own texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OwnedId {
    pub(crate) name: String,
    pub(crate) module: String,
}

/// Between name and module. It is in no UTF-8.
pub(super) const BETWEEN: u8 = 0xff;

impl<'a> FunctionId<'a> {
    #[cfg(test)]
    pub(crate) fn named(name: &'a str) -> Self {
        Self { name, module: "" }
    }

    /// The labels of its series.
    pub(crate) fn labels(self) -> impl Iterator<Item = (&'static str, &'a str)> + Clone {
        let module = Some(("module", self.module)).filter(|(_, module)| !module.is_empty());
        std::iter::once(("function", self.name)).chain(module)
    }

    /// In bytes, of which no two functions have the same.
    pub(super) fn write(self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.name.as_bytes());
        if !self.module.is_empty() {
            into.push(BETWEEN);
            into.extend_from_slice(self.module.as_bytes());
        }
    }

    /// How many bytes these are.
    pub(super) fn length(self) -> usize {
        self.name.len() + if self.module.is_empty() { 0 } else { 1 + self.module.len() }
    }

    /// `None` if these bytes are no function.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut parts = bytes.splitn(2, |byte| *byte == BETWEEN).map(std::str::from_utf8);
        let name = parts.next()?.ok()?;
        Some(Self { name, module: parts.next().unwrap_or(Ok("")).ok()? })
    }
}

impl OwnedId {
    pub(crate) fn id(&self) -> FunctionId<'_> {
        FunctionId { name: &self.name, module: &self.module }
    }
}

impl From<FunctionId<'_>> for OwnedId {
    fn from(id: FunctionId<'_>) -> Self {
        Self { name: id.name.to_owned(), module: id.module.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_functions_have_the_same_bytes() {
        let all = [("a", ""), ("a", "b"), ("ab", ""), ("", "ab"), ("", ""), ("a::b", "c"), ("a", "b::c")];
        let bytes = all.map(|(name, module)| {
            let id = FunctionId { name, module };
            let mut bytes = Vec::new();
            id.write(&mut bytes);
            assert_eq!((FunctionId::read(&bytes), bytes.len()), (Some(id), id.length()));
            assert_eq!(OwnedId::from(id).id(), id);
            bytes
        });
        for (at, one) in bytes.iter().enumerate() {
            assert!(!bytes[..at].contains(one), "{one:?}");
        }
        for none in [&b"a\xffb\xffc"[..], b"\xc3", b"a\xff\xc3"] {
            assert_eq!(FunctionId::read(none), None, "{none:?}");
        }
    }
}
