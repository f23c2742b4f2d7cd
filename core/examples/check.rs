//! How long it takes to ask where a docroot leads, in microseconds; `benches/cost` runs it.
//!
//! `cargo run --release -p realdoc-core --example check -- /srv/app/current/web`

use std::ffi::CString;
use std::fs;
use std::hint::black_box;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Instant;

use realdoc_core::SECOND;
use realdoc_core::docroot::{Check, Docroot, Policy, When};
use realdoc_core::fs::OsFs;
use realdoc_core::resolve::{Mode, Resolved, resolve};
use realdoc_core::table::LinkTable;

/// In turn, so that what else goes on on the machine concerns all.
const TURNS: usize = 101;
const CALLS: u32 = 500;
fn main() -> io::Result<()> {
    let argument = std::env::args_os().nth(1);
    let path = argument.ok_or_else(|| io::Error::other("a docroot's path is missing"))?;
    let name = CString::new(path.as_bytes())?;
    let real = CString::new(fs::canonicalize(&path)?.into_os_string().into_vec())?;
    let docroot = Docroot::new(name.clone(), Mode::Realpath);
    let table = LinkTable::private(1);
    let is_real = |found: &Resolved| found.docroot == real;
    let check = |check_every| {
        let check = Check {
            began: 0,
            clock: || 0,
            policy: Policy {
                check_every,
                grace: 0,
            },
            table,
            fs: &OsFs,
            when: When::Due,
            pinned: None,
        };
        docroot.pin(&check, &mut |_| {}, is_real) == Ok(Some(true))
    };
    let questions: [(&str, &dyn Fn() -> bool); 5] = [
        ("realpath", &|| fs::canonicalize(&path).is_ok()),
        ("resolve", &|| {
            resolve(&OsFs, &name, &Mode::Realpath).is_ok()
        }),
        ("check", &|| check(0)),
        ("none", &|| check(SECOND)),
        ("empty", &|| rustix::process::getppid().is_some()),
    ];
    let mut times = questions.map(|_| Vec::with_capacity(TURNS));
    for _ in 0..TURNS {
        for ((_, ask), times) in questions.iter().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..CALLS {
                assert!(black_box(ask()), "it leads where realpath says");
            }
            times.push(start.elapsed() / CALLS);
        }
    }
    for ((what, _), times) in questions.iter().zip(&mut times) {
        times.sort();
        println!("{what} {:.3}", times[TURNS / 2].as_secs_f64() * 1e6);
    }
    Ok(())
}
