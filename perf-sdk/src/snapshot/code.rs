//! Addresses in code, and what is there.

/// One function at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SourceLine {
    /// The function, demangled.
    pub function: String,
    /// The source file; empty if that is not known.
    pub file: String,
    /// The line; 0 if that is not known.
    pub line: u32,
}

/// An address in code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// Where a thread was, or an address inside of the call that it was in.
    pub address: u64,
    /// The image that it is in, as an index into [`Code::images`].
    pub image: Option<u32>,
    /// What is there: the innermost of inlined calls first. Empty if nobody knows.
    pub lines: Vec<SourceLine>,
}

/// An executable or a library, as it was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadedImage {
    /// Its file.
    pub path: String,
    /// Its build id, hexadecimal; empty if it has none.
    pub build_id: String,
    /// Where its code began in memory.
    pub start: u64,
    /// Where its code ended in memory.
    pub end: u64,
    /// Where its code begins in the file.
    pub offset: u64,
    /// Where in memory its own address 0 would lie.
    pub base: u64,
}

/// Addresses in code, and what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Code {
    /// Ascending; behind them some of them again, by the names of the measured functions that run
    /// there, where nothing but their scope tells.
    pub addresses: Vec<Address>,
    /// Images that hold addresses, ascending.
    pub images: Vec<LoadedImage>,
}

impl Code {
    /// What `address` is called where nobody knows what is there: `module+0x…`.
    #[must_use]
    pub fn place(&self, address: &Address) -> String {
        let Some(image) = address.image.and_then(|image| self.images.get(image as usize)) else {
            return format!("0x{:x}", address.address);
        };
        let file = image.path.rsplit('/').next().unwrap_or_default();
        format!("{file}+0x{:x}", address.address.wrapping_sub(image.base))
    }
}
