//! mod_wsgi keeps loaded code by the script's path, and loads it anew when the file's time changes:
//! what it maps by itself is left alone.

use std::fs::File;
use std::thread;
use std::time::{Duration, SystemTime};

use testbed::{Module, Mpm, Releases, Server};

/// An application that says which release it was loaded from, and an imported module; how often
/// this process has called it; its file's name, as Python and as httpd have it.
const APPLICATION: &str = "\
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
import helper

LOADED = '{release}'
calls = 0

def application(environ, start_response):
    global calls
    calls += 1
    start_response('200 OK', [('Content-Type', 'text/plain')])
    answer = [LOADED, helper.LOADED, str(calls), __file__, environ['SCRIPT_FILENAME']]
    return [' '.join(answer).encode()]
";

/// The ways to map an application under the link, each to be asked for `/app.wsgi`.
const MAPPED_BY_MOD_WSGI: [&str; 4] = [
    "WSGIScriptAlias /app.wsgi {root}/app/current/wsgi/app.wsgi",
    "WSGIScriptAlias / {root}/app/current/wsgi/",
    "WSGIScriptAliasMatch ^/(app.*)$ {root}/app/current/wsgi/$1",
    "WSGIDaemonProcess app threads=1 shutdown-timeout=1\n\
     WSGISocketPrefix run/wsgi\n\
     WSGIScriptAlias / {root}/app/current/wsgi/app.wsgi process-group=app application-group=%{GLOBAL}",
];

/// For comparison, mapped by httpd, which makes it a path under the link as any other.
const MAPPED_BY_HTTPD: &str = "\
Alias / {root}/app/current/wsgi/
AddHandler wsgi-script .wsgi";

/// What the application answers, asked twice, and twice again after each of three deploys: another
/// file, one as old as it is, and the first one again.
fn answers(module: Module, mapping: &str) -> Vec<String> {
    let setup = Server::builder(Mpm::Event).module(module).children(1);
    let site = Releases::at(setup.root().join("app"));
    let time = SystemTime::now() - Duration::from_secs(3600);
    for (release, age) in [("42", 0), ("43", 60), ("44", 60)] {
        let application = APPLICATION.replace("{release}", release);
        let helper = format!("LOADED = '{release}'\n");
        let files = [
            ("web/index.html", release),
            ("static/part.txt", release),
            ("wsgi/app.wsgi", &application),
            ("wsgi/helper.py", &helper),
        ];
        let script = site.create(release, &files).join("wsgi/app.wsgi");
        File::options()
            .write(true)
            .open(script)
            .and_then(|file| file.set_modified(time + Duration::from_secs(age)))
            .expect("it was just made");
    }
    site.deploy("42");
    let server = setup
        .load("alias")
        .load("wsgi")
        .root_section("Options FollowSymLinks ExecCGI\nRequire all granted")
        .config("DocumentRoot {root}/app/current/web\nAlias /static {root}/app/current/static")
        // Python's own end may take longer than httpd has patience.
        .config("WSGIDestroyInterpreter Off")
        .config(mapping)
        .start();
    let mut connection = server.connect();
    let answers = ["42", "43", "44", "42"]
        .iter()
        .flat_map(|release| {
            site.deploy(release);
            // What is not mod_wsgi's is of the new release.
            assert_eq!(connection.get("/static/part.txt").unwrap().text(), *release);
            [(); 2].map(|()| connection.get("/app.wsgi").unwrap().text())
        })
        .map(|answer| answer.replace(&server.root().display().to_string(), "{root}"))
        .collect();
    drop(connection);
    server.stop();
    answers
}

/// The same answers from the same loaded code, before and after a deploy, as without the module.
#[test]
fn what_mod_wsgi_maps_is_left_alone() {
    for mapping in MAPPED_BY_MOD_WSGI {
        // A daemon takes two seconds to end.
        let (stock, with) = thread::scope(|scope| {
            let stock = scope.spawn(|| answers(Module::Off, mapping));
            let with = answers(Module::On, mapping);
            (stock.join().expect("it has answered"), with)
        });
        let by_name = " {root}/app/current/wsgi/app.wsgi {root}/app/current/wsgi/app.wsgi";
        for answer in &stock {
            assert!(answer.ends_with(by_name), "{mapping}: {answer}");
        }
        assert_eq!(with, stock, "{mapping}");
    }
}

/// The control: with a path of its own, each release would be loaded by itself.
#[test]
fn what_httpd_maps_for_mod_wsgi_is_of_the_release() {
    let loaded = |module| -> Vec<String> {
        let answers = answers(module, MAPPED_BY_HTTPD);
        let release_and_calls = |answer: &String| {
            let words: Vec<&str> = answer.split(' ').collect();
            format!("{} {}", words[0], words[2])
        };
        answers.iter().map(release_and_calls).collect()
    };
    assert_eq!(
        loaded(Module::Off),
        [
            "42 1", "42 2", "43 1", "43 2", "43 3", "43 4", "42 1", "42 2"
        ]
    );
    assert_eq!(
        loaded(Module::On),
        [
            "42 1", "42 2", "43 1", "43 2", "44 1", "44 2", "42 3", "42 4"
        ]
    );
}
