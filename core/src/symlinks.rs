//! Which symlinks a request may follow.

/// What `Options` says of symlinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symlinks {
    /// Neither option.
    Refused,
    /// `SymLinksIfOwnerMatch`
    IfOwnerMatch,
    /// `FollowSymLinks`
    Followed,
}

/// Why a symlink is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `Options` does not allow it.
    NotAllowed,
    /// It leads nowhere.
    NoTarget,
}

impl Symlinks {
    /// What a symlink leads to, if it may be followed (resolve_symlink, server/request.c). The
    /// owner of the link is asked for only where it matters, and before the target.
    ///
    /// # Errors
    /// It may not.
    pub fn follow<T>(
        self,
        link_owner: impl FnOnce() -> Option<u32>,
        target: impl FnOnce() -> Option<T>,
        target_owner: impl FnOnce(&T) -> u32,
    ) -> Result<T, Refusal> {
        let owner = match self {
            Symlinks::Refused => return Err(Refusal::NotAllowed),
            Symlinks::Followed => None,
            Symlinks::IfOwnerMatch => Some(link_owner().ok_or(Refusal::NoTarget)?),
        };
        let target = target().ok_or(Refusal::NoTarget)?;
        match owner {
            Some(owner) if owner != target_owner(&target) => Err(Refusal::NotAllowed),
            _ => Ok(target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Refusal::{NoTarget, NotAllowed};
    use Symlinks::{Followed, IfOwnerMatch, Refused};

    fn follow(symlinks: Symlinks, link: Option<u32>, target: Option<u32>) -> Result<u32, Refusal> {
        symlinks.follow(|| link, || target, |owner| *owner)
    }

    #[test]
    fn options_decide() {
        for target in [Some(1), Some(2), None] {
            for link in [Some(1), None] {
                assert_eq!(follow(Refused, link, target), Err(NotAllowed));
                assert_eq!(follow(Followed, link, target), target.ok_or(NoTarget));
            }
            assert_eq!(follow(IfOwnerMatch, None, target), Err(NoTarget));
        }
        assert_eq!(follow(IfOwnerMatch, Some(1), Some(1)), Ok(1));
        assert_eq!(follow(IfOwnerMatch, Some(1), Some(2)), Err(NotAllowed));
        assert_eq!(follow(IfOwnerMatch, Some(1), None), Err(NoTarget));
    }

    #[test]
    fn nothing_is_asked_that_does_not_matter() {
        let unasked = || -> Option<u32> { panic!("it does not matter") };
        let _ = Refused.follow(unasked, unasked, |_| 0);
        assert_eq!(
            Followed.follow(unasked, || Some(1), |_| unreachable!()),
            Ok(1)
        );
        let _ = IfOwnerMatch.follow(|| None, unasked, |_| 0);
    }
}
