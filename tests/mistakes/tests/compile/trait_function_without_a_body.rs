trait Store {
    #[perf_sdk::profiled]
    fn get(&self) -> u32;
}

impl Store for u32 {
    fn get(&self) -> u32 {
        *self
    }
}

fn main() {
    3.get();
}
