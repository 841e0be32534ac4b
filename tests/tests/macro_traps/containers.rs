//! `#[profiled]` on a whole `impl`, `trait` or inline `mod`.

use perf_sdk::profiled;

use crate::{assert_recorded, find};

struct Account {
    balance: i64,
}

#[profiled]
impl Account {
    const LIMIT: i64 = 100;

    const fn limit() -> i64 {
        Self::LIMIT
    }

    fn new() -> Self {
        Self { balance: 0 }
    }

    fn deposit(&mut self, amount: i64) -> Result<&mut Self, i64> {
        if amount > Self::limit() {
            return Err(amount);
        }
        self.balance += amount;
        Ok(self)
    }

    #[profiled(skip)]
    fn balance(&self) -> i64 {
        self.balance
    }

    #[profiled(name = "renamed deposit")]
    fn deposit_one(&mut self) -> Result<&mut Self, i64> {
        self.deposit(1)
    }

    async fn later(&self) -> i64 {
        self.balance
    }

    fn nested<const N: usize>(&self, _: Rows<{ N }>) -> Rows<{ 1 + 1 }> {
        Rows
    }
}

struct Rows<const N: usize>;

#[test]
fn an_impl_measures_its_functions() {
    let mut account = Account::new();
    assert_eq!(account.deposit(5).unwrap().balance, 5);
    assert_eq!(account.deposit(101).err(), Some(101));
    assert_eq!(account.deposit_one().unwrap().balance, 6);
    assert_eq!(account.balance(), 6);
    assert_eq!(crate::block_on(account.later()), 6);
    account.nested(Rows::<3>);
    assert_recorded!("Account::new", [1, 0, 0, 0]);
    assert_recorded!("Account::deposit", [2, 1, 0, 0]);
    assert_recorded!("renamed deposit", [1, 0, 0, 0]);
    assert_recorded!("Account::later", [1, 0, 0, 0]);
    assert_recorded!("Account::nested", [1, 0, 0, 0]);
    assert!(find(module_path!(), "Account::balance").is_none(), "skipped");
    assert!(find(module_path!(), "Account::limit").is_none(), "const");
    assert!(find(module_path!(), "Account::deposit_one").is_none(), "renamed");
}

#[profiled]
trait Greets {
    const WORD: &'static str = "hello";
    type Word;

    fn word(&self) -> Self::Word;

    fn greet(&self) -> &'static str {
        Self::WORD
    }
}

#[profiled]
impl Greets for Account {
    type Word = &'static str;

    fn word(&self) -> Self::Word {
        Self::WORD
    }
}

#[test]
fn a_trait_measures_its_default_methods() {
    let account = Account { balance: 0 };
    assert_eq!((account.greet(), account.word()), ("hello", "hello"));
    assert_recorded!("Greets::greet", [1, 0, 0, 0]);
    assert_recorded!("<Account as Greets>::word", [1, 0, 0, 0]);
}

#[profiled]
mod shop {
    #![allow(dead_code)]
    //! An inner comment.

    use std::fmt;

    pub const PRICES: [u32; 2] = {
        let one = Item::<1>::ONE;
        [one, 2]
    };
    pub static COUNT: u32 = 2;

    macro_rules! price {
        ($at:expr) => {
            PRICES[$at]
        };
    }

    unsafe extern "C" {
        safe fn abs(value: i32) -> i32;
    }

    pub struct Item<const N: usize>;

    impl<const N: usize> Item<N> {
        pub const ONE: u32 = 1;
    }

    pub enum Kind {
        One { price: u32 },
    }

    pub type Price = u32;

    pub fn price(at: usize) -> Result<Price, String> {
        if at < PRICES.len() { Ok(price!(at)) } else { Err(format!("no item {at}")) }
    }

    pub const fn zero() -> u32 {
        0
    }

    pub fn absolute(value: i32) -> i32 {
        abs(value)
    }

    impl Item<{ 1 + 1 }> {
        pub fn number(&self) -> usize {
            2
        }
    }

    impl<const N: usize> fmt::Display for Item<N> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "item {N}")
        }
    }

    pub mod back {
        pub fn room() -> Result<u32, super::Kind> {
            Err(super::Kind::One { price: super::COUNT })
        }

        pub mod cellar {
            pub fn wine() {}

            #[profiled(skip)]
            pub mod vault {
                pub fn gold() {}
            }
        }
    }

    #[cfg(any())]
    pub fn absent() -> Missing {}

    pub trait Sells {
        fn sells(&self) -> bool {
            true
        }
    }

    impl Sells for Kind {}
}

#[test]
fn a_module_measures_all_of_its_functions() {
    use shop::Sells as _;
    assert_eq!((shop::price(1), shop::zero(), shop::absolute(-3)), (Ok(2), 0, 3));
    assert!(shop::price(2).is_err());
    assert_eq!((shop::Item::<2>.number(), shop::Item::<3>.to_string()), (2, String::from("item 3")));
    assert!(shop::back::room().is_err_and(|kind| kind.sells()));
    shop::back::cellar::wine();
    shop::back::cellar::vault::gold();
    let module = concat!(module_path!(), "::shop");
    let of = |module: &str, name: &str| crate::outcomes(module, name);
    assert_eq!(of(module, "price"), [1, 1, 0, 0]);
    assert_eq!(of(module, "absolute"), [1, 0, 0, 0]);
    assert_eq!(of(module, "Item<{ 1 + 1 }>::number"), [1, 0, 0, 0]);
    assert_eq!(of(module, "<Item as fmt::Display>::fmt"), [1, 0, 0, 0]);
    assert_eq!(of(module, "Sells::sells"), [1, 0, 0, 0]);
    assert_eq!(of(&format!("{module}::back"), "room"), [0, 1, 0, 0]);
    assert_eq!(of(&format!("{module}::back::cellar"), "wine"), [1, 0, 0, 0]);
    assert!(find(module, "zero").is_none());
    assert!(find(&format!("{module}::back::cellar::vault"), "gold").is_none());
}

#[profiled(sample = never, cpu = false, alloc = false, error = display)]
mod handed_down {
    pub fn price(at: usize) -> Result<u32, String> {
        Err(format!("no item {at}"))
    }

    pub mod cellar {
        #[profiled(cpu = true, sample = always)]
        pub fn wine() {}
    }
}

#[test]
fn a_container_passes_its_options_to_its_functions() {
    let module = concat!(module_path!(), "::handed_down");
    assert!(handed_down::price(9).is_err());
    handed_down::cellar::wine();
    let price = find(module, "price").unwrap();
    assert_eq!((price.calls.error, price.wall.count()), (1, 0), "sample = never");
    assert_eq!(price.last_error.as_deref(), Some("no item 9"));
    assert!(price.cpu.is_none() && price.bytes.is_none());
    let wine = find(&format!("{module}::cellar"), "wine").unwrap();
    assert_eq!(wine.wall.count(), 1, "its own `sample = always` takes precedence");
    assert!(wine.cpu.is_some() && wine.bytes.is_none());
    assert_eq!(wine.line - price.line, 6, "each function has its own line");
}
