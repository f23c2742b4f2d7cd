//! Asking a server: blocking, over HTTP/1.1 and HTTP/2.
//!
//! The connections themselves live in a background thread, so one that the server closes is known
//! to be closed at once.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::OnceLock;
use std::time::Instant;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::wait::LIMIT;

/// The Host sent where the caller gives none.
const DEFAULT_HOST: &str = "localhost";

/// A loopback port on which a server listens. It is `Copy`, so that threads may take one with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    address: SocketAddr,
}

impl Endpoint {
    /// Port `port` of 127.0.0.1.
    pub fn new(port: u16) -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
        }
    }

    /// Address and port.
    pub fn address(self) -> SocketAddr {
        self.address
    }

    /// Opens an HTTP/1.1 connection.
    ///
    /// # Panics
    ///
    /// When that fails; see [`try_connect`](Self::try_connect).
    #[track_caller]
    pub fn connect(self) -> Connection {
        self.try_connect()
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", self.address))
    }

    /// Opens an HTTP/1.1 connection.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub fn try_connect(self) -> Result<Connection, ClientError> {
        block_on(async {
            let stream = self.stream().await?;
            let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
            // The connection's requests report how it ended.
            tokio::spawn(driver);
            Ok(Connection {
                sender,
                responses: 0,
            })
        })
    }

    /// Opens an HTTP/2 connection without TLS (h2c with prior knowledge; the server needs mod_http2
    /// and `Protocols h2c`).
    ///
    /// # Panics
    ///
    /// When that fails.
    #[track_caller]
    pub fn connect_h2(self) -> H2Connection {
        self.try_connect_h2()
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", self.address))
    }

    /// Opens an HTTP/2 connection without TLS.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub fn try_connect_h2(self) -> Result<H2Connection, ClientError> {
        block_on(async {
            let stream = self.stream().await?;
            let (sender, driver) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
            tokio::spawn(driver);
            Ok(H2Connection { sender })
        })
    }

    /// A client that keeps a connection and opens another when the server closed it.
    pub fn client(self) -> Client {
        Client {
            endpoint: self,
            connection: None,
            connections: 0,
        }
    }

    /// Gets `path` on a new connection.
    ///
    /// # Panics
    ///
    /// When there is no response; any status is one.
    #[track_caller]
    pub fn get(self, path: &str) -> Response {
        self.request("GET", path, &[])
    }

    /// Sends a request on a new connection, as [`Connection::request`] does.
    ///
    /// # Panics
    ///
    /// When there is no response; any status is one.
    #[track_caller]
    pub fn request(self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        self.try_connect()
            .and_then(|mut connection| connection.request(method, path, headers))
            .unwrap_or_else(|error| panic!("{method} {path} on {}: {error}", self.address))
    }

    /// Sends bytes as they are and nothing more. Returns all that comes back, head and body.
    ///
    /// # Panics
    ///
    /// When the server cannot be reached or does not close the connection.
    #[track_caller]
    pub fn send(self, bytes: &[u8]) -> String {
        let exchange = || {
            let mut stream = std::net::TcpStream::connect(self.address)?;
            stream.set_read_timeout(Some(LIMIT))?;
            // A server that refuses a request early does not read all of it.
            let sent = stream
                .write_all(bytes)
                .and_then(|()| stream.shutdown(Shutdown::Write));
            match sent.map_err(|error| error.kind()) {
                Ok(())
                | Err(
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected,
                ) => {}
                Err(kind) => return Err(kind.into()),
            }
            let mut answer = Vec::new();
            match stream.read_to_end(&mut answer) {
                Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
                _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
            }
        };
        exchange().unwrap_or_else(|error| panic!("{}: {error}", bytes.escape_ascii()))
    }

    async fn stream(self) -> Result<TcpStream, ClientError> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(ClientError::Connect)?;
        stream.set_nodelay(true).map_err(ClientError::Connect)?;
        Ok(stream)
    }
}

