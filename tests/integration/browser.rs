//! A page in a real browser, which asks for a chunk after the next deploy: what `RealdocPrevious`
//! is for.

use std::fs;

use testbed::{Browser, LIMIT, Module, Mpm, Releases, Server, wait_until};

/// What the page reports to the server: the query of a request.
const CONFIG: &str = "\
DocumentRoot {root}/app/current/web
CustomLog {root}/reports %q \"expr=-n %{QUERY_STRING}\"";

/// How a single-page application is served: its routes are no files.
const ROUTES: [&str; 2] = ["", "FallbackResource /index.html"];

const PAGE: &str = r#"<!DOCTYPE html>
<title>Shop</title>
<button>Cart</button>
<script type="module" src="/assets/{index}"></script>
"#;

/// What the page does once it is loaded: it waits for release 43, and clicks.
const INDEX: &str = r#"
const report = what => fetch("/release.txt?" + what);
const button = document.querySelector("button");
button.addEventListener("click", () =>
    import("./{cart}").then(cart => report(cart.release), () => report("broken")));

async function waitForDeploy() {
    const response = await fetch("/release.txt", { cache: "no-store" });
    if (await response.text() === "43") button.click();
    else setTimeout(waitForDeploy, 20);
}
report("loaded").then(waitForDeploy);
"#;

/// A release, with the names that a bundler gives.
fn create(site: &Releases, release: &str, index: &str, cart: &str) {
    site.create(
        release,
        &[
            ("web/index.html", &PAGE.replace("{index}", index)),
            ("web/release.txt", release),
            (
                &format!("web/assets/{index}"),
                &INDEX.replace("{cart}", cart),
            ),
            (
                &format!("web/assets/{cart}"),
                &format!("export const release = {release};"),
            ),
        ],
    );
}

/// What becomes of a click on a page of release 42 when 43 has been deployed.
fn click_after_deploy(config: &str) -> String {
    let setup = Server::builder(Mpm::Event).module(Module::On);
    let site = Releases::at(setup.root().join("app"));
    create(&site, "42", "index-DiwrgTda.js", "Cart-B1xZk9fQ.js");
    create(&site, "43", "index-C4t_Nq0e.js", "Cart-mW8-sU2b.js");
    site.deploy("42");
    let server = setup.config(CONFIG).config(config).start();

    let browser = Browser::open(
        server.root(),
        &format!("http://127.0.0.1:{}/", server.port(1)),
    );
    let reports = || {
        browser.assert_running();
        let reports = fs::read_to_string(server.root().join("reports")).expect("httpd made it");
        let reports = reports.lines().map(str::to_owned);
        reports.collect::<Vec<_>>()
    };
    wait_until("the page is loaded", LIMIT, || !reports().is_empty());
    assert_eq!(reports(), ["?loaded"]);
    site.deploy("43");
    wait_until("the click has its answer", LIMIT, || reports().len() > 1);
    let report = reports().pop().expect("there are two");
    drop(browser);
    server.stop();
    report
}

#[test]
fn a_page_keeps_its_chunks() {
    if !Browser::is_installed() {
        let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
        // As scripts/setup has it.
        let has_package = system.lines().any(|line| line == "ID=debian");
        let has_package = has_package && !system.contains("bullseye");
        assert!(!has_package, "Chromium is not installed: run `make setup`");
        println!("skipped: Chromium is not installed");
        return;
    }
    for routes in ROUTES {
        let click = |previous| click_after_deploy(&format!("{routes}\n{previous}"));
        assert_eq!(click("RealdocPrevious Off"), "?broken", "{routes}");
        assert_eq!(click("RealdocPrevious On"), "?42", "{routes}");
    }
}
