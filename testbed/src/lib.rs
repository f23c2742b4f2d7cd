//! A private Apache httpd, releases to flip and a client to ask with.
//!
//! ```no_run
//! use testbed::{Module, Mpm, Releases, Server};
//!
//! let setup = Server::builder(Mpm::Event).module(Module::On);
//! let site = Releases::at(setup.root().join("app"));
//! site.create("42", &[("web/index.html", "42")]);
//! site.create("43", &[("web/index.html", "43")]);
//! site.deploy("42");
//!
//! let server = setup.config("DocumentRoot {root}/app/current/web").start();
//! let mut connection = server.connect();
//! assert_eq!(connection.get("/index.html").unwrap().text(), "42");
//! site.deploy("43");
//! assert_eq!(connection.get("/index.html").unwrap().text(), "43");
//! server.stop();
//! ```
//!
//! Everything blocks. Failures panic with their reason, as tests want it, but for methods whose
//! callers may want to go on: those return a `Result`. When a [`Server`] is stopped or dropped, its
//! error log is checked: an unexpected warning or worse is a panic ([`Builder::allow`]). Nothing is
//! left behind, even if the test process is killed.

mod background;
mod browser;
mod builder;
mod client;
mod config;
mod fpm;
mod group;
mod home;
mod hung_mount;
mod installation;
mod log;
mod module;
mod mpm;
mod ports;
mod processes;
mod relay;
mod releases;
mod server;
mod wait;

pub use background::{Background, Stop};
pub use browser::Browser;
pub use builder::Builder;
pub use client::{Client, ClientError, Connection, Endpoint, H2Connection, Response};
pub use fpm::PhpFpm;
pub use home::ConfigError;
pub use hung_mount::HungMount;
pub use hyper::Version;
pub use module::Module;
pub use mpm::Mpm;
pub use relay::Relay;
pub use releases::Releases;
pub use server::Server;
pub use wait::{LIMIT, wait_until};
