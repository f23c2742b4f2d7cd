//! What a status page shows of a link: names by which a reader tells links and releases apart,
//! without their whole paths.

/// The name of a release: its path from the directory that holds it and the link. It always
/// contains a slash, so that no program takes the release `20250102` for a number.
#[must_use]
pub fn release_name(link: &[u8], release: &[u8]) -> Vec<u8> {
    let ends = (0..link.len()).filter(|at| link[*at] == b'/');
    let is_above = |end: &usize| {
        let dir = &link[..*end];
        release.starts_with(dir) && release.get(dir.len()).is_none_or(|byte| *byte == b'/')
    };
    let common = ends.filter(is_above).max().unwrap_or(0);
    let name = release.get(common + 1..).unwrap_or_default();
    if common == 0 {
        // Nothing is common but the root.
        release.to_vec()
    } else if name.contains(&b'/') {
        name.to_vec()
    } else {
        [b"./", name].concat()
    }
}

/// A key for a link, 12 hexadecimal digits: the same in every httpd, whatever other links it has.
#[must_use]
pub fn link_key(link: &[u8], is_readlink: bool) -> String {
    let mode: &[u8] = if is_readlink { b"\0\x01" } else { b"\0\0" };
    let hash = fnv1a(&[link, mode].concat());
    format!("{:012x}", (hash ^ hash >> 48) & 0xffff_ffff_ffff)
}

/// A hash that is the same everywhere and always.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_told_apart() {
        for (link, release, name) in [
            ("/srv/app/current", "/srv/app/releases/42", "releases/42"),
            ("/srv/app/current", "/srv/app/42", "./42"),
            (
                "/srv/app/live/current",
                "/srv/app/releases/42",
                "releases/42",
            ),
            (
                "/home/ann/public_html",
                "/home/ann/code/releases/42/public",
                "code/releases/42/public",
            ),
            ("/srv/app/current", "/data/releases/42", "/data/releases/42"),
            ("/current", "/releases/42", "/releases/42"),
            ("/srv/app/current", "/srv/app", "./"),
            ("/srv/app/current", "/srv", "./"),
            ("/srv/app/current", "/srv/application/42", "application/42"),
            ("/srv/app/current", "/", "/"),
        ] {
            let shown = release_name(link.as_bytes(), release.as_bytes());
            assert_eq!(String::from_utf8(shown).unwrap(), name, "{link} {release}");
        }
    }

    #[test]
    fn keys() {
        let key = link_key(b"/srv/app/current", false);
        assert_eq!(key.len(), 12);
        assert_eq!(key, link_key(b"/srv/app/current", false));
        assert_ne!(key, link_key(b"/srv/app/current", true));
        assert_ne!(key, link_key(b"/srv/app/currenu", false));
        // Monitoring keeps them: they must never change.
        assert_eq!(key, "efd036d17d40");
    }
}
