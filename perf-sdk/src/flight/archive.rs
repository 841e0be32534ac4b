//! Files as one `.tar.gz`.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;

/// One file of a bundle: its name and what is in it.
pub(super) type File = (&'static str, Vec<u8>);

/// The files below a folder of that name, readable by their owner only.
pub(super) fn pack(folder: &str, files: &[File], unix_s: u64) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(unix_s);
        archive.append_data(&mut header, format!("{folder}/{name}"), content.as_slice())?;
    }
    archive.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn it_is_read_by_tar() {
        let files: [File; 2] = [("README.md", b"what happened".to_vec()), ("empty", Vec::new())];
        let packed = pack("shop-7", &files, 1_700_000_000).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let read: Vec<(String, String, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                let path = entry.path().unwrap().display().to_string();
                (path, text, entry.header().mtime().unwrap())
            })
            .collect();
        let of = |path: &str, text: &str| (path.to_owned(), text.to_owned(), 1_700_000_000);
        assert_eq!(read, [of("shop-7/README.md", "what happened"), of("shop-7/empty", "")]);
    }
}
