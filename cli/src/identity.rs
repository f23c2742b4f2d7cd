//! Becoming another user, for good.

use std::ffi::CString;
use std::path::Path;

use nix::unistd::{Uid, User, geteuid, getgrouplist, setgroups, setresgid, setresuid};
use rustix::fs::Stat;
use rustix::io::Errno;

use crate::output::{Failure, Result, show};

/// Whether this process may do everything, to everybody's files.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

/// The user that this process is.
pub(crate) fn uid() -> u32 {
    geteuid().as_raw()
}

/// A user's name, or his number where he has none.
pub(crate) fn name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => format!("user {uid}"),
    }
}

/// Makes this process that user's, with his group and his supplementary groups. It cannot be
/// undone. Whoever is not root stays who he is.
pub(crate) fn become_user(uid: u32, whose: &str) -> Result<()> {
    if !is_root() || uid == 0 {
        return Ok(());
    }
    let cannot = |why: String| Failure::new(format!("{whose} belongs to {}: {why}", name(uid)));
    let uid = Uid::from_raw(uid);
    let user = match User::from_uid(uid) {
        Ok(Some(user)) => user,
        Ok(None) => {
            return Err(cannot(
                "it is not known which groups that user has, so root cannot act for him".to_owned(),
            )
            .advice(format!(
                "As that user: setpriv --reuid {uid} --regid GROUP --clear-groups realdoc ..."
            )));
        }
        Err(errno) => {
            return Err(cannot(format!(
                "cannot look that user up: {}",
                errno.desc()
            )));
        }
    };
    let groups = || {
        let name = CString::new(user.name.as_str()).map_err(|_| nix::errno::Errno::EINVAL)?;
        setgroups(&getgrouplist(&name, user.gid)?)?;
        setresgid(user.gid, user.gid, user.gid)?;
        setresuid(uid, uid, uid)
    };
    groups().map_err(|errno| {
        cannot(format!(
            "root cannot become {} here: {}",
            user.name,
            errno.desc()
        ))
        .advice(format!("Run realdoc as {}.", user.name))
    })?;
    // Never go on as root by mistake.
    if geteuid() != uid || setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() {
        return Err(cannot("root could not be given up".to_owned()));
    }
    Ok(())
}

/// Adds whose directory it is, where this user may not do something in it.
pub(crate) fn explain(failure: Failure, errno: Errno, dir: &Path, stat: Option<Stat>) -> Failure {
    match stat.filter(|_| matches!(errno, Errno::ACCESS | Errno::PERM)) {
        Some(stat) => failure.advice(format!(
            "{} belongs to {}, and this is {}.",
            show(dir),
            name(stat.st_uid),
            name(uid())
        )),
        None => failure,
    }
}
