//! One test for each kind of function.

use std::panic::{Location, catch_unwind};

use perf_sdk::profiled;

use crate::assert_recorded;

#[test]
fn a_free_function() {
    #[profiled]
    fn free(a: u32, b: u32) -> u32 {
        a + b
    }
    assert_eq!(free(1, 2), 3);
    assert_recorded!("a_free_function::free", [1, 0, 0, 0]);
}

#[profiled]
fn at_module_level() {}

#[test]
fn a_function_has_its_own_name_and_source_location() {
    at_module_level();
    let line = line!() - 5;
    let found = crate::find(module_path!(), "at_module_level").unwrap();
    assert_eq!((found.file.as_str(), found.line), (file!(), line));
}

struct Counter {
    count: u32,
}

impl Counter {
    #[profiled]
    fn associated(count: u32) -> Self {
        Self { count }
    }

    #[profiled]
    fn by_reference(&self) -> u32 {
        self.count
    }

    #[profiled]
    fn by_mutable_reference(&mut self) -> &mut u32 {
        self.count += 1;
        &mut self.count
    }

    #[profiled]
    fn by_value(mut self) -> Self {
        self.count += 10;
        self
    }

    #[profiled]
    fn by_box(self: Box<Self>) -> Box<Self> {
        self
    }
}

#[test]
fn methods_and_associated_functions_are_named_after_their_type() {
    let mut counter = Counter::associated(1);
    *counter.by_mutable_reference() += 1;
    let counter = counter.by_value();
    assert_eq!(counter.by_reference(), 13);
    assert_eq!(Box::new(counter).by_box().count, 13);
    for name in ["associated", "by_reference", "by_mutable_reference", "by_value", "by_box"] {
        assert_recorded!(&format!("Counter::{name}"), [1, 0, 0, 0]);
    }
}

trait Shape {
    fn area(&self) -> u32;

    #[profiled]
    fn doubled(&self) -> u32 {
        self.area() * 2
    }
}

struct Square(u32);

impl Shape for Square {
    #[profiled]
    fn area(&self) -> u32 {
        self.0 * self.0
    }
}

#[test]
fn a_trait_default_method_and_a_trait_impl() {
    assert_eq!(Square(3).doubled(), 18);
    assert_recorded!("Shape::doubled", [1, 0, 0, 0]);
    assert_recorded!("<Square as Shape>::area", [1, 0, 0, 0]);
}

struct Matrix<const ROWS: usize>;

impl<const ROWS: usize> Matrix<ROWS> {
    #[profiled]
    fn rows<T, const COLUMNS: usize>(self, fill: T) -> [[T; COLUMNS]; ROWS]
    where
        T: Copy,
    {
        [[fill; COLUMNS]; ROWS]
    }
}

#[test]
fn generics_const_generics_and_where_clauses_share_one_name() {
    assert_eq!(Matrix::<2>.rows::<u8, 1>(7), [[7], [7]]);
    assert_eq!(Matrix::<1>.rows::<_, 2>('x'), [['x', 'x']]);
    assert_recorded!("Matrix::rows", [2, 0, 0, 0]);
}

#[profiled]
fn evens(numbers: impl IntoIterator<Item = u32>) -> impl Iterator<Item = u32> {
    numbers.into_iter().filter(|number| number % 2 == 0)
}

#[test]
fn impl_trait_in_argument_and_return() {
    assert_eq!(evens([1, 2, 3, 4]).collect::<Vec<_>>(), [2, 4]);
    assert_recorded!("evens", [1, 0, 0, 0]);
}

#[profiled]
fn longest<'a>(a: &'a str, b: &'a str) -> &'a str {
    if a.len() < b.len() {
        return b;
    }
    a
}

#[profiled]
fn words(text: &str) -> std::str::SplitWhitespace<'_> {
    text.split_whitespace()
}

#[test]
fn lifetimes_named_and_elided() {
    assert_eq!(longest("ab", "a"), "ab");
    assert_eq!(longest("a", "ab"), "ab");
    assert_eq!(words("a b").count(), 2);
    assert_recorded!("longest", [2, 0, 0, 0]);
    assert_recorded!("words", [1, 0, 0, 0]);
}

