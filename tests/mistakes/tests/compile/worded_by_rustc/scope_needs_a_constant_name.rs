fn search(word: &'static str) {
    perf_sdk::scope!(word);
}

fn main() {
    search("word");
}
