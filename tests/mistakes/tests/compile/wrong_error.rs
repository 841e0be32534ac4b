#[perf_sdk::profiled(error = debug)]
fn search() -> Result<(), ()> {
    Ok(())
}

fn main() {
    search().unwrap();
}
