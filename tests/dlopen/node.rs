//! The same functions for Node, through its stable C interface (Node-API). The interface is looked
//! up when Node loads the library, because other hosts do not have it.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

type Value = *mut c_void;
type Callback = unsafe extern "C" fn(env: Value, info: Value) -> Value;

/// A function for JavaScript: its argument is one number or none, its result a number.
type Function = fn(u32) -> f64;

const FUNCTIONS: [(&CStr, Function); 5] = [
    (c"begin", |_| super::begin().into()),
    (c"work", |calls| {
        super::work(calls);
        0.0
    }),
    (c"calls", |_| super::calls() as f64),
    (c"allocatedBytes", |_| super::allocated_bytes() as f64),
    (c"end", |_| {
        super::end();
        0.0
    }),
];

/// Looks up a function of Node.
fn of_node(name: &CStr) -> *mut c_void {
    // SAFETY: the argument is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!found.is_null(), "this is not Node: it has no {name:?}");
    found
}

/// Node calls this once for each of its threads that loads the library.
#[unsafe(no_mangle)]
unsafe extern "C" fn napi_register_module_v1(env: Value, exports: Value) -> Value {
    type CreateFunction = unsafe extern "C" fn(Value, *const c_char, usize, Callback, *mut c_void, *mut Value) -> c_int;
    type SetProperty = unsafe extern "C" fn(Value, Value, *const c_char, Value) -> c_int;
    // SAFETY: the functions of Node with these names have these signatures.
    let (create, set) = unsafe {
        (
            std::mem::transmute::<*mut c_void, CreateFunction>(of_node(c"napi_create_function")),
            std::mem::transmute::<*mut c_void, SetProperty>(of_node(c"napi_set_named_property")),
        )
    };
    for (number, (name, _)) in FUNCTIONS.iter().enumerate() {
        let (mut function, data) = (ptr::null_mut(), ptr::without_provenance_mut(number));
        // SAFETY: the arguments come from Node, and the places for results are valid.
        unsafe {
            assert_eq!(create(env, name.as_ptr(), name.count_bytes(), call, data, &raw mut function), 0);
            assert_eq!(set(env, exports, name.as_ptr(), function), 0);
        }
    }
    exports
}

unsafe extern "C" fn call(env: Value, info: Value) -> Value {
    type CallbackInfo =
        unsafe extern "C" fn(Value, Value, *mut usize, *mut Value, *mut Value, *mut *mut c_void) -> c_int;
    type Number = unsafe extern "C" fn(Value, Value, *mut u32) -> c_int;
    type CreateDouble = unsafe extern "C" fn(Value, f64, *mut Value) -> c_int;
    // SAFETY: as above.
    let (info_of, number_of, create) = unsafe {
        (
            std::mem::transmute::<*mut c_void, CallbackInfo>(of_node(c"napi_get_cb_info")),
            std::mem::transmute::<*mut c_void, Number>(of_node(c"napi_get_value_uint32")),
            std::mem::transmute::<*mut c_void, CreateDouble>(of_node(c"napi_create_double")),
        )
    };
    let (mut count, mut argument, mut data, mut number) = (1, ptr::null_mut(), ptr::null_mut(), 0);
    // SAFETY: the arguments come from Node, and the places for results are valid.
    unsafe {
        assert_eq!(info_of(env, info, &raw mut count, &raw mut argument, ptr::null_mut(), &raw mut data), 0);
        if count > 0 {
            assert_eq!(number_of(env, argument, &raw mut number), 0);
        }
    }
    let (_, function) = FUNCTIONS[data.addr()];
    let mut result = ptr::null_mut();
    // SAFETY: as above.
    let made = unsafe { create(env, function(number), &raw mut result) };
    assert_eq!(made, 0);
    result
}
