//! Directives.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use super::panic::catch_panic;
use super::pool::Pool;
use super::raw;
use super::state::{self, Loaded, ModuleState, name_of, slot};

/// How many arguments a directive takes.
#[derive(Clone, Copy)]
pub(crate) enum Args {
    /// One.
    Take1 = raw::cmd_how_TAKE1 as isize,
    /// One or two.
    Take12 = raw::cmd_how_TAKE12 as isize,
    /// One or more, for each of which it is set.
    Iterate = raw::cmd_how_ITERATE as isize,
}

/// A directive of the module `M`.
pub(crate) struct Directive<M: ModuleState> {
    pub(crate) name: &'static CStr,
    /// What httpd prints after "takes one argument".
    pub(crate) usage: &'static CStr,
    pub(crate) args: Args,
    pub(crate) set: Set<M>,
}

/// Where a directive may stand, and what it sets there. The function takes the directive's name and
/// its values, and returns what is wrong with them.
pub(crate) enum Set<M: ModuleState> {
    /// In the server configuration and virtual hosts.
    Server(fn(&mut M::Server, &str, &CStr) -> Result<(), String>),
    /// There, and in sections of these, but not in .htaccess files. The pool is that of the
    /// configuration.
    Directory(for<'c> fn(&mut M::Directory<'c>, Pool<'c>, &str, Values<'_>) -> Result<(), String>),
}

/// A directive's argument, and the second one, which only [`Args::Take12`] allows.
pub(crate) type Values<'v> = (&'v CStr, Option<&'v CStr>);

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
            func: match directive.args {
                Args::Take1 | Args::Iterate => raw::cmd_func {
                    take1: Some(set_one::<M>),
                },
                Args::Take12 => raw::cmd_func {
                    take2: Some(set_two::<M>),
                },
            },
            cmd_data: ptr::from_ref(directive).cast_mut().cast(),
            req_override: match directive.set {
                Set::Server(_) => raw::RSRC_CONF as i32,
                Set::Directory(_) => (raw::RSRC_CONF | raw::ACCESS_CONF) as i32,
            },
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

unsafe extern "C" fn set_one<M: Loaded>(
    cmd: *mut raw::cmd_parms,
    directory: *mut c_void,
    value: *const c_char,
) -> *const c_char {
    // SAFETY: httpd calls this for a directive of `command_table`.
    unsafe { set::<M>(cmd, directory, value, ptr::null()) }
}

unsafe extern "C" fn set_two<M: Loaded>(
    cmd: *mut raw::cmd_parms,
    directory: *mut c_void,
    value: *const c_char,
    second: *const c_char,
) -> *const c_char {
    // SAFETY: as above.
    unsafe { set::<M>(cmd, directory, value, second) }
}

/// # Safety
/// The arguments are those of a directive of `command_table`. `second` may be null.
unsafe fn set<M: Loaded>(
    cmd: *mut raw::cmd_parms,
    directory: *mut c_void,
    value: *const c_char,
    second: *const c_char,
) -> *const c_char {
    // SAFETY: httpd hands a directive its command's record, whose data is the `Directive` of
    // `command_table`; values that end with a NUL; and a pool that outlives the message.
    let (directive, value, second, pool) = unsafe {
        (
            &*(*cmd).info.cast::<Directive<M>>(),
            CStr::from_ptr(value),
            (!second.is_null()).then(|| CStr::from_ptr(second)),
            Pool::from_raw((*cmd).pool),
        )
    };
    let result = catch_panic("a directive", ptr::null(), None, || {
        let name = directive.name.to_str().unwrap_or_default();
        match directive.set {
            Set::Server(set) => {
                // SAFETY: our slot holds what `create_server_config` made for this server. One
                // thread reads the configuration, and nobody else refers to it yet.
                let config = unsafe {
                    let slot = slot::<M>((*(*cmd).server).module_config);
                    (*slot).cast::<M::Server>().as_mut()
                };
                config.map(|config| set(config, name, value))
            }
            Set::Directory(set) => {
                // SAFETY: httpd hands over what is in our slot of the section's vector, which lives
                // as long as the pool, the configuration's.
                let mut changed = unsafe { state::directory::<M>(directory) };
                let result = set(&mut changed, pool, name, (value, second));
                // SAFETY: the vector is that of the section. One thread reads the configuration,
                // and nobody else has it yet.
                unsafe { *slot::<M>((*cmd).context) = state::put_directory::<M>(pool, changed) };
                Some(result)
            }
        }
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
