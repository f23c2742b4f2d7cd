//! Safe code that would misuse the wrappers of src/httpd, if the compiler let it.
//!
//! `scripts/misuse` compiles this file as a module of the crate. Each line that ends with
//! `//~` and the code of an error must fail with just that, and nothing else may fail.

use std::cell::Cell;
use std::ffi::CStr;

use realdoc_core::table::Slot;

use crate::config::ServerConfig;
use crate::httpd::{
    DirConfig, File, HiddenMain, Level, Log, Options, Pool, PoolList, PoolPath, Request, Server,
    Shorten, Startup, retained_slice,
};
use crate::module::Realdoc;
use crate::pin::Directory;
use crate::previous::Settings;

/// A value with a lifetime, in a list that a parent and its children share.
struct Named<'a>(&'a CStr);

impl Shorten for Named<'static> {
    type At<'a> = Named<'a>;

    fn shorten<'s, 'l: 's>(long: &'s Named<'l>) -> &'s Named<'s> {
        long
    }
}

/// A value that cannot be used for a shorter time, since it can be written.
struct Written<'a>(Cell<&'a CStr>);

impl Shorten for Written<'static> {
    type At<'a> = Written<'a>;

    fn shorten<'s, 'l: 's>(long: &'s Written<'l>) -> &'s Written<'s> {
        long //~ lifetime
    }
}

/// A request's memory in its parent, which lives longer.
fn child_in_parent<'r>(r: Request<'r>) {
    let text: &'r CStr = r.pool().put_text(c"/gone");
    if let Some(parent) = r.parent() {
        parent.set_filename(text); //~ E0599
        parent.set_document_root(Some(text)); //~ E0599
        parent.set_dir_config(r.dir_config()); //~ E0599
    }
}

fn child_in_list_of_parent<'r>(r: Request<'r>, list: &'r PoolList<'r, Named<'static>>) {
    let text: &'r CStr = r.pool().put_text(c"/gone");
    list.push(|_| Named(text)); //~ lifetime
}

/// What is made in the list's own pool may be added, by whoever can read the list.
fn made_in_list<'r>(list: &'r PoolList<'r, Named<'static>>) -> Option<&'r Named<'r>> {
    list.push(|pool| Named(pool.put_text(c"/made")));
    list.iter().next()
}

/// A value of this stack frame in a configuration that lives as long as the request.
fn stack_in_config<'r>(r: Request<'r>) {
    let settings = Settings::default();
    let config: DirConfig<'r> = r.dir_config();
    let merged = config.merge_with::<Realdoc>(r.pool(), config, |_| Directory {
        previous: Some(&settings), //~ E0597
        ..Directory::default()
    });
    r.set_dir_config(merged);
}

// What points into a configuration or a request's pool, kept beyond its life.
thread_local! {
    static OPTIONS: Cell<Option<Options<'static>>> = const { Cell::new(None) };
    static FILE: Cell<Option<File<'static>>> = const { Cell::new(None) };
    static REQUEST: Cell<Option<Request<'static>>> = const { Cell::new(None) };
    static POOL: Cell<Option<Pool<'static>>> = const { Cell::new(None) };
    static STARTUP: Cell<Option<&'static Startup>> = const { Cell::new(None) };
}

fn options_are_kept(r: Request<'_>) {
    OPTIONS.set(Some(Options::of(r.dir_config()))); //~ E0521
}

fn file_is_kept(r: Request<'_>) {
    FILE.set(r.stat(c"/", true)); //~ E0521
}

fn request_is_kept(r: Request<'_>) {
    REQUEST.set(Some(r)); //~ E0521
}

fn pool_is_kept(r: Request<'_>) {
    POOL.set(Some(r.pool())); //~ E0521
}

fn startup_is_kept(startup: &Startup) {
    STARTUP.set(Some(startup)); //~ E0521
}

/// A subrequest's memory after its end.
fn ended_subrequest(r: Request<'_>) {
    let found = r.look_up(r.copy_env());
    let name = found.request().filename();
    drop(found); //~ E0505
    let _ = name;
}

fn subrequest_that_has_become_main(r: Request<'_>) {
    let found = r.look_up(r.copy_env());
    let name = found.request().filename();
    let _ = found.redirect::<Realdoc>(); //~ E0505
    let _ = name;
}

fn variables_of_another<'a, 'b>(a: Request<'a>, b: Request<'b>) {
    let _ = a.look_up(b.copy_env()); //~ lifetime
}

fn main_of_another<'a, 'b>(a: Request<'a>, b: Request<'b>, main: HiddenMain<'a>) {
    a.show_main(main);
    b.show_main(main); //~ lifetime
}

/// A file of one request in another.
fn file_of_another<'a, 'b>(a: Request<'a>, b: Request<'b>) {
    if let Some(file) = a.stat(c"/", true) {
        b.set_file(&file); //~ lifetime
    }
}

/// Bytes that change under a shared reference.
fn changing<'r>(r: Request<'r>) -> &'r CStr {
    let mut path = PoolPath::with_room(r.pool(), 10);
    path.push(b"/a");
    let lent = path.as_c_str();
    path.truncate(0); //~ E0502
    r.pool().put_text(lent)
}

fn changing_filename(r: Request<'_>) {
    let mut path = PoolPath::with_room(r.pool(), 10);
    r.set_filename(path.as_c_str()); //~ E0597
    path.push(b"/b"); //~ E0502
}

fn changing_after_its_end<'r>(r: Request<'r>) -> &'r CStr {
    let mut path = PoolPath::with_room(r.pool(), 10);
    let text = path.finish();
    path.push(b"/b"); //~ E0382
    text
}

/// A text without an end.
fn endless(r: Request<'_>) {
    Log::write(&r, "src/lib.rs", 1, Level::Error, format_args!("")); //~ E0308
}

/// What is sound only while one thread runs, while others serve.
fn race<'r>(r: Request<'r>, config: &'r ServerConfig) {
    let server: Server<'r> = r.server();
    server.set_state::<Realdoc>(config); //~ E0061
    let _ = retained_slice::<Slot>("name", 1); //~ E0061
    let _ = Startup(std::marker::PhantomData); //~ E0423
}
