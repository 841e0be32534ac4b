#[perf_sdk::profiled]
#[derive(Default)]
struct Index {
    words: Vec<String>,
}

fn main() {
    Index::default().words.clear();
}