/// An HTTP/1.1 connection that is kept open.
#[derive(Debug)]
pub struct Connection {
    sender: http1::SendRequest<Empty<Bytes>>,
    responses: usize,
}

impl Connection {
    /// Gets `path`.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn get(&mut self, path: &str) -> Result<Response, ClientError> {
        self.request("GET", path, &[])
    }

    /// Sends a request without a body and waits for the whole response. Host is "localhost" unless
    /// among the `headers`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Closed`] when the server closed the connection instead of answering, as it
    /// may between any two requests; else whatever went wrong.
    ///
    /// # Panics
    ///
    /// When the arguments are not HTTP.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response, ClientError> {
        let mut request = request(method, path, headers);
        request
            .headers_mut()
            .entry(HOST)
            .or_insert(HeaderValue::from_static(DEFAULT_HOST));
        let response = block_on(async {
            self.sender.ready().await?;
            let started = Instant::now();
            Response::whole(started, self.sender.send_request(request).await?).await
        })?;
        self.responses += 1;
        Ok(response)
    }

    /// How many responses came on this connection.
    pub fn responses(&self) -> usize {
        self.responses
    }

    /// Whether the server has closed it.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// An HTTP/2 connection. Its clones are the same connection: streams run side by side, also from
/// several threads.
#[derive(Clone, Debug)]
pub struct H2Connection {
    sender: http2::SendRequest<Empty<Bytes>>,
}

impl H2Connection {
    /// Gets `path` on a stream of its own.
    ///
    /// # Errors
    ///
    /// As [`Connection::request`].
    pub fn get(&self, path: &str) -> Result<Response, ClientError> {
        self.request("GET", path, &[])
    }

    /// Sends a request, as [`Connection::request`] does. A Host header becomes `:authority`.
    ///
    /// # Errors
    ///
    /// As [`Connection::request`].
    ///
    /// # Panics
    ///
    /// When the arguments are not HTTP.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response, ClientError> {
        let request = request_h2(method, path, headers);
        let mut sender = self.sender.clone();
        block_on(stream(&mut sender, request))
    }

    /// Gets all `paths` at the same time, each on a stream of its own; results in the order of
    /// `paths`.
    pub fn get_all(&self, paths: &[&str]) -> Vec<Result<Response, ClientError>> {
        let streams: Vec<_> = paths
            .iter()
            .map(|path| {
                let request = request_h2("GET", path, &[]);
                let mut sender = self.sender.clone();
                runtime().spawn(async move { stream(&mut sender, request).await })
            })
            .collect();
        streams
            .into_iter()
            .map(|stream| block_on(async { stream.await.expect("a stream's task does not panic") }))
            .collect()
    }

    /// Whether the server has closed it, or announced that it takes no further requests.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Behaves as a browser: keeps its connection, and opens another when the server closed it. If the
/// server closed a connection that had been in use instead of answering, the client sends the
/// request again (RFC 9110, section 9.2.2).
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    connection: Option<Connection>,
    connections: usize,
}

impl Client {
    /// Gets `path`.
    ///
    /// # Errors
    ///
    /// As [`Connection::request`], but never because an idle connection was closed.
    pub fn get(&mut self, path: &str) -> Result<Response, ClientError> {
        self.request("GET", path, &[])
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// When the arguments are not HTTP.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response, ClientError> {
        let kept = self
            .connection
            .take()
            .filter(|connection| !connection.is_closed());
        if let Some(mut connection) = kept {
            match connection.request(method, path, headers) {
                Err(ClientError::Closed) => {}
                result => return self.keep(connection, result),
            }
        }
        let mut connection = self.endpoint.try_connect()?;
        self.connections += 1;
        let result = connection.request(method, path, headers);
        self.keep(connection, result)
    }

    /// How many connections it has opened.
    pub fn connections(&self) -> usize {
        self.connections
    }

