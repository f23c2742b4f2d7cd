//! PHP runs in the release of its request, by mod_php and by PHP-FPM.

use std::process::Command;
use std::thread;
use std::time::Duration;

use testbed::{Background, Builder, Connection, Module, Mpm, PhpFpm, Releases, Server};

use crate::common::Gate;

/// What runs PHP.
#[derive(Clone, Copy)]
enum Php {
    Module,
    Fpm,
}

impl Php {
    /// Starts a server whose document root is `current/web` of the site `app`. PHP-FPM has to end
    /// before it.
    fn serve(self, setup: Builder, settings: &[(&str, &str)]) -> (Server, Option<PhpFpm>) {
        let lines = |line: fn(&(&str, &str)) -> String| settings.iter().map(line).collect();
        let setup = setup.config("DocumentRoot {root}/app/current/web");
        match self {
            Php::Module => {
                let values: String =
                    lines(|(name, value)| format!("php_admin_value {name} {value}\n"));
                let handler = "SetHandler application/x-httpd-php";
                let setup = setup
                    .load("php")
                    .config(&for_php_files(handler))
                    .config(&values);
                (setup.start(), None)
            }
            Php::Fpm => {
                let values: String =
                    lines(|(name, value)| format!("php_admin_value[{name}] = {value}\n"));
                let handler = "SetHandler \"proxy:unix:{root}/fpm/socket|fcgi://localhost\"";
                let setup = setup
                    .load("proxy")
                    .load("proxy_fcgi")
                    .config(&for_php_files(handler));
                let server = setup.start();
                let fpm = PhpFpm::start(server.root(), &values);
                (server, Some(fpm))
            }
        }
    }
}

fn for_php_files(handler: &str) -> String {
    format!("<FilesMatch \"\\.php$\">\n{handler}\n</FilesMatch>")
}

/// Without this opcache takes no file of less than two seconds.
const YOUNG_FILES: (&str, &str) = ("opcache.file_update_protection", "0");

/// `ln -s; mv -T`, typed by hand.
fn deploy_by_hand(site: &Releases, release: &str) {
    let status = Command::new("sh")
        .arg("-ec")
        .arg(format!(
            "ln -s releases/{release} current.new; mv -T current.new current"
        ))
        .current_dir(site.dir())
        .status()
        .expect("there is a shell");
    assert!(status.success());
}

/// Reloads a page again and again on 8 connections in turn, each of which has a worker of its own,
/// with a deploy of 43 after so many reloads; gives the versions seen, without repetitions.
fn reload(
    module: Module,
    settings: &str,
    pause: Duration,
    reloads: usize,
    before_deploy: usize,
) -> Vec<String> {
    const WORKERS: usize = 8;

    let setup = Server::builder(Mpm::Prefork)
        .module(module)
        .children(WORKERS);
    let site = Releases::at(setup.root().join("app"));
    for name in ["42", "43"] {
        let page = "<?php echo basename(dirname(__DIR__));";
        site.create(name, &[("web/index.php", page)]);
    }
    site.deploy("42");
    let (server, _) = Php::Module.serve(setup.config(settings), &[("opcache.enable", "0")]);
    let mut tabs: Vec<Connection> = (0..WORKERS).map(|_| server.connect()).collect();
    let mut versions: Vec<String> = (0..reloads)
        .map(|reload| {
            if reload == before_deploy {
                deploy_by_hand(&site, "43");
            }
            thread::sleep(pause);
            let response = tabs[reload % WORKERS].get("/index.php");
            response.expect("PHP answers").text()
        })
        .collect();
    drop(tabs);
    server.stop();
    versions.dedup();
    versions
}

/// What users of the original reported, literally: prefork, mod_php, no opcache, 8 workers,
/// keep-alive, a reload every half second after `ln -s; mv -T`. The version changes once.
#[test]
fn the_classic_report() {
    let pause = Duration::from_millis(500);
    let versions = reload(Module::On, "RealpathEvery 2", pause, 12, 4);
    assert_eq!(versions, ["42", "43"]);
}

/// The same when only the worker of the eighth connection looks after the deploy. With each worker
/// on its own, as with the original, the version alternates.
#[test]
fn the_classic_report_at_its_worst() {
    let reload = |module, settings| reload(module, settings, Duration::ZERO, 24, 7);
    let versions = reload(Module::On, "RealpathEvery 1h");
    assert_eq!(versions, ["42", "43"]);
    let control = reload(
        Module::TestHooks,
        "RealpathEvery 1h\nRealdocTestPrivateCells On",
    );
    assert_eq!(control, ["42", "43", "42", "43", "42", "43"]);
}

each_mpm!(mod_php_stays_in_its_release on prefork);
/// Whatever tells PHP where it runs, and a file that is included after a pause, are of one release,
/// though the link is flipped meanwhile. With opcache.
fn mod_php_stays_in_its_release(mpm: Mpm) {
    stays_in_its_release(mpm, Php::Module);
}

