//! What the error log warns of: directives that do not work as they did without the module.

use testbed::{Builder, Module, Mpm, Releases, Server};

/// A site whose document root leads through `app/current`, with `shared/uploads` in each release.
fn setup(config: &str) -> (Builder, Releases) {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .children(1)
        .load("rewrite")
        .allow("RD26: ")
        .allow("RD27: ")
        .root_section("Options FollowSymLinks\nAllowOverride None\nRequire all granted")
        .config("DocumentRoot {root}/app/current/web")
        .config(config);
    let site = Releases::at(setup.root().join("app"));
    site.create("42", &[("web/private/part.txt", "42")]);
    site.deploy("42");
    (setup, site)
}

/// What a warning says of its directive, behind file and line.
fn warned(server: &Server, tag: &str) -> Vec<String> {
    let lines = server.log_lines(tag);
    let said = lines.iter().map(|line| {
        let text = line.split_once(&format!("{tag}: ")).expect("it is there").1;
        let (place, said) = text.split_once(": ").expect("the place");
        let (file, line) = place.rsplit_once(':').expect("file and line");
        assert!(file.starts_with('/'), "{text}");
        assert!(line.parse::<u32>().is_ok_and(|line| line > 0), "{text}");
        said.to_owned()
    });
    said.collect()
}

/// A condition for rules in the release that compares the link's name with a file's path is named
/// with its file and line, once for all virtual hosts. Rules above the link see its name.
#[test]
fn conditions_that_compare_the_links_name() {
    let section = |name: &str, condition: &str| {
        format!(
            "<Directory \"{name}\">\nRewriteEngine On\nRewriteCond {condition}\nRewriteRule x - [F]\n</Directory>\n"
        )
    };
    let web = "{root}/app/current/web";
    let lost = [
        section(web, "%{REQUEST_FILENAME} ^{root}/app/current/web/lost1/"),
        section(
            "{root}/app/current",
            r"%{SCRIPT_FILENAME} /current/web/lost2/",
        ),
    ];
    let kept = [
        section(web, "%{REQUEST_FILENAME} !-f"),
        section(web, "%{REQUEST_URI} /current/"),
        section("{root}/app", "%{REQUEST_FILENAME} /current/web/kept3"),
        section("{root}/a*", "%{REQUEST_FILENAME} /current/web/kept4"),
        section("{root}/other", "%{REQUEST_FILENAME} /current/kept5"),
    ];
    let host = "<VirtualHost *:{port}>\nServerName two\n</VirtualHost>\n";
    let config = format!("{host}{}{}{host}", lost.concat(), kept.concat());
    let (setup, _) = setup(&config);
    let server = setup.start();
    let said = warned(&server, "RD26");
    assert_eq!(said.len(), lost.len(), "{said:#?}");
    for n in 1..=lost.len() {
        let condition = format!("/lost{n}/\" does not match what it names under ");
        assert!(
            said.iter().any(|said| said.contains(&condition)),
            "{said:#?}"
        );
    }
    server.stop();
}

/// WebDAV under a link is named, unless `RealdocLink` resolves the directory to where it lies in
/// every release.
#[test]
fn webdav_under_a_link() {
    let dav = |kind: &str, name: &str| format!("<{kind} \"{name}\">\nDav On\n</{kind}>\n");
    let uploads = "{root}/app/current/web/uploads";
    let cases = [
        (dav("Directory", uploads), 1),
        (dav("Location", "/uploads"), 1),
        (dav("Directory", "{root}/app"), 1),
        ("<Location /uploads>\nDav Off\n</Location>\n".into(), 0),
        (dav("Directory", "{root}/elsewhere"), 0),
        (
            dav("Directory", uploads) + &format!("RealdocLink {uploads}"),
            0,
        ),
        (
            dav("Location", "/uploads") + &format!("RealdocLink {uploads}"),
            0,
        ),
        (dav("Directory", uploads) + "Realdoc Off", 0),
    ];
    for (config, warnings) in cases {
        let (setup, _) = setup(&format!("DavLockDB {{root}}/locks\n{config}"));
        let server = setup.load("dav").load("dav_fs").start();
        let said = warned(&server, "RD27");
        assert_eq!(said.len(), warnings, "{config}\n{said:#?}");
        for said in said {
            assert!(said.starts_with("\"DAV On\" under "), "{said}");
            assert!(said.contains("RealdocLink"), "{said}");
        }
        server.stop();
    }
}

/// Where RealdocPrevious has no effect, each that stands there is named; `Off` has none to lose.
#[test]
fn previous_without_effect() {
    let host = |name: &str, config: &str| {
        format!(
            "<VirtualHost *:{port}>\nServerName {name}\n{config}\n</VirtualHost>\n",
            port = "{port}"
        )
    };
    let config = [
        host("on", "RealdocPrevious On"),
        host(
            "readlink",
            "UseReadlink On\n<Location /x>\nRealdocPrevious 1h\n</Location>",
        ),
        host(
            "virtual",
            "VirtualDocumentRoot {root}/app/current/%0\nRealdocPrevious 2h 3",
        ),
        host("left-alone", "Realdoc Off\nRealdocPrevious 3h"),
        host("off", "UseReadlink On\nRealdocPrevious Off"),
    ];
    let (setup, _) = setup(&config.concat());
    let server = setup.load("vhost_alias").allow("RD25: ").start();
    let said = warned(&server, "RD25");
    assert_eq!(said.len(), 3, "{said:#?}");
    for (directive, why) in [
        ("1h", "UseReadlink"),
        ("2h 3", "VirtualDocumentRoot"),
        ("3h", "Realdoc Off"),
    ] {
        let begin = format!("\"RealdocPrevious {directive}\" has no effect for ");
        let end = format!(" with {why}");
        let is_it = |line: &&String| line.starts_with(&begin) && line.ends_with(&end);
        assert_eq!(
            said.iter().filter(is_it).count(),
            1,
            "{directive}: {said:#?}"
        );
    }
    server.stop();
}
