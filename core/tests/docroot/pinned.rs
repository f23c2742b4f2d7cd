//! A docroot below a link that the request has pinned already, and which names ask for it.

use realdoc_core::fs::Errno;
use realdoc_core::table::LinkTable;

use crate::process::{CURRENT, Process, T, site};

#[test]
fn a_link_inside_a_release_is_read_in_the_pinned_release() {
    let fs = site();
    for number in ["1", "2"] {
        fs.dir(&format!("/data/{number}/images"));
        fs.link(
            &format!("/srv/releases/{number}/media"),
            &format!("/data/{number}"),
        );
    }
    let media = "/srv/current/media";
    let mut process = Process::new(&fs, LinkTable::private(8), media);
    let both = |number: u32| {
        [
            (CURRENT.to_string(), format!("/srv/releases/{number}")),
            (media.to_string(), format!("/data/{number}")),
        ]
    };
    assert_eq!(process.links_behind(CURRENT, c"/srv/releases/1"), both(1));

    fs.link(CURRENT, "releases/2");
    // The request began before the flip. What it has pinned already is not handed out twice.
    let inner = |number| both(number)[1..].to_vec();
    assert_eq!(process.links_behind(CURRENT, c"/srv/releases/1"), inner(1));
    assert_eq!(process.links_behind(CURRENT, c"/srv/releases/2"), both(2));

    // In its release there is no such link, or nothing at all.
    fs.remove("/srv/releases/1/media");
    fs.dir("/srv/releases/1/media");
    assert_eq!(process.links_behind(CURRENT, c"/srv/releases/1"), []);
    fs.remove("/srv/releases/1");
    assert_eq!(process.links_behind(CURRENT, c"/srv/releases/1"), []);
    assert_eq!(
        process.links_behind("/srv/other", c"/srv/releases/1"),
        both(2)
    );
}

#[test]
fn a_docroot_concerns_what_lies_below_a_symlink_on_its_path() {
    let fs = site();
    fs.link("/www", "/srv");
    let mut process = Process::new(&fs, LinkTable::private(8), "/srv/current/web");
    fs.calls();
    assert!(!process.docroot.concerns(b"/data/x", &fs));
    assert!(process.docroot.concerns(b"/srv/current/web/x", &fs));
    assert_eq!(fs.calls(), 0);
    // Which component is a symlink it finds without following that.
    fs.fail("/srv/current", Some(Errno::IO));
    assert!(!process.docroot.concerns(b"/srv/other/x", &fs));
    assert_eq!(fs.calls(), 2);
    fs.fail("/srv/current", None);
    process.request(T);
    for (name, concerns) in [
        ("/srv/current/web/x", true),
        ("/srv/current", true),
        ("/srv/current/logs", true),
        ("/srv/currently", false),
        ("/srv/other/x", false),
        ("/srv", false),
    ] {
        assert_eq!(
            process.docroot.concerns(name.as_bytes(), &fs),
            concerns,
            "{name}"
        );
    }

    let mut outer = Process::new(&fs, LinkTable::private(8), "/www/current/web");
    outer.request(T);
    assert!(outer.docroot.concerns(b"/www/x", &fs));

    let mut plain = Process::new(&fs, LinkTable::private(8), "/srv/releases/1/web");
    plain.request(T);
    assert!(
        plain.docroot.concerns(b"/srv/releases/1/web/x", &fs),
        "it may become one"
    );
    assert!(!plain.docroot.concerns(b"/srv/releases/1/x", &fs));

    let mut absent = Process::new(&fs, LinkTable::private(8), "/srv/absent/web");
    absent.request(T);
    assert!(absent.docroot.concerns(b"/srv/absent/x", &fs));
    assert!(!absent.docroot.concerns(b"/srv/current/x", &fs));
}
