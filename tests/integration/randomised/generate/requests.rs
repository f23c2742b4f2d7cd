//! What is asked.

use super::super::case::{Ask, User};
use super::Draw;

/// What is asked.
impl Draw {
    pub(super) fn requests(
        &mut self,
        prefixes: &[&'static str],
        rule_urls: Vec<String>,
    ) -> Vec<Ask> {
        const URLS: [(usize, &str); 42] = [
            (4, "/"),
            (6, "/f.txt"),
            (2, "/index.html"),
            (2, "/secret.txt"),
            (2, "/pub"),
            (4, "/pub/"),
            (4, "/pub/f.txt"),
            (2, "/pub/secret.txt"),
            (2, "/priv"),
            (4, "/priv/"),
            (6, "/priv/f.txt"),
            (2, "/priv/sub/"),
            (3, "/priv/sub/f.txt"),
            (1, "/d.x/"),
            (1, "/d.x/f.txt"),
            (1, "/a%20b/"),
            (1, "/a%20b/f.txt"),
            (2, "/in/"),
            (3, "/in/f.txt"),
            (2, "/out/"),
            (3, "/out/f.txt"),
            (2, "/lf.txt"),
            (2, "/of.txt"),
            (1, "/back/"),
            (2, "/back/web/f.txt"),
            (1, "/back/f.txt"),
            (1, "/real/f.txt"),
            (1, "/real/web/priv/f.txt"),
            (1, "/pub/up/f.txt"),
            (1, "/old/f.txt"),
            (1, "/gone"),
            (2, "/none"),
            (1, "/none/at/all"),
            (2, "/f.txt/extra/info"),
            (1, "/pub/f.txt/"),
            (3, "/page.shtml"),
            (1, "//priv//f.txt"),
            (1, "/pub/../priv/f.txt"),
            (1, "/pub/%2e%2e/priv/f.txt"),
            (1, "/pub%2ff.txt"),
            (1, "/.htaccess"),
            (1, "/pub/f"),
        ];
        // Below an alias for a directory above the docroot.
        let inner = [
            "",
            "/web",
            "/current",
            "/current/web",
            "/releases/42",
            "/releases/42/web",
        ];
        let users = [
            (6, None),
            (3, Some(User::Ann)),
            (1, Some(User::Bob)),
            (1, Some(User::Stranger)),
        ];
        let methods = [(18, "GET"), (1, "HEAD"), (1, "OPTIONS")];
        let mut urls: Vec<String> = (0..self.random.within(10..26))
            .map(|_| {
                let mut prefix = String::new();
                if !prefixes.is_empty() && self.random.chance(40) {
                    prefix = self.random.pick(prefixes).trim_end_matches('/').into();
                    if self.random.chance(15) {
                        prefix += self.random.pick(&inner);
                    }
                }
                prefix + self.random.weighted(&URLS)
            })
            .collect();
        urls.extend(rule_urls);
        urls.into_iter()
            .map(|url| Ask {
                method: self.random.weighted(&methods),
                url,
                user: self.random.weighted(&users),
            })
            .collect()
    }
}
