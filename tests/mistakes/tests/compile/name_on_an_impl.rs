struct Index;

#[perf_sdk::profiled(name = "index")]
impl Index {
    #[profiled(skip)]
    fn search(&self) {}
}

fn main() {
    Index.search();
}
