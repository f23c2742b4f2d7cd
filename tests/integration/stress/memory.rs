//! What restarts and strangers leave in the processes' memory.

use std::thread::sleep;
use std::time::Duration;

use testbed::{Module, Mpm};

use super::{FILE, RELEASES, amount, create, note, prepare};
use crate::common::side_by_side;

each_mpm!(restarts_cost_nothing);
/// Graceful restarts leave the parent's memory and descriptors where they leave those of httpd
/// without the module.
fn restarts_cost_nothing(mpm: Mpm) {
    // 14 bytes a virtual host and restart in the short form, not one in the long one.
    const TOLERANCE: u64 = 16 * 1024;

    let restarts = amount(12, 300);
    let parents = side_by_side(|module| Parent::run(mpm, module, restarts));
    let [stock, ours] = &parents;
    println!("{mpm}: {restarts} restarts: stock {stock}; ours {ours}");
    let grown = parents.each_ref().map(
        |Parent {
             memory: [before, after],
             ..
         }| after.saturating_sub(*before),
    );
    assert!(grown[1] <= grown[0] + TOLERANCE);
    let [before, after] = ours.descriptors;
    assert_eq!(before, after);
    assert_eq!(after, stock.descriptors[1]);
}

/// What the parent process has, before many restarts and after.
struct Parent {
    memory: [u64; 2],
    descriptors: [usize; 2],
}

impl Parent {
    fn run(mpm: Mpm, module: Module, restarts: usize) -> Self {
        const HOSTS: usize = 100;
        const WARM_UP: usize = 3;
        // Else malloc(3) keeps small blocks that were freed for the next of their size, more and
        // more of them.
        const WITHOUT_CACHES: &str = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0";

        // A docroot each.
        let host = |n| {
            format!(
                "<VirtualHost *:{{port}}>\nServerName host{n}\n\
                 DocumentRoot {{root}}/app/current/web/{n}\n</VirtualHost>\n"
            )
        };
        let hosts: String = (0..HOSTS).map(host).collect();
        let (setup, site) = prepare(mpm, module);
        for n in 0..HOSTS {
            site.create("0", &[(&format!("web/{n}/page.txt"), "0")]);
        }
        let server = setup
            .env("GLIBC_TUNABLES", WITHOUT_CACHES)
            .children(1)
            .threads(2)
            .config(&hosts)
            .start();
        let parent = server.main_pid();
        let [before, after] = [WARM_UP, restarts].map(|times| {
            for _ in 0..times {
                server.graceful();
                assert_eq!(note(FILE, &server.get(FILE)).release, "0");
            }
            // For a moment the parent may have a connection with which it wakes a child.
            let descriptors = || {
                sleep(Duration::from_millis(20));
                server.descriptors(parent)
            };
            let least = (0..5).map(|_| descriptors()).min().expect("five");
            (server.rss(parent), least)
        });
        server.stop();
        Self {
            memory: [before.0, after.0],
            descriptors: [before.1, after.1],
        }
    }
}

impl std::fmt::Display for Parent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([memory, memory_after], [files, files_after]) = (self.memory, self.descriptors);
        write!(
            f,
            "{memory} bytes and {files} descriptors before, {memory_after} and {files_after} after"
        )
    }
}

each_mpm!(strangers_cost_no_memory on prefork, event);
/// What clients choose is no key: hosts and paths that never come again, and a new target now and
/// then, leave a child as big as it was.
fn strangers_cost_no_memory(mpm: Mpm) {
    const DIRS: [&str; 6] = [
        "/",
        "/page.txt?",
        "/page.txt/",
        "/section/",
        "/index/",
        "/denied/",
    ];
    const BETWEEN_FLIPS: usize = 100;

    let requests = amount(4_000, 1_000_000);
    let targets = amount(50, 1_000);
    let (setup, site) = prepare(mpm, Module::On);
    for target in RELEASES..targets {
        create(&site, target);
    }
    let server = setup.children(1).threads(4).log_level("crit").start();
    let child = server.children();
    let mut client = server.client();
    let (mut asked, mut flips) = (0, 0);
    let [before, after] = [1_000, requests].map(|requests| {
        for dir in DIRS.iter().cycle().take(requests) {
            if asked % BETWEEN_FLIPS == 0 {
                site.deploy(&(flips % targets).to_string());
                flips += 1;
            }
            asked += 1;
            // Without a pattern.
            let number = asked.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let (path, host) = (format!("{dir}{number:x}"), format!("h{number:x}"));
            let response = client.request("GET", &path, &[("Host", &host)]);
            let status = response.expect("the server answers").status;
            assert!([200, 403, 404].contains(&status), "{path}: {status}");
        }
        server.rss(child[0])
    });
    println!(
        "{mpm}: {requests} requests, each of another host and path, {flips} flips between {targets} targets: \
         {before} bytes before, {after} after"
    );
    // Some heap, and less than a byte a request.
    let tolerance = 256 * 1024 + requests as u64 / 2;
    assert!(after <= before + tolerance);
    assert_eq!(server.children(), child, "no child has ended");
    server.stop();
}
