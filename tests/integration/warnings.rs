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

/// A rule that denies by the link's name, where it sees the release's, is named with its file and
/// line, once for all virtual hosts.
#[test]
fn denials_by_the_links_name() {
    let rule = |pattern: &str| format!("RewriteEngine On\nRewriteRule {pattern} - [F]\n");
    let section =
        |kind: &str, name: &str, rules: &str| format!("<{kind} \"{name}\">\n{rules}</{kind}>\n");
    let app = "{root}/app";
    let lost = [
        section("Directory", app, &rule("^current/web/lost1/")),
        section("Directory", "{root}/a*", &rule("/current/web/lost2/")),
        section(
            "DirectoryMatch",
            "^{root}/app/current/web/",
            &rule("/current/web/lost3/"),
        ),
        section("Directory", "{root}", &rule("^app/current/web/lost4/")),
    ];
    let kept = [
        section("Directory", app, &rule("/web/kept1/")),
        section("Directory", "{root}/app/current/web", &rule("^kept2/")),
        section("Directory", "{root}/other", &rule("^current/kept3/")),
        section(
            "Directory",
            app,
            "RewriteEngine On\nRewriteRule ^current/web/kept4 /elsewhere\n",
        ),
        rule("^/current/web/kept5/"),
    ];
    let host = "<VirtualHost *:{port}>\nServerName two\n</VirtualHost>\n";
    let config = format!("{host}{}{}{host}", lost.concat(), kept.concat());
    let (setup, _) = setup(&config);
    let server = setup.start();
    let said = warned(&server, "RD26");
    assert_eq!(said.len(), lost.len(), "{said:#?}");
    for n in 1..=lost.len() {
        let rule = format!("/lost{n}/ - [F]\" does not deny what it names under ");
        assert!(said.iter().any(|said| said.contains(&rule)), "{said:#?}");
    }
    server.stop();
}

/// Those of an .htaccess file above the link are named with the first request, if the file is read
/// at all.
#[test]
fn denials_in_an_htaccess_file_above_the_link() {
    for (overrides, warnings) in [("FileInfo", 1), ("None", 0)] {
        let config = format!("<Directory {{root}}/app>\nAllowOverride {overrides}\n</Directory>");
        let (setup, site) = setup(&config);
        let rules = "RewriteEngine On\n\nRewriteRule ^current/web/private/ - [F]\n";
        site.put(".htaccess", rules);
        let server = setup.start();
        assert_eq!(server.log_count("RD26"), 0);
        for _ in 0..3 {
            assert_eq!(server.get("/private/part.txt").text(), "42");
        }
        assert_eq!(server.log_count("RD26"), warnings, "{}", server.error_log());
        let place = format!("RD26: {}/.htaccess:3: ", site.dir().display());
        assert_eq!(server.log_count(&place), warnings);
        server.stop();
    }
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
