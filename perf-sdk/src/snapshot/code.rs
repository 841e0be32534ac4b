//! Code addresses, and the functions at them.

/// One function at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SourceLine {
    /// The function, demangled.
    pub function: String,
    /// The source file; empty if unknown.
    pub file: String,
    /// The line; 0 if unknown.
    pub line: u32,
}

/// An address in code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// The current address of a thread, or an address inside a call.
    pub address: u64,
    /// The image that contains it, as an index into [`Code::images`].
    pub image: Option<u32>,
    /// The functions at the address: the innermost inlined call first. Empty if unknown.
    pub lines: Vec<SourceLine>,
}

/// An executable or a library that was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadedImage {
    /// Its file.
    pub path: String,
    /// Its build id in hexadecimal; empty if it has none.
    pub build_id: String,
    /// The start of its code in memory.
    pub start: u64,
    /// The end of its code in memory.
    pub end: u64,
    /// The offset of its code in the file.
    pub offset: u64,
    /// The address in memory that corresponds to address 0 in the file.
    pub base: u64,
}

/// Code addresses, and the functions at them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Code {
    /// Ascending. After them, some occur again with the name of the measured function that runs
    /// there, if only the scope shows which one it is.
    pub addresses: Vec<Address>,
    /// The images that contain addresses, ascending.
    pub images: Vec<LoadedImage>,
    /// Whether names were not looked up, because the reader does that.
    pub is_unnamed: bool,
}

impl Code {
    /// A name for an `address` whose function is unknown: `module+0x…`.
    #[must_use]
    pub fn place(&self, address: &Address) -> String {
        let Some(image) = address.image.and_then(|image| self.images.get(image as usize)) else {
            return format!("0x{:x}", address.address);
        };
        let file = image.path.rsplit('/').next().unwrap_or_default();
        format!("{file}+0x{:x}", address.address.wrapping_sub(image.base))
    }
}
