//! Updates the store from the corpus, and reads the index from it. Both run on all threads.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read as _;
use std::sync::{Arc, mpsc};
use std::thread;

use perf_sdk::instrument::{Queue, Queued};
use perf_sdk::io::Counted;

use crate::chunk::{self, Chunk};
use crate::corpus::File;
use crate::index::{Index, Segment};
use crate::postings;
use crate::readers::{self, Readers};
use crate::search::Scratch;
use crate::store::{self, Known, NewDocument, Store, Writer};
use crate::tokenize;
use crate::workers::Workers;

/// Files that were read and wait for the writer.
const MOST_READINGS: usize = 64;

/// The state of one worker thread.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) readers: Readers,
    pub(crate) scratch: Scratch,
}

/// The number of files that a refresh changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) unchanged: usize,
    /// Files that are new or changed, and were read.
    pub(crate) indexed: usize,
    pub(crate) removed: usize,
    pub(crate) unreadable: usize,
}

/// A file that was split and counted, ready to be written.
struct Parsed {
    hash: u64,
    source: String,
    /// The words of the file, without duplicates.
    words: Vec<String>,
    /// The items, each with its words as positions in `words`, and their frequencies.
    chunks: Vec<(Chunk, Vec<(u32, u32)>)>,
}

enum Reading {
    Parsed(Box<Parsed>),
    SameContent,
    Unreadable,
}

/// Compares the files on disk with those in the store, and updates the store.
#[perf_sdk::profiled]
pub(crate) fn refresh(store: &mut Store, workers: &Workers<Desk>, files: Vec<File>) -> store::Result<Changes> {
    store.transaction(|writer| {
        let mut known = writer.files()?;
        let mut numbers: HashMap<Arc<str>, u32> = writer.words()?.into_iter().zip(0..).collect();
        let mut changes = Changes::default();
        let mut pending = Vec::new();
        for file in files {
            let before = known.remove(&file.path);
            if before.is_some_and(|before| (before.bytes, before.modified_ns) == (file.bytes, file.modified_ns)) {
                changes.unchanged += 1;
            } else {
                pending.push((file, before));
            }
        }
        for gone in known.into_values() {
            writer.remove(gone.id)?;
            changes.removed += 1;
        }
        thread::scope(|scope| {
            let queue = perf_sdk::watch_queue("files to write").capacity(MOST_READINGS as u64);
            let (sender, readings) = mpsc::sync_channel(MOST_READINGS);
            // A separate thread distributes the work: this one writes, and the channels on both
            // sides are bounded.
            let to_send = queue.clone();
            scope.spawn(move || hand_out(pending, workers, &to_send, &sender));
            while let Ok((file, before, reading)) = queue.receive(|| readings.recv()) {
                match (reading, before) {
                    (Reading::Parsed(parsed), before) => {
                        if let Some(before) = before {
                            writer.remove(before.id)?;
                        }
                        write(writer, &file, &parsed, &mut numbers)?;
                        changes.indexed += 1;
                    }
                    (Reading::SameContent, Some(before)) => {
                        writer.touch(before.id, file.modified_ns)?;
                        changes.unchanged += 1;
                    }
                    (Reading::SameContent | Reading::Unreadable, _) => changes.unreadable += 1,
                }
            }
            Ok(changes)
        })
    })
}

type Read = (File, Option<Known>, Reading);

fn hand_out(
    files: Vec<(File, Option<Known>)>,
    workers: &Workers<Desk>,
    queue: &Queue,
    readings: &mpsc::SyncSender<Queued<Read>>,
) {
    for (file, before) in files {
        let (queue, readings) = (queue.clone(), readings.clone());
        workers.give(move |_| {
            let reading = read(&file, before);
            // The writer has failed, and reports that itself.
            let _ = queue.send((file, before, reading), |read| readings.send(read));
        });
    }
}

/// The index of everything in the store.
#[perf_sdk::profiled]
pub(crate) fn load(store: &Store, workers: &Workers<Desk>) -> Result<Index, readers::Error> {
    let words = store.words()?;
    let Some((first, last)) = store.span()? else { return Ok(Index::new(words, &[])) };
    let step = (last - first) / (4 * workers.count() as i64) + 1;
    let (sender, segments) = mpsc::channel();
    for (order, begin) in (first..=last).step_by(step as usize).enumerate() {
        let sender = sender.clone();
        workers.give(move |desk| {
            let last = (begin + step - 1).min(last);
            let segment = desk.readers.take().and_then(|reader| Ok(Segment::read(&reader, begin, last)?));
            let _ = sender.send((order, segment)); // another part has failed
        });
    }
    drop(sender);
    let mut parts = Vec::new();
    for (order, segment) in segments {
        parts.push((order, segment?));
    }
    parts.sort_unstable_by_key(|(order, _)| *order);
    let segments: Vec<Segment> = parts.into_iter().map(|(_, segment)| segment).collect();
    Ok(Index::new(words, &segments))
}

