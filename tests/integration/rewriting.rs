//! mod_rewrite's rules for directories are matched against the name that their section or .htaccess
//! file knows, wherever that lies: above the link, in the release, behind a further link.

use std::os::unix::fs::symlink;

use testbed::{Module, Mpm, Releases, Server};

/// Rules somewhere, and what becomes of a URL.
struct Rules {
    /// A line that opens a section, and the one that closes it; or the directory of an .htaccess
    /// file.
    place: Place,
    rules: &'static str,
    url: &'static str,
    status: u16,
}

enum Place {
    Section(&'static str, &'static str),
    Htaccess(&'static str),
}
use Place::{Htaccess, Section};

const DIRECTORY: &str = "</Directory>";

const ALL: [Rules; 20] = [
    Rules {
        place: Section("<Directory {root}/app>", DIRECTORY),
        rules: "RewriteRule ^current/web/private/ - [F]",
        url: "/private/part.txt",
        status: 403,
    },
    Rules {
        place: Section("<Directory {root}>", DIRECTORY),
        rules: "RewriteRule ^app/current/web/private/ - [F]",
        url: "/private/part.txt",
        status: 403,
    },
    Rules {
        place: Section("<Directory {root}/a*>", DIRECTORY),
        rules: "RewriteRule /current/web/private/ - [F]",
        url: "/private/part.txt",
        status: 403,
    },
    Rules {
        place: Section("<DirectoryMatch /web/>", "</DirectoryMatch>"),
        rules: "RewriteCond %{REQUEST_FILENAME} /app/current/web/private/\nRewriteRule . - [F]",
        url: "/private/part.txt",
        status: 403,
    },
    Rules {
        place: Section("<Location />", "</Location>"),
        rules: "RewriteRule /current/web/private/ - [F]",
        url: "/private/part.txt",
        status: 403,
    },
    Rules {
        place: Htaccess("app"),
        rules: "RewriteRule ^current/web/private/ - [F]",
        url: "/private/part.txt",
        status: 403,
    },
    Rules {
        place: Section("<Directory {root}/app>", DIRECTORY),
        rules: "RewriteCond %{LA-F:REQUEST_FILENAME} /current/web/private/\nRewriteRule . - [F]",
        url: "/private/part.txt",
        status: 403,
    },
    // The base does not make a URL of a path by the link's name.
    Rules {
        place: Section("<Directory />", DIRECTORY),
        rules: "RewriteBase /\nRewriteRule /gone$ {root}/app/current/web/private/part.txt",
        url: "/private/gone",
        status: 404,
    },
    // The file goes on to be the release's.
    Rules {
        place: Htaccess("app"),
        rules: "RewriteRule ^current/web/other/ - [F]",
        url: "/private/part.txt",
        status: 200,
    },
    // In the release, about what a further link in it leads to.
    Rules {
        place: Section("<Directory {root}/app/current/web>", DIRECTORY),
        rules: "RewriteRule ^media/ - [F]",
        url: "/media/part.txt",
        status: 403,
    },
    Rules {
        place: Htaccess("app/releases/42/web"),
        rules: r"RewriteRule ^media/.*\.txt$ - [F]",
        url: "/media/part.txt",
        status: 403,
    },
    Rules {
        place: Htaccess("app/releases/42/web"),
        rules: "RewriteRule ^media/gone$ media/part.txt",
        url: "/media/gone",
        status: 200,
    },
    // What is rewritten to itself, by the link's name.
    Rules {
        place: Section("<Directory {root}/app/current/web>", DIRECTORY),
        rules: "RewriteRule ^private/ {root}/app/current/web/private/part.txt",
        url: "/private/part.txt",
        status: 200,
    },
    // A look-ahead to itself by that name: the rules do not apply there once more, `<Location>`
    // does.
    Rules {
        place: Section("<Directory {root}/app/current/web>", DIRECTORY),
        rules: "RewriteCond {root}/app/current/web/private/part.txt -F\nRewriteRule ^private/ - [F]",
        url: "/private/part.txt",
        status: 403,
    },
    Rules {
        place: Section(
            "<Location /private/key>\nRequire all denied\n</Location>\n\
             <Directory {root}/app/current/web>",
            DIRECTORY,
        ),
        rules: "RewriteCond {root}/app/current/web/private/key !-F\nRewriteRule part - [F]",
        url: "/private/part.txt",
        status: 403,
    },
    // For a file by its real name.
    Rules {
        place: Section(
            "Alias /real {root}/app/releases/42/web\n<Directory {root}/app/releases>",
            DIRECTORY,
        ),
        rules: "RewriteCond %{IS_SUBREQ} =false\n\
                RewriteCond %{LA-U:DOCUMENT_ROOT} /app/releases/\nRewriteRule . - [F]",
        url: "/real/private/part.txt",
        status: 200,
    },
    Rules {
        place: Section(
            "ErrorDocument 404 /real/private/part.txt\n\
             Alias /real {root}/app/releases/42/web\n<Directory {root}/app/releases>",
            DIRECTORY,
        ),
        rules: "RewriteCond %{DOCUMENT_ROOT} /app/releases/\nRewriteRule . - [F]",
        url: "/nothing",
        status: 404,
    },
    // Behind that link.
    Rules {
        place: Htaccess("shared"),
        rules: "RewriteRule ^gone$ part.txt",
        url: "/media/gone",
        status: 200,
    },
    Rules {
        place: Section("<Directory {root}/app/current/web/media>", DIRECTORY),
        rules: "RewriteRule ^part - [F]",
        url: "/media/part.txt",
        status: 403,
    },
    Rules {
        place: Htaccess("shared"),
        rules: "RewriteCond %{CONTEXT_DOCUMENT_ROOT}/private/part.txt -f\nRewriteRule . - [F]",
        url: "/media/part.txt",
        status: 403,
    },
];

each_mpm!(rules_see_the_name_that_they_know);
fn rules_see_the_name_that_they_know(mpm: Mpm) {
    for Rules {
        place,
        rules,
        url,
        status,
    } in &ALL
    {
        let rules = format!("RewriteEngine On\n{rules}\n");
        // Without the module the answer is the same.
        for module in [Module::Off, Module::On] {
            let mut setup = Server::builder(mpm)
                .module(module)
                .children(1)
                // What a look-ahead is refused.
                .allow("AH01630: ")
                .load_all(&["alias", "rewrite"])
                .root_section("Options FollowSymLinks\nAllowOverride All\nRequire all granted")
                .config("DocumentRoot {root}/app/current/web");
            if module == Module::On {
                setup = setup
                    .config("RealdocSections Link")
                    // A section for releases alone.
                    .allow("RD06: ")
                    .config("RealdocLink {root}/app/current/web/media");
            }
            let site = Releases::at(setup.root().join("app"));
            site.create(
                "42",
                &[("web/private/part.txt", "part"), ("web/private/key", "")],
            );
            site.deploy("42");
            let shared = Releases::at(setup.root().join("shared"));
            shared.put("part.txt", "part");
            symlink(shared.dir(), site.release("42").join("web/media")).expect("a new link");
            match place {
                Section(open, close) => {
                    setup = setup.config(&format!("{open}\n{rules}{close}"));
                }
                Htaccess(dir) => {
                    Releases::at(setup.root().join(dir)).put(".htaccess", &rules);
                }
            }
            let server = setup.start();
            for _ in 0..2 {
                let answer = server.get(url);
                assert_eq!(answer.status, *status, "{module:?}, {url}:\n{rules}");
                if *status == 200 || *url == "/nothing" {
                    assert_eq!(answer.text(), "part", "{rules}");
                }
            }
            server.stop();
        }
    }
}

each_mpm!(rules_between_two_links_see_the_document_root_where_they_are);
fn rules_between_two_links_see_the_document_root_where_they_are(mpm: Mpm) {
    const RULES: &str = "RewriteEngine On\nRewriteRule ^web/gone$ web/part.txt\n";
    for module in [Module::Off, Module::On] {
        let setup = Server::builder(mpm)
            .module(module)
            .load("rewrite")
            .root_section("Options FollowSymLinks\nAllowOverride All\nRequire all granted")
            .config("DocumentRoot {root}/app/current/web");
        let site = Releases::at(setup.root().join("app"));
        site.create("42", &[("public/part.txt", "part"), (".htaccess", RULES)]);
        symlink("public", site.release("42").join("web")).expect("a new link");
        site.deploy("42");
        let server = setup.start();
        assert_eq!(server.get("/gone").text(), "part", "{module:?}");
        server.stop();
    }
}

each_mpm!(in_target_mode_rules_for_a_file_elsewhere_see_the_release);
fn in_target_mode_rules_for_a_file_elsewhere_see_the_release(mpm: Mpm) {
    const CONFIG: &str = "Alias /other {root}/other\n\
        <LocationMatch ^/by-expression>\nAlias %{DOCUMENT_ROOT}/part.txt\n</LocationMatch>\n\
        <Directory {root}/other>\nRewriteEngine On\n\
        RewriteCond %{DOCUMENT_ROOT} ={root}/app/releases/42/web\n\
        RewriteRule ^written$ {root}/app/releases/42/web/part.txt [L]\n\
        </Directory>";
    // The oracle is httpd without the module, by the release's real name.
    for (module, docroot) in [(Module::Off, "releases/42"), (Module::On, "current")] {
        let mut setup = Server::builder(mpm)
            .module(module)
            .load_all(&["alias", "rewrite"])
            .root_section("Options FollowSymLinks\nAllowOverride All\nRequire all granted")
            .config(&format!("DocumentRoot {{root}}/app/{docroot}/web"))
            .config(CONFIG);
        if module == Module::On {
            setup = setup.config("RealdocSections Target");
        }
        let site = Releases::at(setup.root().join("app"));
        site.create("42", &[("web/part.txt", "part")]);
        site.deploy("42");
        let other = Releases::at(setup.root().join("other"));
        other.put("here.txt", "here");
        other.put(
            "by-htaccess/.htaccess",
            "RewriteEngine On\nRewriteCond %{DOCUMENT_ROOT} /releases/42/web$\n\
             RewriteRule ^gone$ /part.txt",
        );
        let server = setup.start();
        for (url, text) in [
            ("/other/here.txt", "here"),
            ("/other/written", "part"),
            ("/other/by-htaccess/gone", "part"),
            ("/by-expression", "part"),
        ] {
            assert_eq!(server.get(url).text(), text, "{module:?}, {url}");
        }
        server.stop();
    }
}
