#[perf_sdk::profiled(result = true)]
mod index {
    pub mod words {
        #[profiled(name = "count words")]
        pub fn count() {}
    }
}

fn main() {
    index::words::count();
}
