//! What /proc knows of httpd's processes.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;

use procfs::ProcError;
use procfs::net::TcpState;
use procfs::process::{FDTarget, Process, all_processes};

use crate::Mpm;

/// The children of `parent` that accept connections on one of `ports`, oldest pid first.
///
/// A child that accepts has the listening socket open, which one that finishes its requests after a
/// graceful restart has not. mod_cgid's daemon, which runs beside threaded children alone, closes
/// it soon after fork(2), and never has a second thread.
pub(crate) fn accepting(mpm: Mpm, parent: u32, ports: &[u16]) -> Vec<u32> {
    let listening = all_listening(ports);
    let threads = if mpm.is_threaded() { 2 } else { 1 };
    let mut pids: Vec<u32> = children(parent)
        .into_iter()
        .filter(|process| has_threads(process, threads) && holds(process, &listening))
        .map(|process| process.pid().unsigned_abs())
        .collect();
    pids.sort_unstable();
    pids
}

/// Those of `pids` that have a connection on one of `ports`: requests, or a client that may send
/// one.
pub(crate) fn connected(pids: &[u32], ports: &[u16]) -> Vec<u32> {
    let connections = connections(ports);
    let has_one = |pid: &u32| process(*pid).is_some_and(|process| holds(&process, &connections));
    pids.iter().copied().filter(has_one).collect()
}

/// Whether nothing from `client` waits to be read on one of `ports`.
pub(crate) fn has_read(ports: &[u16], client: SocketAddr) -> bool {
    let connection = procfs::net::tcp()
        .expect("/proc/net/tcp is readable")
        .into_iter()
        .find(|socket| {
            ports.contains(&socket.local_address.port()) && socket.remote_address == client
        });
    connection.is_some_and(|socket| socket.rx_queue == 0)
}

/// Whether `pid` is a process that has not ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    process(pid)
        .and_then(|process| process.stat().ok())
        .is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

/// The resident memory of `pid` in bytes, or `None` if there is no such process.
pub(crate) fn rss(pid: u32) -> Option<u64> {
    let status = process(pid)?.status().ok()?;
    status.vmrss.map(|kilobytes| kilobytes * 1024)
}

/// How many file descriptors `pid` has open, or `None` if there is no such process.
pub(crate) fn descriptors(pid: u32) -> Option<usize> {
    process(pid)?.fd_count().ok()
}

fn process(pid: u32) -> Option<Process> {
    Process::new(pid.try_into().ok()?).ok()
}

fn children(parent: u32) -> Vec<Process> {
    all_processes()
        .expect("/proc is readable")
        // A process may end while we look.
        .filter_map(Result::ok)
        .filter(|process| {
            process
                .stat()
                .is_ok_and(|stat| stat.ppid.unsigned_abs() == parent)
        })
        .collect()
}

/// The inodes of the sockets that listen on these ports: one a port, unless there is no server.
///
/// The kernel's table may lack a socket if others are closed while it is read.
fn all_listening(ports: &[u16]) -> HashSet<u64> {
    const ATTEMPTS: usize = 5;
    (0..ATTEMPTS)
        .map(|_| listening(ports))
        .find(|sockets| sockets.len() >= ports.len())
        .unwrap_or_default()
}

/// The inodes of the sockets that listen on these ports, as far as the kernel's table has them.
///
/// The kernel lists listening sockets first. Thousands of closed ones may follow (TIME_WAIT).
/// Reading those each time would take longer than the test.
fn listening(ports: &[u16]) -> HashSet<u64> {
    const LISTEN: &str = "0A";
    let table = File::open("/proc/net/tcp").expect("/proc/net/tcp is readable");
    BufReader::new(table)
        .lines()
        .skip(1)
        .map_while(|line| {
            let line = line.expect("/proc/net/tcp is text");
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (local, inode) = (fields[1], fields[9]);
            (fields[3] == LISTEN).then(|| (port(local), inode.parse().expect("a number")))
        })
        .filter(|(port, _)| ports.contains(port))
        .map(|(_, inode)| inode)
        .collect()
}

/// The port in `0100007F:1F90`.
fn port(address: &str) -> u16 {
    let port = address
        .rsplit(':')
        .next()
        .expect("there is at least one part");
    u16::from_str_radix(port, 16).expect("a port is hexadecimal")
}

/// The inodes of the other sockets on our side of these ports.
fn connections(ports: &[u16]) -> HashSet<u64> {
    procfs::net::tcp()
        .expect("/proc/net/tcp is readable")
        .into_iter()
        .filter(|socket| {
            socket.state != TcpState::Listen && ports.contains(&socket.local_address.port())
        })
        .map(|socket| socket.inode)
        .collect()
}

fn has_threads(process: &Process, least: i64) -> bool {
    process.stat().is_ok_and(|stat| stat.num_threads >= least)
}

fn holds(process: &Process, sockets: &HashSet<u64>) -> bool {
    match process.fd() {
        Ok(mut files) => files.any(
            |file| matches!(file, Ok(file) if matches!(file.target, FDTarget::Socket(inode) if sockets.contains(&inode))),
        ),
        // The process has ended, or is ending and no longer shows its files.
        Err(ProcError::NotFound(_) | ProcError::PermissionDenied(_)) => false,
        Err(error) => panic!("cannot see the files of process {}: {error}", process.pid()),
    }
}
