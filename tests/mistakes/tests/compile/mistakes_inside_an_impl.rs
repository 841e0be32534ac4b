struct Index;

#[perf_sdk::profiled]
impl Index {
    #[profiled(cpu = maybe)]
    fn search(&self) {}

    #[profiled]
    const fn limit() -> usize {
        3
    }
}

fn main() {
    Index.search();
    const { Index::limit() };
}
