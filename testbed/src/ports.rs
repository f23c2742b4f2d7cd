//! Ports to listen on.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Below the ports that Linux gives to outgoing connections, so that no client of a test gets one
/// of them.
const FIRST: u32 = 10_000;
const COUNT: u32 = 22_000;

/// How far apart in that range two processes begin.
const APART: u32 = 500;

/// Returns loopback ports that nobody listens on. Each call returns other ports than those before:
/// what a client of an earlier server still sends does not reach a later one, and servers that
/// start at the same time do not meet.
///
/// # Panics
///
/// When all ports are taken.
pub(crate) fn free_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = process::id() % (COUNT / APART) * APART;
    let ports: Vec<u16> = (0..COUNT)
        .map(|_| FIRST + (begin + NEXT.fetch_add(1, Relaxed)) % COUNT)
        .map(|port| u16::try_from(port).expect("the range ends below 32768"))
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .take(count)
        .collect();
    assert_eq!(ports.len(), count, "loopback has free ports");
    ports
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::free_ports;

    #[test]
    fn ports_differ_and_are_free() {
        let first = free_ports(3);
        let listeners: Vec<TcpListener> = first
            .iter()
            .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).expect("it is free"))
            .collect();
        let second = free_ports(30);
        let all: std::collections::BTreeSet<&u16> = first.iter().chain(&second).collect();
        assert_eq!(all.len(), first.len() + second.len());
        drop(listeners);
    }
}
