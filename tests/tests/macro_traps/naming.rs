//! Different functions have different rows, with names by which a reader finds them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use perf_sdk::profiled;

trait Named {
    fn name(&self);
}

trait Handler<M> {
    fn handle(&self, message: M);
}

trait Tag {
    fn tag();

    #[profiled]
    fn given() {}
}

#[derive(Debug, Default)]
struct Server;
#[derive(Debug, Default)]
struct Ping;
#[derive(Debug, Default)]
struct Stats;
struct Pair<A, B>(A, B);
struct Lines<const N: usize>;
struct Borrowed<'a>(#[expect(dead_code)] &'a str);
struct Größe;
enum Choice {
    One,
}
union Bits {
    _whole: u32,
}

mod v1 {
    #[derive(Debug, Default)]
    pub(super) struct Request;
}

mod v2 {
    #[derive(Debug, Default)]
    pub(super) struct Request;

    pub(super) mod inner {
        pub(crate) struct Deep;
    }
}

macro_rules! named {
    ($($receiver:ty),+ $(,)?) => {
        $(impl Named for $receiver {
            #[profiled]
            fn name(&self) {}
        })+
    };
}

named!(
    u8, str, bool, (), (u8, u16), (u8,), (u8, (u16, u32)), [u8], [u8; 3], [u8; 4], &'static u8, &'static mut u8, &'static [u8],
    *const u8, *mut u8, fn(), fn(u8) -> u8, fn(u8, u16) -> (u8, u8), unsafe fn(), extern "C" fn(), dyn Fn(), dyn Fn(u8) -> u8,
    dyn FnMut(u8), dyn Error, dyn Error + Send, dyn Error + Send + Sync, Box<dyn Fn()>, Box<u8>, Vec<u8>, Vec<u16>,
    Vec<Vec<u8>>, Option<u8>, Option<Vec<u8>>, Result<u8, String>, Result<(), fmt::Error>, Result<(), std::io::Error>, Rc<u8>,
    Arc<u8>, Cow<'static, str>, HashMap<u8, u16>, BTreeMap<u8, u16>, Server, Pair<u8, u16>, Pair<u16, u8>, Lines<1>, Lines<2>,
    Größe, Choice, Bits, v1::Request, v2::Request, v2::inner::Deep, crate::Yield, std::pin::Pin<Box<dyn Future<Output = u8>>>,
    dyn for<'a> Fn(&'a u8) -> &'a u8,
);

impl Handler<Ping> for Server {
    #[profiled]
    fn handle(&self, _: Ping) {}
}

impl Handler<Stats> for Server {
    #[profiled]
    fn handle(&self, _: Stats) {}
}

impl Handler<v1::Request> for Server {
    #[profiled]
    fn handle(&self, _: v1::Request) {}
}

impl Handler<v2::Request> for Server {
    #[profiled]
    fn handle(&self, _: v2::Request) {}
}

impl<T> Handler<Vec<T>> for Server {
    #[profiled]
    fn handle(&self, _: Vec<T>) {}
}

impl fmt::Display for Server {
    #[profiled]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("server")
    }
}

impl fmt::LowerHex for Server {
    #[profiled]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x5e")
    }
}

impl Server {
    #[profiled]
    fn name(&self) {}

    #[profiled]
    fn handle(&self) {}
}

impl v1::Request {
    #[profiled]
    fn parse() {}
}

impl v2::Request {
    #[profiled]
    fn parse() {}
}

impl crate::Yield {
    #[profiled]
    fn parse() {}
}

impl Pair<u8, u8> {
    #[profiled]
    fn sum() {}
}

impl Pair<u16, u16> {
    #[profiled]
    fn sum() {}
}

impl<A> Pair<A, &'static str> {
    #[profiled]
    fn joined() {}
}

impl<A, B> Pair<A, B> {
    #[profiled]
    fn of(a: A, b: B) -> Self {
        Self(a, b)
    }
}

impl Borrowed<'_> {
    #[profiled]
    fn r#match(&self) {}

    #[profiled]
    async fn later(&self) {}
}

impl dyn Named {
    #[profiled]
    fn twice(&self) {
        self.name();
        self.name();
    }
}

impl Tag for Server {
    #[profiled]
    fn tag() {}
}

impl Tag for Ping {
    #[profiled]
    fn tag() {}
}

#[profiled]
fn r#type() {}

#[profiled]
fn größer() {}

#[profiled]
fn generic<T: Default>() -> T {
    #[profiled]
    fn beneath() {}
    beneath();
    T::default()
}

