//! What can be configured, what is refused, and what the log says of it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use testbed::{Background, Builder, LIMIT, Module, Mpm, Releases, Response, Server, wait_until};

use crate::common::build_module;

const FLAG: &str = "On or Off";
const TIME: &str =
    "a whole number from 0 to one year, in seconds or with a unit: 500ms, 2s, 5mi, 1h";
const ON_OFF_OR_PATH: &str = "On, Off or an absolute path";
const MODE: &str = "Auto, Link or Target";
const PATHS: &str = "absolute paths, or None";

/// The directives for servers, each with a good value.
const GOOD: [&str; 6] = [
    "Realdoc On",
    "RealpathEvery 2",
    "UseReadlink Off",
    "RealdocGrace 10",
    "RealdocSections Auto",
    "RealdocLink None",
];

/// Those that sections take, too.
const GOOD_IN_SECTIONS: [&str; 3] = [
    "RealdocPrevious 24h",
    "RealdocPreviousNames Hashed",
    "RealdocPreviousMissing Pass",
];

/// What configtest says of `config`, and whether it accepts it.
fn configtest(config: &str) -> Result<String, String> {
    Server::builder(Mpm::Event)
        .module(Module::On)
        .config(config)
        .configtest()
        .map_err(|refused| refused.output)
}

#[track_caller]
fn assert_refused(config: &str, parts: &[&str]) {
    let said = configtest(config).expect_err(config);
    for part in parts {
        assert!(said.contains(part), "{config}: no {part:?} in:\n{said}");
    }
}

/// A value that is none stops configtest with its directive's name, the value and what is allowed.
#[test]
fn bad_values_are_refused() {
    let bad: [(&str, &[&str], &str); 6] = [
        ("Realdoc", &["maybe", "1", "0n", "/srv/app"], FLAG),
        ("RealpathEvery", &BAD_TIMES, TIME),
        (
            "UseReadlink",
            &["maybe", "2", "srv/app", "./app", "../app"],
            ON_OFF_OR_PATH,
        ),
        ("RealdocGrace", &BAD_TIMES, TIME),
        (
            "RealdocSections",
            &["maybe", "On", "Off", "None", "Both", "/srv/app"],
            MODE,
        ),
        (
            "RealdocLink",
            &["srv/app", "./app", "../app", "/", "On", "Off", "~/app"],
            PATHS,
        ),
    ];
    for (directive, values, allowed) in bad {
        for value in values {
            let message = format!("{directive}: '{value}' is not allowed; allowed is {allowed}");
            assert_refused(&format!("{directive} {value}"), &[&message]);
        }
        // Also in a virtual host.
        let value = values[0];
        let host = format!("<VirtualHost *:{{port}}>\n{directive} {value}\n</VirtualHost>");
        assert_refused(&host, &[directive, value, allowed]);
    }
}

/// Not a number, negative, not whole, too large (also for any integer), an unknown unit.
const BAD_TIMES: [&str; 12] = [
    "often",
    "-1",
    "+1",
    "1.5",
    "0x10",
    "31536001",
    "8761h",
    "99999999999999999999",
    "9223372036854775807h",
    "ms",
    "2x",
    "2sec",
];

/// No value, an empty one and too many stop configtest; httpd adds our words on what the directive
/// takes.
#[test]
fn one_argument_is_required() {
    for good in GOOD {
        let (directive, value) = good.split_once(' ').expect("a directive and a value");
        if directive == "RealdocLink" {
            // It takes more.
            continue;
        }
        for arguments in ["", "\"\"", &format!("{value} {value}")] {
            let config = format!("{directive} {arguments}");
            assert_refused(&config, &[&format!("{directive} takes one argument, ")]);
        }
        let said = configtest(directive).expect_err(directive);
        let allowed = match directive {
            "UseReadlink" => "On, Off (default) or the path",
            "Realdoc" => "On (default) or Off",
            "RealdocSections" => "Link, Target or Auto (default)",
            _ => "500ms",
        };
        assert!(said.contains(allowed), "{said}");
    }
}

