//! Directives.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use super::panic::catch_panic;
use super::pool::Pool;
use super::raw;
use super::state::{Loaded, ModuleState, name_of, slot};

/// How many arguments a directive takes.
#[derive(Clone, Copy)]
pub(crate) enum Args {
    /// One.
    Take1 = raw::cmd_how_TAKE1 as isize,
    /// One or more, for each of which it is set.
    Iterate = raw::cmd_how_ITERATE as isize,
}

/// A directive of the module `M`, for the server configuration and virtual hosts.
pub(crate) struct Directive<M: ModuleState> {
    pub(crate) name: &'static CStr,
    /// What httpd prints after "takes one argument".
    pub(crate) usage: &'static CStr,
    pub(crate) args: Args,
    /// Takes the directive's name and value, and returns what is wrong with the value.
    pub(crate) set: fn(&mut M::Server, &str, &CStr) -> Result<(), String>,
}

/// httpd's record of a [`Directive`].
#[repr(transparent)]
pub(crate) struct Command(raw::command_rec);

// SAFETY: httpd only reads the table, and what it points to is 'static.
unsafe impl Sync for Command {}

/// The records of `directives`, and one that ends the table.
pub(crate) const fn command_table<M: Loaded, const LEN: usize>(
    directives: &'static [Directive<M>],
) -> [Command; LEN] {
    assert!(LEN == directives.len() + 1);
    let mut table = [const { END }; LEN];
    let mut i = 0;
    while i < directives.len() {
        let directive = &directives[i];
        table[i] = Command(raw::command_rec {
            name: directive.name.as_ptr(),
            func: raw::cmd_func {
                take1: Some(set::<M>),
            },
            cmd_data: ptr::from_ref(directive).cast_mut().cast(),
            req_override: raw::RSRC_CONF as i32,
            args_how: directive.args as raw::cmd_how,
            errmsg: directive.usage.as_ptr(),
        });
        i += 1;
    }
    table
}

const END: Command = Command(raw::command_rec {
    name: ptr::null(),
    func: raw::cmd_func { take1: None },
    cmd_data: ptr::null_mut(),
    req_override: 0,
    args_how: raw::cmd_how_RAW_ARGS,
    errmsg: ptr::null(),
});

unsafe extern "C" fn set<M: Loaded>(
    cmd: *mut raw::cmd_parms,
    _: *mut c_void,
    value: *const c_char,
) -> *const c_char {
    // SAFETY: httpd hands a directive its command's record, whose data is the `Directive` of
    // `command_table`; a value that ends with a NUL; and a pool that outlives the message.
    let (directive, value, pool) = unsafe {
        (
            &*(*cmd).info.cast::<Directive<M>>(),
            CStr::from_ptr(value),
            Pool::from_raw((*cmd).pool),
        )
    };
    let result = catch_panic("a directive", ptr::null(), None, || {
        // SAFETY: our slot holds what `create_server_config` made for this server. One
        // thread reads the configuration, and nobody else refers to it yet.
        let config = unsafe {
            let slot = slot::<M>((*(*cmd).server).module_config);
            (*slot).cast::<M::Server>().as_mut()
        };
        let name = directive.name.to_str().unwrap_or_default();
        config.map(|config| (directive.set)(config, name, value))
    });
    match result {
        Some(Ok(())) => ptr::null(),
        Some(Err(message)) => pool.copy(&message),
        None => {
            let module = name_of::<M>().to_string_lossy();
            pool.copy(&format!("internal error in {module}, see the error log"))
        }
    }
}