#[profiled]
fn outer() {
    struct Server;
    impl Server {
        #[profiled]
        fn name(&self) {}
    }
    impl Named for Server {
        #[profiled]
        fn name(&self) {}
    }
    #[profiled]
    fn beneath() {}
    let closure = || {
        #[profiled]
        fn in_closure() {}
        in_closure();
    };
    closure();
    beneath();
    Server.name();
    Named::name(&Server);
}

fn call_all() {
    /// For types of which no value is needed.
    macro_rules! call {
        ($($value:expr),+ $(,)?) => { $(Named::name($value);)+ };
    }
    extern "C" fn foreign() {}
    fn same(n: &u8) -> &u8 {
        n
    }
    let mut byte = 1_u8;
    let mut take = |_: u8| ();
    call!(
        &1_u8,
        "",
        &true,
        &(),
        &(1_u8, 2_u16),
        &(1_u8,),
        &(1_u8, (2_u16, 3_u32)),
        &[1_u8][..],
        &[1_u8; 3],
        &[1_u8; 4],
        &&1_u8,
        &Box::leak(Box::new(1_u8)),
        &(&[1_u8][..]),
        &(&raw const byte),
        &(&raw mut byte),
        &((|| ()) as fn()),
        &((|n| n) as fn(u8) -> u8),
        &((|n, _| (n, n)) as fn(u8, u16) -> (u8, u8)),
        &((|| ()) as unsafe fn()),
        &(foreign as extern "C" fn()),
        &(|| ()) as &dyn Fn(),
        &(|n| n) as &dyn Fn(u8) -> u8,
        &mut take as &mut dyn FnMut(u8),
        &fmt::Error as &dyn Error,
        &fmt::Error as &(dyn Error + Send),
        &fmt::Error as &(dyn Error + Send + Sync),
        &(Box::new(|| ()) as Box<dyn Fn()>),
        &Box::new(1_u8),
        &vec![1_u8],
        &vec![1_u16],
        &vec![vec![1_u8]],
        &Some(1_u8),
        &Some(vec![1_u8]),
        &Ok::<u8, String>(1),
        &Err::<(), fmt::Error>(fmt::Error),
        &Err::<(), std::io::Error>(std::io::ErrorKind::Other.into()),
        &Rc::new(1_u8),
        &Arc::new(1_u8),
        &Cow::Borrowed(""),
        &HashMap::from([(1_u8, 1_u16)]),
        &BTreeMap::from([(1_u8, 1_u16)]),
        &Server,
        &Pair(1_u8, 2_u16),
        &Pair(1_u16, 2_u8),
        &Lines::<1>,
        &Lines::<2>,
        &Größe,
        &Choice::One,
        &Bits { _whole: 0 },
        &v1::Request,
        &v2::Request,
        &v2::inner::Deep,
        &crate::Yield::default(),
        &(Box::pin(async { 1_u8 }) as std::pin::Pin<Box<dyn Future<Output = u8>>>),
        &same as &dyn for<'a> Fn(&'a u8) -> &'a u8,
    );
    Handler::handle(&Server, Ping);
    Handler::handle(&Server, Stats);
    Handler::handle(&Server, v1::Request);
    Handler::handle(&Server, v2::Request);
    Handler::handle(&Server, vec![1_u8]);
    assert_eq!(format!("{Server} {Server:x}"), "server 0x5e");
    Server.name();
    Server.handle();
    v1::Request::parse();
    v2::Request::parse();
    crate::Yield::parse();
    Pair::<u8, u8>::sum();
    Pair::<u16, u16>::sum();
    Pair::<u8, &'static str>::joined();
    let _ = Pair::of(1_i8, 2_i8);
    Borrowed("").r#match();
    crate::block_on(Borrowed("").later());
    (&1_u8 as &dyn Named).twice();
    Server::tag();
    Ping::tag();
    Server::given();
    r#type();
    größer();
    generic::<u8>();
    outer();
}

#[test]
fn different_functions_are_different_rows() {
    call_all();
    let seen: BTreeSet<String> = crate::names(module_path!()).into_iter().collect();
    let expected: BTreeSet<String> = include_str!("names.txt").lines().map(str::to_owned).collect();
    let [missing, unexpected] = [&expected - &seen, &seen - &expected];
    assert!(missing.is_empty() && unexpected.is_empty(), "missing {missing:#?}, unexpected {unexpected:#?}");
    assert_eq!(seen.len(), 86);
}
