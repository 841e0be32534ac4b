//! Channels of std, tokio, crossbeam and flume, through one wrapper: their capacity and their
//! back-pressure are as they are without it.

mod support;

use perf_sdk::instrument::Queued;
use support::{started, sum, until};

/// The number of items that each channel holds.
const CAPACITY: usize = 3;

fn figures(queue: &str) -> [Option<f64>; 4] {
    ["sent_total", "received_total", "discarded_total", "depth"]
        .map(|name| sum(&format!("queue_{name}"), "queue", queue))
}

/// A full channel, and then an empty one.
macro_rules! refuses_one_more {
    ($name:literal, $sender:expr, $receiver:expr) => {{
        let queue = perf_sdk::watch_queue($name);
        for n in 0..CAPACITY {
            assert!(queue.send(n, |item| $sender.try_send(item)).is_ok());
        }
        assert!(queue.send(9, |item| $sender.try_send(item)).is_err(), "it holds {CAPACITY}");
        assert_eq!(figures($name), [3.0, 0.0, 1.0, 3.0].map(Some));
        for n in 0..CAPACITY {
            assert_eq!(queue.receive(|| $receiver.try_recv()).ok(), Some(n));
        }
        assert!(queue.receive(|| $receiver.try_recv()).is_err(), "it is empty");
        assert_eq!(figures($name), [3.0, 3.0, 1.0, 0.0].map(Some));
    }};
}

#[test]
fn channels_hold_as_many_items_as_without_the_wrapper() {
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Queued<usize>>(CAPACITY);
    refuses_one_more!("std", sender, receiver);
    let (sender, receiver) = crossbeam_channel::bounded::<Queued<usize>>(CAPACITY);
    refuses_one_more!("crossbeam", sender, receiver);
    let (sender, receiver) = flume::bounded::<Queued<usize>>(CAPACITY);
    refuses_one_more!("flume", sender, receiver);
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Queued<usize>>(CAPACITY);
    refuses_one_more!("tokio", sender, receiver);
}

#[test]
fn a_future_waits_until_there_is_room() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let queue = perf_sdk::watch_queue("back-pressure");
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Queued<usize>>(1);
    let sends = runtime.spawn({
        let queue = queue.clone();
        async move {
            for n in 0..4 {
                queue.send_async(n, |item| sender.send(item)).await.expect("a receiver");
            }
        }
    });
    // One in the channel, one that waits for room.
    until("a sender that waits", || {
        figures("back-pressure")[0] == Some(1.0) && figures("back-pressure")[3] == Some(2.0)
    });
    assert!(!sends.is_finished());
    let received = runtime.block_on(async {
        let mut received = Vec::new();
        while let Some(n) = queue.receive_async(receiver.recv()).await {
            received.push(n);
        }
        received
    });
    assert_eq!(received, [0, 1, 2, 3]);
    assert_eq!(figures("back-pressure"), [4.0, 4.0, 0.0, 0.0].map(Some));
}

#[test]
fn the_depth_may_be_told_by_the_channel() {
    let _perf = started();
    let (sender, receiver) = crossbeam_channel::bounded::<u8>(8);
    let queue = perf_sdk::watch_queue("told").capacity(8).depth(move || receiver.len() as u64);
    (0..5).for_each(|n| sender.send(n).expect("a receiver"));
    until("the depth to be asked for", || sum("queue_depth", "queue", "told") == Some(5.0));
    assert_eq!(sum("queue_capacity", "queue", "told"), Some(8.0));
    until("the high-water mark", || sum("queue_depth_high_water", "queue", "told") == Some(5.0));
    drop(queue);
}
