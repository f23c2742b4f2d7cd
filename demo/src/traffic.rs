//! Clients that ask steadily, each on a keep-alive connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testbed::{Background, Client, Endpoint, Stop};

use crate::site::{CGI, Page, SSI, STATIC, Version, releases_in};

/// How many clients ask for what. Together they leave a small machine some air: a saturated one
/// would measure itself.
const CLIENTS: [(usize, Page); 3] = [(8, STATIC), (5, SSI), (3, CGI)];

/// A client's rest between two requests.
const REST: Duration = Duration::from_millis(8);

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Just before the request was sent.
    pub(crate) started: Instant,
    /// When the last byte had come.
    pub(crate) finished: Instant,
    /// The releases that its parts come from; at least one part.
    pub(crate) parts: Vec<Version>,
}

/// A request and its answer, or what went wrong instead.
pub(crate) type Exchange = Result<Answer, String>;

/// The number of clients.
pub(crate) fn clients() -> usize {
    CLIENTS.iter().map(|(count, _)| count).sum()
}

/// Traffic under way.
pub(crate) struct Traffic {
    clients: Vec<Background<Vec<Exchange>>>,
    requests: Arc<AtomicUsize>,
}

impl Traffic {
    /// Lets all clients begin.
    pub(crate) fn start(server: Endpoint) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let clients = CLIENTS
            .into_iter()
            .flat_map(|(count, page)| std::iter::repeat_n(page, count))
            .map(|page| {
                let requests = Arc::clone(&requests);
                Background::run(move |stop| visit(server, page, stop, &requests))
            })
            .collect();
        Self { clients, requests }
    }

    /// How many requests have been answered so far.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Ends it. Each client's last request begins after this call.
    pub(crate) fn finish(self) -> Vec<Exchange> {
        self.clients
            .into_iter()
            .flat_map(Background::finish)
            .collect()
    }
}

fn visit(server: Endpoint, page: Page, stop: &Stop, requests: &AtomicUsize) -> Vec<Exchange> {
    let mut client = server.client();
    let mut exchanges = Vec::new();
    loop {
        let last = stop.requested();
        exchanges.push(ask(&mut client, page));
        requests.fetch_add(1, Ordering::Relaxed);
        if last {
            return exchanges;
        }
        sleep(REST);
    }
}

fn ask(client: &mut Client, page: Page) -> Exchange {
    let Page { path, parts } = page;
    let response = client
        .get(path)
        .map_err(|error| format!("{path}: {error}"))?;
    if response.status != 200 {
        return Err(format!("{path}: status {}", response.status));
    }
    let found = releases_in(&response.text());
    if found.len() != parts {
        return Err(format!("{path}: {} parts of {parts}", found.len()));
    }
    Ok(Answer {
        started: response.started,
        finished: response.finished,
        parts: found,
    })
}
