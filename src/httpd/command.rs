//! Directives.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use super::boundary::boundary;
use super::pool::Pool;
use super::{module, raw};
use crate::config::{ServerConfig, Settings};

/// How many arguments a directive takes.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    /// One.
    One = raw::cmd_how_TAKE1 as isize,
    /// One or more, for each of which it is set.
    Many = raw::cmd_how_ITERATE as isize,
}

/// A directive for the server configuration and virtual hosts.
pub(crate) struct Directive {
    pub(crate) name: &'static CStr,
    /// What httpd prints after "takes one argument".
    pub(crate) usage: &'static CStr,
    pub(crate) takes: Takes,
    /// Takes the directive's name and value; answers with what is wrong with it.
    pub(crate) set: fn(&mut Settings, &str, &CStr) -> Result<(), String>,
}

/// httpd's record of a [`Directive`].
#[repr(transparent)]
pub(crate) struct Command(raw::command_rec);

// SAFETY: httpd only reads the table, and what it points to is 'static.
unsafe impl Sync for Command {}

impl Command {
    pub(crate) const fn new(directive: &'static Directive) -> Command {
        Command(raw::command_rec {
            name: directive.name.as_ptr(),
            func: raw::cmd_func { take1: Some(set) },
            cmd_data: ptr::from_ref(directive).cast_mut().cast(),
            req_override: raw::RSRC_CONF as i32,
            args_how: directive.takes as raw::cmd_how,
            errmsg: directive.usage.as_ptr(),
        })
    }

    /// What ends the table.
    pub(crate) const END: Command = Command(raw::command_rec {
        name: ptr::null(),
        func: raw::cmd_func { take1: None },
        cmd_data: ptr::null_mut(),
        req_override: 0,
        args_how: raw::cmd_how_RAW_ARGS,
        errmsg: ptr::null(),
    });
}

unsafe extern "C" fn set(
    cmd: *mut raw::cmd_parms,
    _: *mut c_void,
    value: *const c_char,
) -> *const c_char {
    let bug = c"internal error in mod_realdoc, see the error log";
    boundary("a directive", ptr::null(), bug.as_ptr(), || {
        // SAFETY: httpd hands a directive its command's record, whose data is the
        // `Directive` of `Command::new`; a value that ends with a NUL; and a pool
        // that outlives the message.
        let (directive, value, pool) = unsafe {
            (
                &*(*cmd).info.cast::<Directive>(),
                CStr::from_ptr(value),
                Pool::from_raw((*cmd).pool),
            )
        };
        // SAFETY: our slot holds what `module::create_server_config` made for this
        // server. One thread reads the configuration, and nobody else refers to it yet.
        let config = unsafe {
            let slot = module::slot((*(*cmd).server).module_config);
            (*slot).cast::<ServerConfig>().as_mut()
        };
        let Some(config) = config else {
            return bug.as_ptr();
        };
        let name = directive.name.to_str().unwrap_or_default();
        match (directive.set)(&mut config.settings, name, value) {
            Ok(()) => ptr::null(),
            Err(message) => pool.copy(&message),
        }
    })
}
