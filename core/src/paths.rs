//! Paths as bytes: what lies below a directory, and the path in a proxied request's name.

/// The longest path the kernel takes, its NUL included (`PATH_MAX`, limits.h).
pub const PATH_MAX: usize = 4096;

/// The rest of `path` below the directory `dir`: empty, or from the slash on. `None`: `path` does
/// not lie in `dir`. Only whole components count: `/srv/application` does not lie in `/srv/app`.
#[must_use]
pub fn strip_dir<'p>(path: &'p [u8], dir: &[u8]) -> Option<&'p [u8]> {
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    path.strip_prefix(dir)
        .filter(|tail| tail.is_empty() || tail[0] == b'/')
}

/// The item whose path is the longest prefix of `path` by whole components, and the rest of `path`.
pub fn longest_prefix<'p, 'i, T>(
    path: &'p [u8],
    items: impl Iterator<Item = T>,
    path_of: impl Fn(&T) -> &'i [u8],
) -> Option<(T, &'p [u8])> {
    items
        .filter_map(|item| {
            let tail = strip_dir(path, path_of(&item))?;
            Some((item, tail))
        })
        .min_by_key(|(_, tail)| tail.len())
}

/// Whether `path` may hold an empty, `.` or `..` component, which httpd removes, or be too long for
/// httpd. A name that begins with a dot counts too: each request asks, and this answer costs a few
/// instructions.
#[must_use]
pub fn may_need_canonicalization(path: &[u8]) -> bool {
    /// So many bytes are compared at once.
    const BLOCK: usize = 16;
    let is_found = |bytes: &[u8], next: &[u8]| {
        // Without an early return, which would hinder that.
        bytes.iter().zip(next).fold(false, |found, (&byte, &next)| {
            found | (byte == b'/') & ((next == b'/') | (next == b'.'))
        })
    };
    let len = path.len().saturating_sub(1);
    let block = |at| match (
        path[at..].first_chunk::<BLOCK>(),
        path[at + 1..].first_chunk(),
    ) {
        (Some(bytes), Some(next)) => is_found(bytes, next as &[u8; BLOCK]),
        _ => false,
    };
    if path.len() >= PATH_MAX {
        return true;
    }
    if len < BLOCK {
        return is_found(path, path.get(1..).unwrap_or_default());
    }
    // The last block may overlap the one before.
    (0..len / BLOCK).any(|n| block(n * BLOCK)) || block(len - BLOCK)
}

/// Whether `path` is absolute, and each of its components names something: none is empty, `.` or
/// `..`. The root has none.
#[must_use]
pub fn is_canonical(path: &[u8]) -> bool {
    path.strip_prefix(b"/").is_some_and(|path| {
        let mut names = path.split(|&byte| byte == b'/');
        names.all(|name| !matches!(name, b"" | b"." | b".."))
    })
}

/// Splits the path off the name of a request to a FastCGI server: `proxy:fcgi://host:port` or
/// `proxy:unix:/socket|fcgi://host`, and `/srv/app/current/x.php`.
#[must_use]
pub fn split_fcgi(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let url = name.strip_prefix(b"proxy:")?;
    let url = match url.strip_prefix(b"unix:") {
        Some(socket) => &socket[socket.iter().position(|&b| b == b'|')? + 1..],
        None => url,
    };
    let host = url.strip_prefix(b"fcgi://")?;
    let path = &host[host.iter().position(|&b| b == b'/')?..];
    Some(name.split_at(name.len() - path.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strip_dir_takes_whole_components() {
        assert_eq!(strip_dir(b"/srv/app/x", b"/srv/app"), Some(&b"/x"[..]));
        assert_eq!(strip_dir(b"/srv/app/x", b"/srv/app/"), Some(&b"/x"[..]));
        assert_eq!(strip_dir(b"/srv/app", b"/srv/app"), Some(&b""[..]));
        assert_eq!(strip_dir(b"/srv/app", b"/"), Some(&b"/srv/app"[..]));
        assert_eq!(strip_dir(b"/srv/application", b"/srv/app"), None);
        assert_eq!(strip_dir(b"/srv", b"/srv/app"), None);
    }

    #[test]
    fn the_longest_prefix_wins() {
        let links = [c"/srv/current", c"/srv/current/web", c"/srv/cur"];
        let of =
            |path| longest_prefix(path, links.iter(), |l| l.to_bytes()).map(|(l, tail)| (*l, tail));
        assert_eq!(
            of(b"/srv/current/web/x"),
            Some((c"/srv/current/web", &b"/x"[..]))
        );
        assert_eq!(of(b"/srv/current/x"), Some((c"/srv/current", &b"/x"[..])));
        assert_eq!(of(b"/srv/currently"), None);
    }

    #[test]
    fn what_may_need_canonicalization() {
        for canonical in ["", "/", "/a", "/a/", "/a./b../c"] {
            assert!(
                !may_need_canonicalization(canonical.as_bytes()),
                "{canonical}"
            );
        }
        for other in [
            "//", "//a", "/a//b", "/a//", "/.", "/a/.", "/a/./b", "/a/..", "/../a",
        ] {
            assert!(may_need_canonicalization(other.as_bytes()), "{other}");
        }
        for (len, is_long) in [(PATH_MAX - 1, false), (PATH_MAX, true)] {
            let path = [b"/".to_vec(), vec![b'a'; len - 1]].concat();
            assert_eq!(may_need_canonicalization(&path), is_long, "{len}");
        }
    }

    #[test]
    fn fcgi_names() {
        let split = |name: &'static str| {
            split_fcgi(name.as_bytes()).map(|(a, b)| {
                (
                    std::str::from_utf8(a).unwrap(),
                    std::str::from_utf8(b).unwrap(),
                )
            })
        };
        assert_eq!(
            split("proxy:fcgi://127.0.0.1:9000/srv/x.php"),
            Some(("proxy:fcgi://127.0.0.1:9000", "/srv/x.php"))
        );
        assert_eq!(
            split("proxy:unix:/run/php.sock|fcgi://localhost/srv/x.php"),
            Some(("proxy:unix:/run/php.sock|fcgi://localhost", "/srv/x.php"))
        );
        for other in [
            "proxy:http://host/srv/x.php",
            "proxy:unix:/run/x.sock|http://host/srv/x.php",
            "proxy:unix:/run/x.sock",
            "proxy:fcgi://host",
            "/srv/x.php",
            "proxy:",
        ] {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
