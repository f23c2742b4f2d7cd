//! `realdoc status`, against a server that answers as it is told.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::{Run, Site, realdoc, run};

const PAGE: &str = "localhost\nServerVersion: Apache/2.4.71\n\
    Realdoc[0]Server: www.example.com and 1 more\nRealdoc[0]Link: current\n\
    Realdoc[0]Release: releases/43\nRealdoc[0]Flips: 2\nRealdoc[0]LastFlip: 1700000000\n\
    Realdoc[0]Checks: 12345\nRealdoc[0]Failures: 0\n\
    Realdoc[1]Server: other.example.com\nRealdoc[1]Link: live\n\
    Realdoc[1]Release: ./blue\nRealdoc[1]Flips: 0\nRealdoc[1]Checks: 1\nRealdoc[1]Failures: 0\n";

/// Answers one request, and returns the URL and what is asked.
fn serve(status: &'static str, body: String) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = String::new();
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        reader.read_line(&mut request).expect("a request");
        let mut line = String::new();
        while reader.read_line(&mut line).expect("a header") > 2 {
            line.clear();
        }
        let answer = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).expect("it reads");
        request
    });
    (format!("http://{address}/server-status"), asked)
}

fn status(page: &str, options: &[&str]) -> Run {
    let (url, asked) = serve("200 OK", page.to_owned());
    let run = run(realdoc().arg("status").args(options).arg(&url));
    let request = asked.join().expect("it was asked");
    assert_eq!(request, "GET /server-status?auto HTTP/1.0\r\n");
    run
}

#[test]
fn what_is_served() {
    let run = status(PAGE, &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[0], "REALDOC OK - 2 links, which all resolve");
    assert!(
        lines[2].starts_with(
            "www.example.com and 1 more  current  releases/43  2023-11-14 22:13:20Z ("
        )
    );
    assert!(
        lines[3].starts_with("other.example.com           live     ./blue       -"),
        "{run:?}"
    );

    let json = status(PAGE, &["--json"]);
    assert!(
        json.out
            .contains("\"release\": \"releases/43\", \"flips\": 2, \"last_flip\": \"2023-11-14T22")
    );

    // By standard input, as from curl.
    let mut child = realdoc()
        .args(["status", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut pipe = child.stdin.take().expect("it is piped");
    pipe.write_all(PAGE.as_bytes()).expect("it reads");
    drop(pipe);
    let piped: Run = child.wait_with_output().expect("it ends").into();
    assert_eq!(piped.out, run.out);
}

#[test]
fn what_monitoring_is_told() {
    let broken = PAGE.replace("Realdoc[1]Release: ./blue\n", "");
    let broken = broken + "Realdoc[1]LastError: No such file or directory\n";
    let run = status(&broken, &[]);
    assert_eq!(run.code, Some(2), "{run:?}");
    let first = "REALDOC CRITICAL - live of other.example.com does not resolve: No such file";
    assert!(run.out.starts_with(first), "{run:?}");

    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time")
        .as_secs();
    let failed = |at: u64| format!("{PAGE}Realdoc[0]LastFailure: {at}\n");
    let run = status(&failed(now), &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.out.starts_with("REALDOC WARNING - current of www"),
        "{run:?}"
    );
    assert_eq!(status(&failed(now - 7200), &[]).code, Some(0));
    // Cron mails what is printed.
    assert_eq!(status(PAGE, &["-q"]).out, "");
    assert_ne!(status(&broken, &["-q"]).out, "");
    // Of one server only.
    assert_eq!(
        status(&broken, &["--server", "www.example.com"]).code,
        Some(0)
    );
    assert_eq!(
        status(&broken, &["--server", "nobody.example.com"]).code,
        Some(3)
    );
}

#[test]
fn whether_the_server_serves_what_the_link_says() {
    let site = Site::new(&["43", "44"]);
    let link = site.current().display().to_string();
    assert_eq!(status(PAGE, &["--link", &link]).code, Some(0));
    site.flip("current", "releases/44");
    let run = status(PAGE, &["--link", &link]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(
        run.out
            .contains("/current leads to 44, but the server serves releases/43"),
        "{run:?}"
    );
    fs::remove_file(site.current()).expect("it was made");
    assert_eq!(status(PAGE, &["--link", &link]).code, Some(2));
    let run = status(PAGE, &["--link", "elsewhere"]);
    assert!(
        run.out.contains("the server shows no link elsewhere"),
        "{run:?}"
    );
}

#[test]
fn no_answer() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = closed.local_addr().expect("it is bound");
    drop(closed);
    let unknown = |url: &str, message: &str| {
        let run = run(realdoc().args(["status", url]));
        assert_eq!(run.code, Some(3), "{run:?}");
        assert!(run.err.contains(message), "{message}: {run:?}");
    };
    unknown(&format!("http://{address}/"), "Connection refused");
    unknown("https://localhost/", "curl -s URL?auto | realdoc status -");
    for (answer, body, message) in [
        ("404 Not Found", "", "SetHandler server-status"),
        ("403 Forbidden", "", "Require local"),
        ("500 Internal Server Error", "", "500 Internal Server Error"),
        ("200 OK", "<html>", "not a page of mod_status for programs"),
        (
            "200 OK",
            "ServerVersion: x\n",
            "mod_realdoc shows no link there",
        ),
    ] {
        let (url, asked) = serve(answer, body.to_owned());
        unknown(&url, message);
        asked.join().expect("it was asked");
    }
}