/// `RealdocLink` takes one path or many, and none of them may be bad.
#[test]
fn realdoc_link_takes_paths() {
    let usage = "RealdocLink requires at least one argument, absolute paths of further links";
    for nothing in ["", "\"\""] {
        assert_refused(&format!("RealdocLink {nothing}"), &[usage]);
    }
    for (arguments, bad) in [
        ("/srv/one srv/two", "srv/two"),
        ("srv/one /srv/two", "srv/one"),
        ("/srv/one /srv/two three", "three"),
    ] {
        let message = format!("RealdocLink: '{bad}' is not allowed; allowed is {PATHS}");
        assert_refused(&format!("RealdocLink {arguments}"), &[&message]);
    }
}

/// Every word in every case, and every unit, passes.
#[test]
fn good_values_are_accepted() {
    let words = ["on", "On", "ON", "off", "Off", "OFF"];
    let times = [
        "0", "2", "500ms", "500MS", "2s", "2S", "5mi", "5min", "1h", "1H", "31536000", "8760h",
    ];
    let paths = ["/srv/app/current", "/srv/app/", "/", "\"/srv/my app\""];
    let modes = ["auto", "Auto", "AUTO", "link", "LINK", "target", "TARGET"];
    let links = [
        "/srv/app",
        "/srv/app/",
        "/srv/one /srv/two /srv/three",
        "\"/srv/my app\"",
        "none",
        "None",
        "NONE",
    ];
    let lines = |directive: &str, values: &[&str]| -> String {
        let line = |value: &&str| format!("{directive} {value}\n");
        values.iter().map(line).collect()
    };
    let all = [
        lines("Realdoc", &words),
        lines("RealpathEvery", &times),
        lines("UseReadlink", &[&words[..], &paths[..]].concat()),
        lines("RealdocGrace", &times),
        lines("RealdocSections", &modes),
        lines("RealdocLink", &links),
        // Directive names know no case either.
        "rEALDOC On\nrealpathevery 2\nUSEREADLINK Off\nrealdocgrace 10\n".into(),
    ]
    .concat();
    configtest(&all).expect("the server takes them");
    configtest(&format!("<VirtualHost *:{{port}}>\n{all}</VirtualHost>"))
        .expect("a virtual host takes them");
}

/// A directive where it would have no effect is refused: it is for the server or a virtual host.
#[test]
fn sections_are_the_wrong_place() {
    for good in GOOD {
        let (directive, _) = good.split_once(' ').expect("a directive and a value");
        for section in ["Directory", "Location", "Files"] {
            let config = format!("<{section} \"/x\">\n{good}\n</{section}>");
            assert_refused(
                &config,
                &[&format!("{directive} not allowed in <{section}")],
            );
        }
    }
}

/// The directives of `RealdocPrevious` stand wherever a request's directory is configured.
#[test]
fn sections_take_previous() {
    let values = [
        (
            "RealdocPrevious",
            &["On", "off", "1", "90", "24h", "5mi 1", "720h 16"][..],
        ),
        (
            "RealdocPreviousNames",
            &["Hashed", "HASHED", r"^/build/", r"\.(js|css)$"],
        ),
        ("RealdocPreviousMissing", &["Pass", "notfound"]),
    ];
    let mut all = String::new();
    for (directive, values) in values {
        for value in values {
            all += &format!("{directive} {value}\n");
        }
    }
    for (open, close) in [
        ("", ""),
        ("<VirtualHost *:{port}>", "</VirtualHost>"),
        ("<Directory /x>", "</Directory>"),
        ("<Location /x>", "</Location>"),
        ("<Files x>", "</Files>"),
        ("<If true>", "</If>"),
    ] {
        configtest(&format!("{open}\n{all}{close}")).expect(open);
    }
}

