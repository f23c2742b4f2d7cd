//! Two servers on one tree, asked the same: which answers differ.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use testbed::{Module, Mpm, Response, Server};

use super::case::{Ask, Case, PASSWORDS, Side};

/// What all cases have in common; the authentication that some ask for.
const ROOT_SECTION: &str = "\
Options FollowSymLinks Includes
AllowOverride None
Require all granted
AuthType Basic
AuthName site
AuthBasicProvider file
AuthUserFile {users}
";

/// Whatever is loaded has a chance to differ.
const MODULES: [&str; 18] = [
    "access_compat",
    "actions",
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_host",
    "authz_user",
    "autoindex",
    "headers",
    "include",
    "lua",
    "negotiation",
    "proxy",
    "proxy_fcgi",
    "reqtimeout",
    "rewrite",
    "setenvif",
];

/// What refused requests and odd configurations have logged. Of the module's errors only those are
/// among them which it writes where httpd would refuse as well, or about a link that a case has and
/// that leads to no directory.
const EXPECTED_IN_LOG: [&str; 19] = [
    // A case that is made smaller may lose the directory.
    "AH00112: ",
    "[core:warn]",
    "[core:error]",
    "[core:alert]",
    "[access_compat:error]",
    "[auth_basic:error]",
    "[authz_core:error]",
    "[autoindex:error]",
    "[include:warn]",
    "[include:error]",
    "[negotiation:error]",
    "[proxy:error]",
    "[proxy_fcgi:error]",
    "[rewrite:error]",
    "[realdoc:warn]",
    "RD12: ",
    "RD20: ",
    "RD21: ",
    "RD22: ",
];

/// An answer, without what changes from one time to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Answer {
    fn new(response: &Response, case: &Case, top: &Path) -> Self {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &response.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            match name.as_str() {
                "date" => continue,
                // Resolved by one step, a path may go by a third name.
                "x-where" | "x-rule" if case.use_readlink => continue,
                // In the order of a hash table that differs from one process to another.
                "allow" => {
                    let mut methods: Vec<&str> = value.split(',').collect();
                    methods.sort_unstable();
                    headers.insert(name.to_string(), methods.join(","));
                }
                // Weak in the second after the file was written.
                "etag" => {
                    let etag = value.trim_start_matches("W/");
                    headers.insert(name.to_string(), etag.to_owned());
                }
                _ => {
                    *headers.entry(name.to_string()).or_default() += &case.by_one_name(&value, top)
                }
            }
        }
        let text = response.text();
        if text.contains(&top.display().to_string()) {
            // The names that it shows may be of different length.
            headers.remove("content-length");
        }
        Self {
            status: response.status,
            headers,
            body: case.by_one_name(&text, top),
        }
    }

    fn is_refusal(&self) -> bool {
        self.status >= 400
    }

    /// The files whose content shows.
    pub(super) fn files(&self) -> Vec<&str> {
        let parts = self.body.split("[[").skip(1);
        parts
            .filter_map(|part| Some(part.split_once("]]")?.0))
            .collect()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "    {name}: {value}")?;
        }
        for line in self.body.lines() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

/// A request that the two servers answer differently.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    /// Which case, and which of its requests.
    pub(super) case: usize,
    pub(super) request: usize,
    stock: Answer,
    module: Answer,
}

impl Difference {
    /// Whether the module gives what stock httpd refuses.
    pub(super) fn is_wider(&self) -> bool {
        let refused = self.stock.files();
        (self.stock.is_refusal() && !self.module.is_refusal())
            || self
                .module
                .files()
                .iter()
                .any(|file| !refused.contains(file))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "without the module: {}with it: {}",
            self.stock, self.module
        )
    }
}

/// What came of a comparison.
pub(super) struct Outcome {
    pub(super) differences: Vec<Difference>,
    /// The answers of httpd without the module, a list a case.
    pub(super) stock: Vec<Vec<Answer>>,
}

/// Asks both servers all requests of all cases, each of which is a virtual host of its own.
pub(super) fn compare(mpm: Mpm, cases: &[Case]) -> Outcome {
    let stock = Server::builder(mpm);
    // It goes with the server, so that one must outlive the other.
    let dir = stock.root().join("cases");
    let tops: Vec<PathBuf> = (0..cases.len())
        .map(|n| dir.join(format!("c{n}")))
        .collect();
    for (case, top) in cases.iter().zip(&tops) {
        case.plant(top);
    }
    let users = dir.join("users");
    fs::write(&users, PASSWORDS).expect("the cases are beside it");

    let start = |mut setup: testbed::Builder, side| {
        setup = setup.load_all(&MODULES);
        for part in EXPECTED_IN_LOG {
            setup = setup.allow(part);
        }
        let users = users.display().to_string();
        setup = setup
            .children(if mpm.is_threaded() { 1 } else { 2 })
            .threads(4)
            .log_level("warn")
            .root_section(&ROOT_SECTION.replace("{users}", &users));
        for (case, top) in cases.iter().zip(&tops) {
            setup = setup.config(&case.main_config(top));
        }
        for (n, (case, top)) in cases.iter().zip(&tops).enumerate() {
            setup = setup.config(&case.virtual_host(side, &host(n), top));
        }
        setup.start()
    };
    let module = Server::builder(mpm).module(Module::On);
    let module = start(module, Side::Module);
    for (case, top) in cases.iter().zip(&tops) {
        case.flip(top);
    }
    // By the real path httpd has to be started again after a flip.
    let stock = start(stock, Side::Stock);
    let (by_stock, by_module) = thread::scope(|scope| {
        let by_module = scope.spawn(|| ask(&module, cases, &tops));
        (
            ask(&stock, cases, &tops),
            by_module.join().expect("it answers"),
        )
    });
    module.stop();
    stock.stop();

    let mut differences = Vec::new();
    for (case, answers) in by_stock.iter().zip(&by_module).enumerate() {
        for (request, (stock, module)) in answers.0.iter().zip(answers.1).enumerate() {
            if stock != module {
                differences.push(Difference {
                    case,
                    request,
                    stock: stock.clone(),
                    module: module.clone(),
                });
            }
        }
    }
    differences.sort_by_key(|difference| !difference.is_wider());
    Outcome {
        differences,
        stock: by_stock,
    }
}

/// The name of the case's virtual host.
fn host(case: usize) -> String {
    format!("c{case}.test")
}

fn ask(server: &Server, cases: &[Case], tops: &[PathBuf]) -> Vec<Vec<Answer>> {
    let mut client = server.client();
    let mut get = |host: &str, ask: &Ask, top: &Path| {
        // With a port, so that redirects are to the same one.
        let host = format!("{host}:80");
        let mut headers = vec![("host", host.as_str())];
        headers.extend(ask.authorization().map(|value| ("authorization", value)));
        client
            .request(ask.method, &ask.url(top), &headers)
            .unwrap_or_else(|error| panic!("{ask} of {host}: {error}"))
    };
    (0..)
        .zip(cases)
        .zip(tops)
        .map(|((n, case), top)| {
            let answer = |request| Answer::new(&get(&host(n), request, top), case, top);
            case.requests.iter().map(answer).collect()
        })
        .collect()
}