each_mpm!(fpm_stays_in_its_release);
/// The same by PHP-FPM behind `SetHandler "proxy:unix:..."`.
fn fpm_stays_in_its_release(mpm: Mpm) {
    stays_in_its_release(mpm, Php::Fpm);
}

fn stays_in_its_release(mpm: Mpm, php: Php) {
    let paths = paths_around_a_deploy(mpm, php, Module::On);
    let of = |release: &str| {
        let part = format!("/releases/{release}/");
        move |path: &String| path.contains(&part)
    };
    assert!(paths.iter().all(of("42")), "{paths:#?}");
    let stock = paths_around_a_deploy(mpm, php, Module::Off);
    assert!(stock.iter().any(of("42")), "{stock:#?}");
    assert!(stock.iter().any(of("43")), "{stock:#?}");
}

/// What a page of release 42 says of where it runs, before and after a pause in which 43 is
/// deployed: lines of a name and a path.
fn paths_around_a_deploy(mpm: Mpm, php: Php, module: Module) -> Vec<String> {
    // Or an answer might be right only because PHP remembers it.
    const NO_REALPATH_CACHE: (&str, &str) = ("realpath_cache_size", "0");

    let setup = Server::builder(mpm).module(module);
    let site = Releases::at(setup.root().join("app"));
    let gate = Gate::at(setup.root());
    let page = format!(
        "<?php\n\
         header('Content-Type: text/plain');\n\
         opcache_is_script_cached(__FILE__) or die('no opcache');\n\
         echo 'before ', include 'before.php';\n\
         shell_exec('{}');\n\
         echo 'relative ', include 'after.php';\n\
         echo 'by __DIR__ ', include __DIR__ . '/after.php';\n\
         echo 'by DOCUMENT_ROOT ', include $_SERVER['DOCUMENT_ROOT'] . '/after.php';\n\
         echo '__DIR__ ', __DIR__, \"/\\n\";\n\
         echo '__FILE__ ', __FILE__, \"\\n\";\n\
         echo 'DOCUMENT_ROOT ', $_SERVER['DOCUMENT_ROOT'], \"/\\n\";\n\
         echo 'SCRIPT_FILENAME ', $_SERVER['SCRIPT_FILENAME'], \"\\n\";\n",
        gate.command()
    );
    let part = "<?php return __FILE__ . \"\\n\";";
    for name in ["42", "43"] {
        site.create(
            name,
            &[
                ("web/page.php", &page),
                ("web/before.php", part),
                ("web/after.php", part),
                ("web/other.php", "<?php echo __FILE__;"),
            ],
        );
    }
    site.deploy("42");
    let (server, fpm) = php.serve(setup, &[YOUNG_FILES, NO_REALPATH_CACHE]);

    let endpoint = server.on(1);
    let page = Background::run(move |_| endpoint.get("/page.php"));
    gate.wait_for(1);
    site.deploy("43");
    // Another request meanwhile has the new release.
    let other = server.get("/other.php").text();
    assert!(other.ends_with("/releases/43/web/other.php"), "{other}");
    gate.open();
    let page = page.finish();
    assert_eq!(page.status, 200);
    let paths: Vec<String> = page.text().lines().map(str::to_owned).collect();
    assert_eq!(paths.len(), 8, "{paths:#?}");
    drop(fpm);
    server.stop();
    paths
}

each_mpm!(mod_php_follows on prefork);
/// A process that has the page in opcache and in PHP's realpath cache serves a new release at the
/// next request, and the old one after a rollback. Without the module it goes on with what it has.
fn mod_php_follows(mpm: Mpm) {
    follows(mpm, Php::Module);
}

each_mpm!(fpm_follows);
/// The same by PHP-FPM.
fn fpm_follows(mpm: Mpm) {
    follows(mpm, Php::Fpm);
}

fn follows(mpm: Mpm, php: Php) {
    let path = ["43", "42", "43"];
    assert_eq!(versions(mpm, php, Module::On, path), path);
    assert_eq!(versions(mpm, php, Module::Off, path), ["42"; 3]);
}

/// The versions seen after each of these deploys; 42 has been seen before.
fn versions(mpm: Mpm, php: Php, module: Module, deploys: [&str; 3]) -> [String; 3] {
    let setup = Server::builder(mpm).module(module);
    let site = Releases::at(setup.root().join("app"));
    let page = "<?php opcache_is_script_cached(__FILE__) or die('no opcache');\n\
                echo basename(dirname(__DIR__));";
    for name in ["42", "43"] {
        site.create(name, &[("web/index.php", page)]);
    }
    site.deploy("42");
    let (server, fpm) = php.serve(setup, &[YOUNG_FILES, ("opcache.revalidate_freq", "60")]);
    let mut connection = server.connect();
    let mut version = || connection.get("/index.php").expect("PHP answers").text();
    assert_eq!(version(), "42");
    let versions = deploys.map(|release| {
        site.deploy(release);
        version()
    });
    drop(fpm);
    server.stop();
    versions
}
