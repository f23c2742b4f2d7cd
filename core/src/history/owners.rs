//! Whose releases a link may lead back to.

/// Who owns a link, the release that it leads to, and one that it led to before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owners {
    /// The symlink's own owner.
    pub link: u32,
    /// The owner of the release that is current.
    pub current: u32,
    /// The owner of the former release.
    pub former: u32,
}

impl Owners {
    /// Whether the former release counts: it belongs to the link's owner or, where root owns the
    /// link, to the owner of the current release. A forged history then reaches only what the
    /// forger could let the link lead to.
    #[must_use]
    pub fn allow(self) -> bool {
        self.former == self.link || (self.link == 0 && self.former == self.current)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Former;
    use super::*;
    use crate::record::Identity;

    /// Root, and two users.
    fn user() -> impl Strategy<Value = u32> {
        prop::sample::select(&[0, 1000, 1001][..])
    }

    fn owners() -> impl Strategy<Value = Owners> {
        (user(), user(), user()).prop_map(|(link, current, former)| Owners {
            link,
            current,
            former,
        })
    }

    #[test]
    fn a_link_leads_back_to_its_owners_releases_and_roots_to_those_of_the_current_ones_owner() {
        for (link, current, former, is_allowed) in [
            (1000, 1000, 1000, true),
            (0, 0, 0, true),
            (0, 1000, 1000, true),
            (0, 1000, 0, true),
            (0, 1000, 1001, false),
            (1000, 0, 1000, true),
            (1000, 1000, 0, false),
            (1000, 1001, 1001, false),
        ] {
            let owners = Owners {
                link,
                current,
                former,
            };
            assert_eq!(owners.allow(), is_allowed, "{owners:?}");
        }
    }

    proptest! {
        /// Whatever a forger writes into an entry, it is no more than what counts as things are
        /// now; and what did not count when it was current does not count later.
        #[test]
        fn an_entry_counts_only_if_it_did_and_does(now in owners(), link: u32, then in owners()) {
            let former = |link_owner, release_owner| Former {
                target: c"/srv/releases/42",
                identity: Identity { device: 1, inode: 2, born: 3 },
                release_owner,
                link_owner,
                left: 0,
            };
            prop_assert!(now.allow() || !former(link, then.former).is_allowed(now));
            let recorded = Owners { current: now.current, ..then };
            let is_allowed = former(then.link, then.former).is_allowed(now);
            prop_assert_eq!(is_allowed, now.allow() && recorded.allow());
        }

        /// A user who owns the link reaches only what is his own, also by a forged entry.
        #[test]
        fn a_user_reaches_nothing_of_others(now in owners(), then in owners()) {
            let former = Former {
                target: c"/srv/releases/42",
                identity: Identity { device: 1, inode: 2, born: 3 },
                release_owner: then.former,
                link_owner: then.link,
                left: 0,
            };
            if now.link != 0 && former.is_allowed(now) {
                prop_assert_eq!(now.former, now.link);
            }
        }
    }
}