/// # Safety
/// `pointer` must be readable.
#[profiled]
unsafe fn read(pointer: *const u8) -> u8 {
    // SAFETY: as the caller guarantees.
    unsafe { *pointer }
}

/// # Safety
/// `pointer` must be readable.
#[profiled]
unsafe fn try_read(pointer: *const u8) -> Result<u8, ()> {
    // SAFETY: as the caller guarantees.
    unsafe { Ok(*pointer) }
}

#[test]
fn an_unsafe_fn() {
    // SAFETY: a reference is readable.
    let read = unsafe { read(&5) };
    // SAFETY: a reference is readable.
    let tried = unsafe { try_read(&6) };
    assert_eq!((read, tried), (5, Ok(6)));
    assert_recorded!("read", [1, 0, 0, 0]);
    assert_recorded!("try_read", [1, 0, 0, 0]);
}

#[profiled]
extern "C" fn callback(value: i32) -> i32 {
    value + 1
}

#[test]
fn an_extern_c_fn_is_still_a_c_function() {
    let pointer: extern "C" fn(i32) -> i32 = callback;
    assert_eq!(pointer(1), 2);
    assert_recorded!("callback", [1, 0, 0, 0]);
}

#[profiled]
fn never(message: &str) -> ! {
    panic!("{}", message)
}

#[test]
fn a_function_that_does_not_return() {
    let panic = catch_unwind(|| -> u8 { never("on purpose") }).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "on purpose");
    assert_recorded!("never", [0, 0, 1, 0]);
}

#[profiled]
#[track_caller]
fn here() -> &'static Location<'static> {
    Location::caller()
}

#[track_caller]
#[profiled]
fn here_or_not(there: bool) -> Result<u32, u32> {
    let line = Location::caller().line();
    if there { Ok(line) } else { Err(line) }
}

#[test]
fn track_caller_sees_the_caller() {
    assert_eq!((here().line(), here().file()), (line!(), file!()));
    assert_eq!(here_or_not(true), Ok(line!()));
    assert_eq!(here_or_not(false), Err(line!()));
    // There is no closure around the body, so the result is not inspected: both calls count as ok.
    assert_recorded!("here_or_not", [2, 0, 0, 0]);
}

#[profiled]
#[inline(always)]
fn inlined(value: u32) -> u32 {
    value * 2
}

#[profiled]
#[cold]
#[must_use]
fn attributes_stay(value: u32) -> Option<u32> {
    Some(value)
}

#[test]
fn inline_always_and_other_attributes() {
    assert_eq!(inlined(2), 4);
    assert_eq!(attributes_stay(2), Some(2));
    assert_recorded!("inlined", [1, 0, 0, 0]);
    assert_recorded!("attributes_stay", [1, 0, 0, 0]);
}

mod program {
    use perf_sdk::profiled;

    #[profiled]
    pub fn main() -> Result<(), Box<dyn std::error::Error>> {
        "7".parse::<u8>()?;
        Ok(())
    }
}

#[test]
fn main_can_be_measured() {
    program::main().unwrap();
    assert_eq!(crate::outcomes(concat!(module_path!(), "::program"), "main"), [1, 0, 0, 0]);
}

#[profiled]
#[test]
fn a_test_below_the_attribute() {
    assert!(crate::find(module_path!(), "a_test_below_the_attribute").is_some());
}

#[test]
#[profiled]
fn a_test_above_the_attribute() -> Result<(), String> {
    let found = crate::find(module_path!(), "a_test_above_the_attribute").ok_or("not recorded")?;
    assert_eq!(found.running, 1);
    Ok(())
}

#[profiled]
fn r#match(r#type: u32) -> u32 {
    r#type
}