#[perf_sdk::profiled]
fn read(file: &File, before: Option<Known>) -> Reading {
    let mut bytes = Vec::with_capacity(file.bytes as usize);
    let opened = fs::File::open(&file.path).map(|file| Counted::new("corpus", file));
    if opened.and_then(|mut file| file.read_to_end(&mut bytes)).is_err() {
        return Reading::Unreadable;
    }
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let hash = hasher.finish();
    if before.is_some_and(|before| before.hash == hash) {
        return Reading::SameContent;
    }
    let source =
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Reading::Parsed(Box::new(parse(hash, source)))
}

#[perf_sdk::profiled]
fn parse(hash: u64, source: String) -> Parsed {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut chunks = Vec::new();
    for chunk in chunk::chunks(&source) {
        let mut counts: HashMap<u32, u32> = HashMap::new();
        let mut count = |word: &str| {
            let next = numbers.len() as u32;
            let number = match numbers.get(word) {
                Some(number) => *number,
                None => *numbers.entry(word.to_owned()).or_insert(next),
            };
            *counts.entry(number).or_default() += 1;
        };
        // Counted once more, because a name says what the item is.
        tokenize::words(&chunk.name, &mut count);
        tokenize::words(&source[chunk.text.clone()], &mut count);
        chunks.push((chunk, counts.into_iter().collect()));
    }
    let mut words = vec![String::new(); numbers.len()];
    for (word, number) in numbers {
        words[number as usize] = word;
    }
    Parsed { hash, source, words, chunks }
}

/// Writes a file's items, with the numbers that its words have in the whole store.
#[perf_sdk::profiled]
fn write(
    writer: &mut Writer<'_>,
    file: &File,
    parsed: &Parsed,
    numbers: &mut HashMap<Arc<str>, u32>,
) -> store::Result<()> {
    let mut global = Vec::with_capacity(parsed.words.len());
    for word in &parsed.words {
        let number = match numbers.get(word.as_str()) {
            Some(number) => *number,
            None => {
                let number = numbers.len() as u32;
                writer.add_word(number, word)?;
                numbers.insert(word.as_str().into(), number);
                number
            }
        };
        global.push(number);
    }
    let id = writer.add_file(file, parsed.hash)?;
    for (chunk, counts) in &parsed.chunks {
        let mut counts: Vec<(u32, u32)> = counts.iter().map(|(word, count)| (global[*word as usize], *count)).collect();
        counts.sort_unstable();
        let document = NewDocument {
            kind: chunk.kind,
            name: &chunk.name,
            lines: (chunk.first_line, chunk.last_line),
            length: counts.iter().map(|(_, count)| count).sum(),
            words: &postings::encode(&counts),
            text: &parsed.source[chunk.text.clone()],
        };
        writer.add_document(id, &document)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::corpus::Corpus;

    struct Place(std::path::PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("perf-sdk-service-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(path.join("src")).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.join("src").join(name), text).unwrap();
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn refreshed(place: &Path) -> (Changes, Index, Readers) {
        let database = place.join("service.sqlite");
        let mut store = Store::open(&database).unwrap();
        let readers = Readers::open(&database, 4).unwrap();
        let desk = || Desk { readers: readers.clone(), scratch: Scratch::default() };
        let workers = Workers::start(vec![desk(), desk()], 4).unwrap();
        let files = Corpus::new(&[place.join("src")], 1000).unwrap().files().unwrap();
        let changes = refresh(&mut store, &workers, files).unwrap();
        let index = load(&store, &workers).unwrap();
        (changes, index, readers)
    }

    #[test]
    fn only_changed_files_are_indexed_again() {
        let place = Place::new("refresh");
        for number in 0..20 {
            place.write(&format!("file{number}.rs"), &format!("fn alpha{number}() {{ beta(); }}"));
        }
        let (changes, index, _) = refreshed(&place.0);
        assert_eq!(changes, Changes { indexed: 20, ..Changes::default() });
        assert_eq!(index.postings("beta").len(), 20);

        let (changes, index, _) = refreshed(&place.0);
        assert_eq!(changes, Changes { unchanged: 20, ..Changes::default() });
        assert_eq!(index.postings("beta").len(), 20);

        place.write("file3.rs", "fn gamma() {}\nfn delta() {}");
        fs::remove_file(place.0.join("src/file4.rs")).unwrap();
        let touched = fs::File::options().append(true).open(place.0.join("src/file5.rs")).unwrap();
        touched.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        let (changes, index, readers) = refreshed(&place.0);
        assert_eq!(changes, Changes { unchanged: 18, indexed: 1, removed: 1, unreadable: 0 });
        assert_eq!((index.postings("beta").len(), index.postings("alpha4").len()), (18, 0));
        let [posting] = index.postings("delta") else { panic!("delta is in one item") };
        assert_eq!(posting.count, 2, "in the name and in the text");
        let found = readers.take().unwrap().documents(&[i64::MAX, index.items()[posting.place as usize].id]).unwrap();
        let [document] = found.as_slice() else { panic!("one of the two exists") };
        assert_eq!(
            (document.name.as_str(), document.first_line, document.text.as_str()),
            ("delta", 2, "fn delta() {}")
        );
    }
}
