//! A port in front of a Unix socket.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::background::Background;

/// A port of 127.0.0.1 that passes each connection on to a Unix socket, as
/// [`PhpFpm`](crate::PhpFpm)'s, until it is dropped. While nobody listens there, it closes each
/// connection.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    _thread: Background,
}

impl Relay {
    /// Takes a free port. Nobody has to listen on `socket` yet.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[track_caller]
    pub fn to(socket: impl Into<PathBuf>) -> Self {
        let socket = socket.into();
        let listen = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            Ok::<_, io::Error>((listener.local_addr()?.port(), listener))
        };
        let (port, listener) = listen().expect("loopback has a free port");
        let step = move || match listener.accept() {
            Ok((client, _)) => pass_on(client, &socket),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => panic!("port {port} takes no connections: {error}"),
        };
        Self {
            port,
            _thread: Background::repeat(step),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Both directions, until either side closes its own.
fn pass_on(client: TcpStream, socket: &Path) {
    let connect = || {
        client.set_nonblocking(false)?;
        let server = UnixStream::connect(socket)?;
        Ok::<_, io::Error>((client.try_clone()?, server.try_clone()?, server))
    };
    // Without a server the client's connection closes here.
    if let Ok((mut from_client, mut to_server, mut server)) = connect() {
        let mut client = client;
        thread::spawn(move || {
            // A connection that breaks is one that ends.
            let _ = io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
        });
        thread::spawn(move || {
            let _ = io::copy(&mut server, &mut client);
            let _ = client.shutdown(Shutdown::Write);
        });
    }
}