#[test]
fn raw_identifiers_are_named_without_the_prefix() {
    assert_eq!(r#match(3), 3);
    assert_recorded!("match", [1, 0, 0, 0]);
}

struct Point {
    x: u32,
    y: u32,
}

#[profiled]
fn patterns(Point { x, y: ref height }: Point, (a, [b, ..]): (u32, [u32; 3]), _: u32, mut rest: Vec<u32>) -> Vec<u32> {
    rest.extend([x, *height, a, b]);
    rest
}

#[profiled]
fn try_patterns(Point { x, .. }: Point, (a, mut rest): (u32, Vec<u32>), _: u32) -> Result<Vec<u32>, ()> {
    rest.extend([x, a]);
    Ok(rest)
}

#[test]
fn pattern_arguments() {
    assert_eq!(patterns(Point { x: 1, y: 2 }, (3, [4, 0, 0]), 9, vec![0]), [0, 1, 2, 3, 4]);
    assert_eq!(try_patterns(Point { x: 1, y: 2 }, (3, vec![0]), 9), Ok(vec![0, 1, 3]));
    assert_recorded!("patterns", [1, 0, 0, 0]);
    assert_recorded!("try_patterns", [1, 0, 0, 0]);
}

macro_rules! functions {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($arg:ident: $ty:ty) -> $ret:ty $body:block) => {
        $(#[$meta])*
        #[profiled]
        $vis fn $name($arg: $ty) -> $ret $body
    };
    ($item:item) => {
        #[profiled]
        $item
    };
}

functions! {
    /// A function made from fragments.
    #[inline]
    pub(crate) fn from_fragments(text: &str) -> Result<u32, std::num::ParseIntError> {
        let number: u32 = text.parse()?;
        Ok(number)
    }
}

functions! { fn private_fragments(text: &str) -> usize { text.len() } }

functions! { fn from_an_item() {} }

macro_rules! whole_function {
    ($name:ident, $value:expr) => {
        #[profiled]
        fn $name() -> u32 {
            let value = $value;
            if value > 100 {
                return 100;
            }
            value
        }
    };
}

whole_function!(whole, 4);

#[test]
fn functions_that_a_macro_rules_produced() {
    assert_eq!(from_fragments("3"), Ok(3));
    assert!(from_fragments("x").is_err());
    assert_eq!(private_fragments("abc"), 3);
    from_an_item();
    assert_eq!(whole(), 4);
    assert_recorded!("from_fragments", [1, 1, 0, 0]);
    assert_recorded!("private_fragments", [1, 0, 0, 0]);
    assert_recorded!("from_an_item", [1, 0, 0, 0]);
    assert_recorded!("whole", [1, 0, 0, 0]);
}

#[profiled]
fn inner_attributes_and_items() -> u32 {
    #![allow(dead_code)]
    use std::cmp::max;
    const TWO: u32 = 2;
    fn unused() {}
    max(TWO, 1)
}

#[test]
fn a_body_with_inner_attributes_that_begins_with_items() {
    assert_eq!(inner_attributes_and_items(), 2);
    assert_recorded!("inner_attributes_and_items", [1, 0, 0, 0]);
}

#[profiled]
fn outer(depth: u32) -> u32 {
    #[profiled]
    fn inner(depth: u32) -> u32 {
        outer(depth)
    }
    if depth == 0 { 0 } else { 1 + inner(depth - 1) }
}

#[test]
fn nested_and_recursive_functions() {
    assert_eq!(outer(3), 3);
    assert_recorded!("outer", [4, 0, 0, 0]);
    assert_recorded!("outer::inner", [3, 0, 0, 0]);
}

#[profiled]
fn higher_ranked<F>(function: F) -> usize
where
    F: for<'a> Fn(&'a str) -> &'a str,
{
    function("abc").len()
}

#[profiled]
fn makes_closures(by: u32) -> Box<dyn Fn(u32) -> u32> {
    Box::new(move |value| value + by)
}

#[test]
fn functions_and_closures_as_arguments_and_results() {
    assert_eq!(higher_ranked(|text| &text[1..]), 2);
    assert_eq!(makes_closures(1)(2), 3);
    assert_recorded!("higher_ranked", [1, 0, 0, 0]);
    assert_recorded!("makes_closures", [1, 0, 0, 0]);
}

#[cfg(target_arch = "x86_64")]
#[profiled]
#[target_feature(enable = "sse4.2")]
fn with_features(value: u64) -> Result<u32, ()> {
    Ok(value.count_ones())
}

#[cfg(target_arch = "x86_64")]
#[test]
fn target_features() {
    if std::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the features were detected above.
        assert_eq!(unsafe { with_features(7) }, Ok(3));
        assert_recorded!("with_features", [1, 0, 0, 0]);
    }
}