/// What they do not take stops configtest, in a section as well.
#[test]
fn bad_values_of_previous_are_refused() {
    const WINDOW: &str = "On, Off, or a time of at most 720h";
    let bad = [
        ("RealdocPrevious 0", WINDOW),
        ("RealdocPrevious -1", WINDOW),
        ("RealdocPrevious 721h", WINDOW),
        ("RealdocPrevious maybe", WINDOW),
        ("RealdocPrevious 24h 0", WINDOW),
        ("RealdocPrevious 24h 17", WINDOW),
        ("RealdocPrevious 24h x", WINDOW),
        ("RealdocPrevious On 5", WINDOW),
        ("RealdocPreviousNames (", "Hashed or a regex"),
        (
            "RealdocPreviousNames \"\"",
            "takes one argument, Hashed (default)",
        ),
        ("RealdocPreviousMissing 404", "Pass or NotFound"),
        ("RealdocPrevious", "takes 1-2 arguments, Off (default)"),
        (
            "RealdocPrevious 24h 5 5",
            "takes 1-2 arguments, Off (default)",
        ),
    ];
    for (config, allowed) in bad {
        let (directive, _) = config.split_once(' ').unwrap_or((config, ""));
        assert_refused(config, &[directive, allowed]);
        let section = format!("<Location /x>\n{config}\n</Location>");
        assert_refused(&section, &[directive, allowed]);
    }
}

/// In .htaccess, which configtest does not read, a directive is an error of that directory alone.
#[test]
fn htaccess_is_the_wrong_place() {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .root_section("AllowOverride All\nRequire all granted")
        .allow("not allowed here");
    for good in GOOD.iter().chain(&GOOD_IN_SECTIONS) {
        let (directive, _) = good.split_once(' ').expect("a directive and a value");
        write(&setup, &format!("htdocs/{directive}/.htaccess"), good);
    }
    write(&setup, "htdocs/index.html", "fine");
    let server = setup.start();
    for good in GOOD.iter().chain(&GOOD_IN_SECTIONS) {
        let (directive, _) = good.split_once(' ').expect("a directive and a value");
        assert_eq!(server.get(&format!("/{directive}/")).status, 500);
        assert_eq!(
            server.log_count(&format!("{directive} not allowed here")),
            1
        );
    }
    assert_eq!(server.get("/index.html").text(), "fine");
    server.stop();
}

/// Both names for `<IfModule>` know the module: what is in the section is read, and found to be
/// wrong.
#[test]
fn if_module_knows_both_names() {
    for name in ["mod_realdoc.c", "realdoc_module"] {
        let section = format!("<IfModule {name}>\nRealdoc maybe\n</IfModule>");
        assert_refused(&section, &["Realdoc: 'maybe'"]);
        let unless = format!("<IfModule !{name}>\nRealdoc maybe\n</IfModule>");
        configtest(&unless).expect("the module is loaded, so the section is skipped");
        let without = Server::builder(Mpm::Event).config(&section).configtest();
        without.expect("the module is not loaded, so the section is skipped");
    }
}

