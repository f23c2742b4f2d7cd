//! httpd's end.

use std::ffi::{c_int, c_void};
use std::process;
use std::ptr::null;

use super::log::LogOf;
use super::panic::catch_panic;
use super::pool::Pool;
use super::raw;

/// Where to leave what is to be done when httpd ends.
pub(crate) struct AtExit<'p> {
    /// The pool of httpd's logs. At the end it is destroyed before all else; here its cleanups run
    /// before those that close the logs.
    logs: Pool<'p>,
}

/// A task, and the process that is to do it.
struct Task<F> {
    pid: u32,
    run: F,
}

impl<'p> AtExit<'p> {
    /// # Safety
    /// `logs` is the pool of the logs in post_config, when they are open.
    pub(super) unsafe fn new(logs: *mut raw::apr_pool_t) -> Self {
        // SAFETY: as the caller promises.
        let logs = unsafe { Pool::from_raw(logs) };
        AtExit { logs }
    }

    /// Runs `task` when httpd's parent process ends. At a restart, which is not the end, it is
    /// dropped. The configuration may be gone by then, so the task owns what it needs.
    pub(crate) fn run<F: FnOnce(&LogOf) + Send + 'static>(self, task: F) {
        unsafe extern "C" fn end<F: FnOnce(&LogOf)>(task: *mut c_void) -> raw::apr_status_t {
            let task: *mut Task<F> = task.cast();
            catch_panic("httpd's end", null(), (), || {
                // SAFETY: it is the leaked box that `run` registered with this very function. APR
                // runs a cleanup once in a process; a child, which got its copy by fork, leaves it.
                let task = unsafe {
                    if (*task).pid != process::id() {
                        return;
                    }
                    Box::from_raw(task)
                };
                // SAFETY: it reads a number of httpd's.
                let state = unsafe { raw::ap_state_query(raw::AP_SQ_MAIN_STATE as c_int) };
                if state == raw::AP_SQ_MS_EXITING as c_int {
                    (task.run)(&LogOf(null()));
                }
            });
            0
        }

        let task = Box::into_raw(Box::new(Task {
            pid: process::id(),
            run: task,
        }));
        // SAFETY: the pool is alive; the cleanup gets the pointer that it expects. A program that
        // httpd executes does not do the task: the no-op.
        unsafe {
            raw::apr_pool_cleanup_register(
                self.logs.as_ptr(),
                task.cast(),
                Some(end::<F>),
                Some(raw::apr_pool_cleanup_null),
            );
        }
    }
}
