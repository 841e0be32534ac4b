//! Which call runs on this thread.

use std::ptr;

use super::registry;
use super::store::node::Node;
use super::store::stack::Frame;

/// A running call of a profiled function. Calls that are not the same one are different, also of
/// one function, at the same time or after each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RunningCall(u64);

impl RunningCall {
    /// A hash of the call.
    #[inline]
    pub(crate) fn key(self) -> u64 {
        self.0
    }
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

fn mixed(a: u64, b: u64) -> RunningCall {
    let product = u128::from(a ^ ODD) * u128::from(b.wrapping_mul(ODD) | 1);
    RunningCall((product as u64) ^ ((product >> 64) as u64))
}

/// The innermost call that runs on this thread, or its caller that many levels above.
///
/// A future's call is the same one in all of its polls, on any thread. `None` outside of all calls,
/// and in a future whose call is count-only: nothing tells one of these from another.
pub(crate) fn running_call(levels: u32) -> Option<RunningCall> {
    let record = registry::current()?;
    let (mut node, mut depth) = (record.top(), record.stack.depth());
    for level in 0.. {
        node.site()?;
        // A count-only call has no frame.
        let frame = record.stack.frame(depth).filter(|frame| depth > 0 && is_of(frame, node));
        if level == levels {
            let own = ptr::from_ref(record).addr() as u64;
            return match frame {
                Some(frame) => match frame.future_call() {
                    Some(0) => None,
                    Some(call) => Some(mixed(call, 1)),
                    None => Some(mixed(own, u64::from(frame.place().serial()) << 1 | 1)),
                },
                None if node.shard().is_none_or(|shard| shard.future().is_some()) => None,
                // At any time one call of this node runs, since nodes belong to a thread. When it
                // ends, the sum of outcomes changes.
                None => Some(mixed(ptr::from_ref(node).addr() as u64, node.outcomes().iter().sum::<u64>() << 1)),
            };
        }
        match frame {
            Some(frame) => (node, depth) = (frame.below()?, depth - 1),
            None => node = node.parent()?,
        }
    }
    None
}

fn is_of(frame: &Frame, node: &Node) -> bool {
    frame.node().is_some_and(|of| ptr::eq(of, node))
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::record::{FutureExt as _, enter, measure};
    use crate::scope::{Options, Sample, Site, Source};

    const fn site(name: &'static str, sample: Sample) -> Site {
        let source =
            Source { name: Some(name), path: || "", ident: name, module: "record::running", file: file!(), line: 0 };
        Site::new(source, Options { sample, ..Options::DEFAULT })
    }

    #[test]
    fn each_call_is_another_one_and_stays_the_same() {
        static MEASURED: Site = site("running measured", Sample::Always);
        static COUNTED: Site = site("running counted", Sample::Never);
        assert_eq!(running_call(0), None, "outside of all calls");
        let mut seen = Vec::new();
        for _ in 0..3 {
            for site in [&MEASURED, &COUNTED] {
                let _call = enter(site);
                let own = running_call(0).unwrap();
                measure("running inner", || {
                    assert_ne!(running_call(0), Some(own));
                    assert_eq!(running_call(1), Some(own));
                    assert_eq!(running_call(2), None);
                });
                assert_eq!(running_call(0), Some(own), "after a callee");
                seen.push(own);
            }
        }
        let number = seen.len();
        seen.sort_by_key(|call| call.key());
        seen.dedup();
        assert_eq!(seen.len(), number);
    }

    /// Is pending once.
    #[derive(Default)]
    struct Once(bool);

    impl Future for Once {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    #[test]
    fn a_future_is_one_call_in_all_polls_and_on_all_threads() {
        async fn work() -> [Option<RunningCall>; 3] {
            let first = running_call(0);
            Once::default().await;
            let second = running_call(0);
            Once::default().await;
            [first, second, running_call(0)]
        }
        let poll = |future: &mut Pin<Box<dyn Future<Output = [Option<RunningCall>; 3]> + Send>>| {
            future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        // Two at the same time, of one function.
        let mut futures: Vec<Pin<Box<dyn Future<Output = _> + Send>>> =
            (0..2).map(|_| Box::pin(work().profiled("running future")) as _).collect();
        for future in &mut futures {
            assert!(poll(future).is_pending());
        }
        let seen: Vec<_> = futures
            .into_iter()
            .map(|mut future| {
                let elsewhere = std::thread::spawn(move || {
                    assert!(measure("running elsewhere", || poll(&mut future)).is_pending());
                    future
                });
                let mut future = elsewhere.join().unwrap();
                match poll(&mut future) {
                    Poll::Ready(seen) => seen,
                    Poll::Pending => panic!("it waits twice"),
                }
            })
            .collect();
        for [first, second, third] in &seen {
            assert!(first.is_some() && first == second && second == third, "{seen:?}");
        }
        assert_ne!(seen[0][0], seen[1][0]);
    }
}
