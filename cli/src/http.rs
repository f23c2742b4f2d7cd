//! One GET request: as much of HTTP as a status page on this machine needs.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::output::{Failure, Result, show};

const TIMEOUT: Duration = Duration::from_secs(10);

/// No status page is longer, in bytes.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// A URL in its parts.
struct Url<'u> {
    /// Host and port, as the header Host has them.
    host: &'u str,
    path: &'u str,
}

/// Fetches a page by HTTP/1.0, whose answers come whole and end with the connection.
pub(crate) fn get(url: &str) -> Result<String> {
    let Url { host, path } = parse(url)?;
    let shown = show(url);
    let cannot = |error: std::io::Error| Failure::new(format!("{shown}: {error}"));
    let mut connection = connect(host).map_err(cannot)?;
    connection.set_read_timeout(Some(TIMEOUT)).map_err(cannot)?;
    let agent = concat!("realdoc/", env!("CARGO_PKG_VERSION"));
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n");
    connection.write_all(request.as_bytes()).map_err(cannot)?;
    let mut answer = Vec::new();
    connection
        .take(MAX_LEN)
        .read_to_end(&mut answer)
        .map_err(cannot)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        Some("404") => Err(Failure::new(format!("{shown}: {}", show(status))).advice(
            "Is mod_status loaded, and has this virtual host a <Location> with SetHandler \
             server-status?",
        )),
        Some("401" | "403") => Err(Failure::new(format!("{shown}: {}", show(status))).advice(
            "May this machine see the page (Require local)? With a password: \
             curl -u USER URL?auto | realdoc status -",
        )),
        _ => Err(Failure::new(format!("{shown}: {}", show(status)))),
    }
}

fn parse(url: &str) -> Result<Url<'_>> {
    let Some(rest) = url.strip_prefix("http://") else {
        return Err(Failure::new(format!("{}: not an http:// URL", show(url)))
            .advice("By https, or another way: curl -s URL?auto | realdoc status -"));
    };
    let (host, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/server-status"),
    };
    let is_odd = |char: char| char.is_control() || char.is_whitespace() || char == '@';
    if host.is_empty() || url.contains(is_odd) {
        return Err(Failure::new(format!("{}: not a URL", show(url))));
    }
    Ok(Url { host, path })
}

fn connect(host: &str) -> std::io::Result<TcpStream> {
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let addresses = if has_port {
        host.to_socket_addrs()?
    } else {
        format!("{host}:80").to_socket_addrs()?
    };
    let mut problem = std::io::Error::other("no such host");
    for address in addresses {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(connection) => return Ok(connection),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (url, host, path) in [
            (
                "http://localhost/server-status?auto",
                "localhost",
                "/server-status?auto",
            ),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "/server-status"),
            ("http://[::1]:81/s", "[::1]:81", "/s"),
        ] {
            let parsed = parse(url).expect("a URL");
            assert_eq!((parsed.host, parsed.path), (host, path), "{url}");
        }
        for url in [
            "",
            "https://localhost/",
            "http:///x",
            "http://a/\r\nX: y",
            "ftp://a/",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
