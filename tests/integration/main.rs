//! mod_realdoc in a real httpd: a file a theme, most tests on each MPM.

/// Makes a test for each MPM out of a function that takes one.
///
/// ```ignore
/// each_mpm!(a_flip_is_seen);
/// fn a_flip_is_seen(mpm: Mpm) { ... }
///
/// each_mpm!(streams_side_by_side on worker, event);
/// fn streams_side_by_side(mpm: Mpm) { ... }
/// ```
macro_rules! each_mpm {
    ($name:ident) => {
        each_mpm!($name on prefork, worker, event);
    };
    ($name:ident on $($mpm:ident),+) => {
        mod $name {
            $(
                #[test]
                fn $mpm() {
                    super::$name(each_mpm!(@ $mpm));
                }
            )+
        }
    };
    (@ prefork) => { testbed::Mpm::Prefork };
    (@ worker) => { testbed::Mpm::Worker };
    (@ event) => { testbed::Mpm::Event };
}

mod auto;
mod broken;
mod browser;
mod common;
mod deploy;
mod differential;
mod directives;
mod docs;
mod dump;
mod exchange;
mod fastcgi;
mod faults;
mod file_tests;
mod files;
mod hangs;
mod healing;
mod hostile;
mod hosts;
mod install;
mod lifecycle;
mod links;
mod load;
mod log;
mod mapping;
mod note;
mod object;
mod overtaken;
mod paths;
mod php;
mod previous;
mod randomised;
mod readlink;
mod request;
mod rewriting;
mod sections_load;
mod status;
mod stress;
mod switch;
mod traffic;
mod virtual_docroot;
mod warnings;
mod wsgi;
