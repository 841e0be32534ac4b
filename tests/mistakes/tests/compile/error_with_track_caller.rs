#[perf_sdk::profiled(error = display)]
#[track_caller]
fn search() -> Result<(), String> {
    Ok(())
}

fn main() {
    search().unwrap();
}
