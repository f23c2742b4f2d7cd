//! What `RealdocPrevious` may serve from a release that a link led to before, as far as the URL
//! shows it.

use crate::Micros;

/// Which former releases of a link count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Those that were left less than this ago.
    pub span: Micros,
    /// At most this many, beginning with the one that was left last.
    pub count: usize,
}

/// The types of files that build tools give hashed names.
const TYPES: [&[u8]; 34] = [
    b"avif",
    b"bmp",
    b"css",
    b"cur",
    b"dat",
    b"eot",
    b"gif",
    b"glb",
    b"gltf",
    b"ico",
    b"jpeg",
    b"jpg",
    b"js",
    b"json",
    b"m4a",
    b"map",
    b"mjs",
    b"mov",
    b"mp3",
    b"mp4",
    b"ogg",
    b"ogv",
    b"opus",
    b"otf",
    b"png",
    b"svg",
    b"ttf",
    b"wasm",
    b"wav",
    b"webm",
    b"webmanifest",
    b"webp",
    b"woff",
    b"woff2",
];

/// The shortest hash.
const SHORTEST: usize = 7;

/// Whether the path of a URL is spelled in the one way in which files are named: nothing in it is
/// encoded, and no component is empty or begins with a dot.
#[must_use]
pub fn is_plain(path: &[u8]) -> bool {
    let in_path = |text: &[u8; 2]| path.windows(2).any(|two| two == text);
    path.starts_with(b"/") && !path.contains(&b'%') && !in_path(b"//") && !in_path(b"/.")
}

/// Whether the last component of `path` looks like a name with a hash of the file's content: it has
/// a type of those that build tools make, and before that 7 or more letters, digits, `-` and `_` in
/// a row, among them a digit or a capital.
#[must_use]
pub fn is_hashed(path: &[u8]) -> bool {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let Some(dot) = name.iter().rposition(|&byte| byte == b'.') else {
        return false;
    };
    let (stem, extension) = (&name[..dot], &name[dot + 1..]);
    let is_in_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_hash = |token: &[u8]| {
        let is_mark = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        token.len() >= SHORTEST && token.iter().any(is_mark)
    };
    TYPES.contains(&extension) && stem.split(|byte| !is_in_token(byte)).any(is_hash)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names as build tools and frameworks make them.
    const HASHED: [&str; 24] = [
        "/assets/app-3f2aB91c.js",
        "/assets/index-DkYv_Kxu.css",
        "/assets/Home-BtYq3zQW.js.map",
        "/static/js/main.3f2a91c4.chunk.js",
        "/static/js/787.c4e7f8f9.chunk.js",
        "/main.7c1ed45b7a3e2b0f.js",
        "/chunk-7PVXZZ2A.js",
        "/_next/static/chunks/pages/index-0a1b2c3d4e5f6071.js",
        "/_next/static/chunks/app/layout-8b5b1f7a1ad3f0e2.js",
        "/_nuxt/entry.6c4f7d21.css",
        "/_nuxt/builds/meta/5c0d8a3a-2f57-4f4b-9c55-0a7f2d8a5f9c.json",
        "/_app/immutable/chunks/scheduler.B8Zt5dGa.js",
        "/_astro/client.Cl9VVaMa.js",
        "/assets/application-0f1e2d3c4b5a69788796a5b4c3d2e1f0.css",
        "/assets/styles/app-kJ3Cl9V.css",
        "/build/runtime.4e5d6c7b.js",
        "/sites/default/files/css/css_pVGjg0d7ZZZ.css",
        "/static/admin/css/base.3f2a91c4d5e6.css",
        "/_framework/dotnet.runtime.8.0.1.abc123xyz9.js",
        "/_framework/dotnet.native.q1w2e3r4t5.wasm",
        "/fonts/inter-latin.4f5e6d7c.woff2",
        "/img/logo.4f5e6d7c.png",
        "/js/vendors~main.0123456789abcdef.js",
        "/workbox-4723e66c.js",
    ];

    const UNHASHED: [&str; 23] = [
        "/",
        "/sw.js",
        "/ngsw.json",
        "/ngsw-worker.js",
        "/service-worker.js",
        "/style.css",
        "/main.js",
        "/manifest.json",
        "/manifest.webmanifest",
        "/favicon.ico",
        "/robots.txt",
        "/assets/app.js",
        "/assets/vendor.js",
        "/app.3f2a.js",
        "/jquery.min.js",
        "/polyfills.js",
        "/images/background.png",
        "/index.html",
        "/index-3f2aB91c.html",
        "/run-3f2aB91c.php",
        "/run-3f2aB91c.js.php",
        "/3f2aB91c",
        "/3f2aB91c/main.js",
    ];

    #[test]
    fn names_with_a_hash() {
        for path in HASHED {
            assert!(
                is_hashed(path.as_bytes()) && is_plain(path.as_bytes()),
                "{path}"
            );
        }
        for path in UNHASHED {
            assert!(!is_hashed(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn paths_that_are_not_plain() {
        for path in [
            "",
            "x",
            "*",
            "/a%2fb",
            "//a",
            "/a//b",
            "/.git/a",
            "/a/../b",
            "/a/./b",
            "/a/.b",
            "http://host/a",
        ] {
            assert!(!is_plain(path.as_bytes()), "{path}");
        }
        assert!(is_plain(b"/a.b/c-d_e~f"));
    }

    proptest! {
        /// Whatever is before a name or in it, a script is not an asset.
        #[test]
        fn code_and_pages_are_not_assets(
            start in proptest::collection::vec(any::<u8>(), 0..40),
            extension in prop::sample::select(&["php", "phtml", "html", "cgi", "shtml", "var"][..]),
        ) {
            let path = [&start, b".".as_slice(), extension.as_bytes()].concat();
            prop_assert!(!is_hashed(&path));
        }

        #[test]
        fn a_plain_path_has_only_components_that_name_something(
            path in proptest::collection::vec(prop::sample::select(&b"/.%a"[..]), 0..12),
        ) {
            let names_something = |name: &[u8]| !name.starts_with(b".") && !name.contains(&b'%');
            let components = path.strip_prefix(b"/").map(|path| {
                let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
                // A directory's path ends with a slash.
                if names.last() == Some(&&b""[..]) {
                    names.pop();
                }
                names.iter().all(|name| !name.is_empty() && names_something(name))
            });
            prop_assert_eq!(is_plain(&path), components.unwrap_or(false));
        }
    }
}
