use std::error::Error;
use std::future::{ready, Future};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use perf_sdk::profiled;

use crate::recorded;

struct Store(u32);

#[profiled]
impl Store {
    async fn get(&mut self, fail: bool) -> Result<&mut u32, Box<Error>> {
        if fail {
            return Err("no".into());
        }
        ready(()).await;
        Ok(&mut self.0)
    }

    fn opaque<'a>(&'a self) -> impl Future<Output = u32> + 'a {
        async move { self.0 }
    }

    fn boxed<'a>(&'a self, early: bool) -> Pin<Box<Future<Output = u32> + Send + 'a>> {
        if early {
            return Box::pin(ready(1));
        }
        Box::pin(async move { self.0 })
    }
}

fn poll<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!(),
    }
}

#[test]
fn futures() {
    let mut store = Store(3);
    *poll(store.get(false)).unwrap() += 1;
    assert!(poll(store.get(true)).is_err());
    assert_eq!(poll(store.opaque()) + poll(store.boxed(true)) + poll(store.boxed(false)), 9);
    assert_eq!(recorded("Store::get"), (1, 1));
    assert_eq!(recorded("Store::opaque"), (1, 0));
    assert_eq!(recorded("Store::boxed"), (2, 0));
}