/// What administrators start from is good, also with each of its suggestions switched on.
#[test]
fn the_example_configuration_is_accepted() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("apache-conf/realdoc.conf");
    let example = fs::read_to_string(&file).expect("the example is there");
    // Prose has a space after the `#`, directives have none.
    let switched_on: String = example
        .lines()
        .map(|line| match line.trim_start().strip_prefix('#') {
            Some(text) if text.starts_with(|c: char| c.is_ascii_alphabetic()) => text,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let accepts = |config: &str| {
        let setup = Server::builder(Mpm::Event).module(Module::On);
        setup.load("headers").config(config).configtest().is_ok()
    };
    assert!(accepts(&example));
    assert!(accepts(&switched_on), "{switched_on}");
    for good in GOOD.iter().chain(&GOOD_IN_SECTIONS) {
        // It is there, and httpd does read it. (A parenthesis alone is not a regex either.)
        let (directive, _) = good.split_once(' ').expect("a directive and a value");
        let spoilt = switched_on.replace(&format!("\n{directive} "), &format!("\n{directive} (x"));
        assert!(!accepts(&spoilt), "{spoilt}");
    }
}

/// A line at start, once, where mpm-itk is loaded: here a module of its name.
#[test]
fn mpm_itk_is_logged() {
    let source = "#include \"httpd.h\"\n#include \"http_config.h\"\n\
        module AP_MODULE_DECLARE_DATA mpm_itk_module = { STANDARD20_MODULE_STUFF };\n";
    let module = build_module("mpm_itk", source);
    let server = Server::builder(Mpm::Prefork)
        .module(Module::On)
        .config(&format!(
            "LoadModule mpm_itk_module {}\nLogLevel realdoc:info",
            module.display()
        ))
        .start();
    assert_eq!(server.log_count("RD09"), 1);
    server.stop();
}

/// `LogLevel realdoc:debug`: one line a check, with the docroot as configured and as resolved; and
/// with the first one at info. Between checks none.
#[test]
fn debug_shows_each_check() {
    const REQUESTS: usize = 5;
    for (every, checks) in [("0", REQUESTS), ("1h", 1)] {
        let (setup, site) = site("warn realdoc:debug");
        let server = setup.config(&format!("RealpathEvery {every}")).start();
        let docroot = site.current().join("web");
        let (docroot, resolved) = (docroot.display(), site.release("42").join("web"));
        let resolved = resolved.display();

        assert_eq!(server.log_count("RD07"), 1);
        let mut connection = server.connect();
        for _ in 0..REQUESTS {
            assert_eq!(connection.get("/index.html").unwrap().text(), "42");
        }
        let check = format!("RD10: checked {docroot} is {resolved}");
        assert_eq!(server.log_count("[realdoc:debug]"), checks, "every {every}");
        assert_eq!(server.log_count(&check), checks, "every {every}");
        let first = format!("RD04: DocumentRoot {docroot} resolves to {resolved}");
        assert_eq!(server.log_lines("[realdoc:info]").len(), 2);
        assert_eq!(server.log_count(&first), 1, "{}", server.error_log());
        server.stop();
    }
}

/// `LogLevel warn`: not a line in normal work, flips included.
#[test]
fn warn_shows_nothing_in_normal_work() {
    let (setup, site) = site("warn");
    let server = setup.start();
    assert_eq!(server.get("/index.html").text(), "42");
    site.deploy("43");
    assert_eq!(server.get("/index.html").text(), "43");
    assert_eq!(server.log_lines("realdoc:"), [""; 0]);
    server.stop();
}

each_mpm!(a_flip_is_told_once_a_process);
/// A flip is one line at info in each process that had served the old release, however many
/// requests it has at once.
fn a_flip_is_told_once_a_process(mpm: Mpm) {
    let (setup, site) = site_on(mpm, "warn realdoc:debug");
    let server = setup.children(2).start();
    let (endpoint, status) = (server.on(1), |response: Response| response.status);
    let clients: Vec<_> = (0..4)
        .map(|_| Background::repeat(move || assert_eq!(status(endpoint.get("/index.html")), 200)))
        .collect();
    let told_by_both = |what| wait_until(what, LIMIT, || told_by(&server, what).len() == 2);

    told_by_both("RD10: ");
    site.deploy("43");
    told_by_both("RD11: ");
    let checks = server.log_count("RD10: ");
    wait_until("more was served", LIMIT, || {
        server.log_count("RD10: ") > checks + 100
    });
    drop(clients);

    let web = |dir: PathBuf| dir.join("web").display().to_string();
    let (from, to) = (web(site.release("42")), web(site.release("43")));
    let line = format!(
        "RD11: {} now leads to {to}, no longer to {from}",
        web(site.current())
    );
    assert_eq!(
        told_by(&server, &line).into_values().collect::<Vec<_>>(),
        [1, 1]
    );
    assert_eq!(
        server.log_count("RD11"),
        server.log_count("[realdoc:info]") - server.log_count("RD04") - server.log_count("RD07")
    );
    server.stop();
}

/// The processes, as the log names them, that wrote `part`, with the number of lines.
fn told_by(server: &Server, part: &str) -> HashMap<String, usize> {
    let mut processes = HashMap::new();
    for line in server.log_lines(part) {
        let pid = line
            .split("[pid ")
            .nth(1)
            .and_then(|rest| rest.split([':', ']']).next());
        *processes
            .entry(pid.expect("httpd's format").to_owned())
            .or_default() += 1;
    }
    processes
}

/// The first request logs at info that a docroot has no symlink. The start warns of a UseReadlink
/// path that is not above the docroot; also of one that is so only by its letters.
#[test]
fn the_start_tells_of_docroots() {
    let setup = Server::builder(Mpm::Event)
        .module(Module::On)
        .allow("RD03")
        .config("DocumentRoot {root}/htdocs")
        .config(&host("elsewhere", "/nowhere"))
        .config(&host("letters", "{root}/htd"))
        .config(&host("above", "{root}/"));
    let root = setup.root().display().to_string();
    let server = setup.start();
    server.get("/");
    let plain = format!("RD04: DocumentRoot {root}/htdocs has no symlink on its path");
    assert!(server.log_lines(&plain)[0].contains("[realdoc:info]"));
    for path in ["/nowhere".into(), format!("{root}/htd")] {
        let ignored = format!(
            "RD03: UseReadlink {path} is ignored for DocumentRoot {root}/htdocs, which does not lie under it"
        );
        let lines = server.log_lines(&ignored);
        assert_eq!(lines.len(), 1, "{}", server.error_log());
        assert!(lines[0].contains("[realdoc:warn]"));
    }
    assert_eq!(server.log_count("RD03"), 2, "{}", server.error_log());
    server.stop();
}

/// It warns of each section that names a directory under the link, since requests run in the
/// target: one line each, with the section, however many virtual hosts have it. A section that
/// names a directory above both is good.
#[test]
fn the_first_request_logs_lost_sections() {
    let section = |path: &str| format!("<Directory \"{{root}}/app{path}\">\n</Directory>");
    let lost = [
        "/current",
        "/current/web",
        "/current/web/private/",
        "/current/web/later",
    ];
    let (setup, site) = site("warn realdoc:debug");
    let server = setup
        .config(
            &lost[..3]
                .iter()
                .map(|path| section(path))
                .collect::<Vec<_>>()
                .join("\n"),
        )
        .config(
            &["", "/releases", "/releases/42/web"]
                .map(section)
                .join("\n"),
        )
        .config("RealdocSections Target")
        .config("<VirtualHost *:{port}>\nUseReadlink On\n</VirtualHost>")
        // The same docroot once more: what a later virtual host adds is told too.
        .config(&format!(
            "<VirtualHost *:{{port}}>\nServerName later\nUseReadlink On\n{}\n</VirtualHost>",
            section(lost[3])
        ))
        .allow("RD06")
        .start();
    // One virtual host stands for all with its docroot.
    server.get("/index.html");
    let app = site.dir().display();
    for path in lost {
        let path = path.trim_end_matches('/');
        let warning = format!(
            "RD06: <Directory \"{app}{path}/\"> names only the link: it does not apply to requests"
        );
        assert_eq!(
            server.log_count(&warning),
            1,
            "{path}\n{}",
            server.error_log()
        );
    }
    assert_eq!(
        server.log_count("[realdoc:warn]"),
        lost.len(),
        "{}",
        server.error_log()
    );
    server.stop();
}

fn host(name: &str, use_readlink: &str) -> String {
    format!(
        "<VirtualHost *:{{port}}>\nServerName {name}\nDocumentRoot {{root}}/htdocs\n\
         UseReadlink {use_readlink}\n</VirtualHost>"
    )
}

/// A site in release 42, with 43 at hand, on event.
fn site(log_level: &str) -> (Builder, Releases) {
    site_on(Mpm::Event, log_level)
}

fn site_on(mpm: Mpm, log_level: &str) -> (Builder, Releases) {
    let setup = Server::builder(mpm)
        .module(Module::On)
        .children(1)
        .log_level(log_level)
        .config("DocumentRoot {root}/app/current/web");
    let site = Releases::at(setup.root().join("app"));
    for release in ["42", "43"] {
        site.create(release, &[("web/index.html", release)]);
    }
    site.deploy("42");
    (setup, site)
}

/// Writes a file below the server's directory.
fn write(setup: &Builder, file: &str, content: &str) {
    let file = setup.root().join(file);
    fs::create_dir_all(file.parent().expect("it has one")).expect("a new directory");
    fs::write(&file, content).expect("a new file");
}