    fn keep(
        &mut self,
        connection: Connection,
        result: Result<Response, ClientError>,
    ) -> Result<Response, ClientError> {
        self.connection = result.is_ok().then_some(connection);
        result
    }
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// Just before the request was sent.
    pub started: Instant,
    /// When the last byte of the response had come.
    pub finished: Instant,
}

impl Response {
    async fn whole(
        started: Instant,
        response: hyper::Response<Incoming>,
    ) -> Result<Self, ClientError> {
        let (head, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| ClientError::Failed(describe(&error)))?
            .to_bytes()
            .into();
        Ok(Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            version: head.version,
            started,
            finished: Instant::now(),
        })
    }

    /// The body as text, with replacements for what is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, if it is there (once or more: the first) and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why there is no response.
#[derive(Debug)]
pub enum ClientError {
    /// No connection to the server.
    Connect(io::Error),
    /// The server closed the connection, or takes no more requests on it, and has not begun to
    /// answer: the request may be sent again on another.
    Closed,
    /// No whole response within [`LIMIT`](crate::LIMIT).
    Timeout,
    /// Anything else, as a response that breaks off.
    Failed(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Connect(error) => write!(f, "no connection: {error}"),
            ClientError::Closed => f.write_str("the server closed the connection before answering"),
            ClientError::Timeout => write!(f, "no whole response within {LIMIT:?}"),
            ClientError::Failed(why) => f.write_str(why),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ClientError::Connect(error) => Some(error),
            ClientError::Closed | ClientError::Timeout | ClientError::Failed(_) => None,
        }
    }
}

/// For errors up to the response's head; a body that breaks off is another matter.
impl From<hyper::Error> for ClientError {
    fn from(error: hyper::Error) -> Self {
        let closed = error.is_canceled()
            || error.is_closed()
            || error.is_incomplete_message()
            || sources(&error).any(|error| is_reset(error) || is_refused(error));
        if closed {
            ClientError::Closed
        } else {
            ClientError::Failed(describe(&error))
        }
    }
}

fn is_reset(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(|error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        )
    })
}

/// Whether this is a stream that the server has not begun, and will not.
fn is_refused(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(|error: &h2::Error| {
        let goes_away = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
        error.is_remote() && (goes_away || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

fn sources(error: &hyper::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

fn describe(error: &hyper::Error) -> String {
    sources(error).fold(error.to_string(), |text, source| {
        format!("{text}: {source}")
    })
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::from_bytes(method.as_bytes())
        .unwrap_or_else(|error| panic!("method {method:?}: {error}"));
    *request.uri_mut() = path
        .parse()
        .unwrap_or_else(|error| panic!("path {path:?}: {error}"));
    for (name, value) in headers {
        let name: HeaderName = name
            .parse()
            .unwrap_or_else(|error| panic!("header {name:?}: {error}"));
        let value: HeaderValue = value
            .parse()
            .unwrap_or_else(|error| panic!("header {name}: {value:?}: {error}"));
        request.headers_mut().append(name, value);
    }
    request
}

fn request_h2(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Empty<Bytes>> {
    let mut request = request(method, path, headers);
    let host = request.headers_mut().remove(HOST);
    let host = host
        .as_ref()
        .map_or(DEFAULT_HOST.as_bytes(), HeaderValue::as_bytes);
    *request.uri_mut() = Uri::builder()
        .scheme("http")
        .authority(host)
        .path_and_query(path)
        .build()
        .unwrap_or_else(|error| panic!("host {host:?}, path {path:?}: {error}"));
    *request.version_mut() = Version::HTTP_2;
    request
}

async fn stream(
    sender: &mut http2::SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
) -> Result<Response, ClientError> {
    sender.ready().await?;
    let started = Instant::now();
    Response::whole(started, sender.send_request(request).await?).await
}

fn block_on<T>(work: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    runtime().block_on(async {
        tokio::time::timeout(LIMIT, work)
            .await
            .unwrap_or(Err(ClientError::Timeout))
    })
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("client")
            .enable_io()
            .enable_time()
            .build()
            .expect("a thread for the client can be started")
    })
}
