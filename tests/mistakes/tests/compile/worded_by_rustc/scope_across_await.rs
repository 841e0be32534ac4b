async fn search() {
    perf_sdk::scope!("phase");
    std::future::ready(()).await;
}

fn spawn<F: Future + Send>(_: F) {}

fn main() {
    spawn(search());
}
