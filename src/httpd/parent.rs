//! The request that another one came from.

use std::ffi::CStr;

use super::dir_config::DirConfig;
use super::request::Request;
use super::state::Loaded;

/// A request that another one came from, by an internal redirect or as its subrequest.
///
/// It lives longer than that one, whose memory must not get into it: so it can only be read.
#[derive(Clone, Copy)]
pub(crate) struct Parent<'r>(Request<'r>);

impl<'r> Request<'r> {
    /// The request that this one came from: by an internal redirect, else as a
    /// subrequest. (A redirect within a subrequest has both.)
    pub(crate) fn parent(self) -> Option<Parent<'r>> {
        self.previous().or(self.main())
    }

    /// The request that this one is an internal redirect of.
    pub(crate) fn previous(self) -> Option<Parent<'r>> {
        self.redirected_from().map(Parent)
    }

    /// The request that this one is a subrequest of.
    pub(crate) fn main(self) -> Option<Parent<'r>> {
        self.main_request().map(Parent)
    }
}

impl<'r> Parent<'r> {
    /// See [`Request::previous`].
    pub(crate) fn previous(self) -> Option<Parent<'r>> {
        self.0.previous()
    }

    /// What the module `M` lets a request know of the one that it came from.
    pub(crate) fn state<M: Loaded>(self) -> Option<M::Inherited<'r>> {
        self.0.state::<M>().map(M::inherit)
    }

    /// The request, whose memory must not get into it.
    pub(super) fn request(self) -> Request<'r> {
        self.0
    }

    /// See [`Request::filename`].
    pub(crate) fn filename(self) -> Option<&'r CStr> {
        self.0.filename()
    }

    /// See [`Request::uri`].
    pub(crate) fn uri(self) -> &'r CStr {
        self.0.uri()
    }

    /// See [`Request::path_info`].
    pub(crate) fn path_info(self) -> Option<&'r CStr> {
        self.0.path_info()
    }

    /// See [`Request::dir_config`].
    pub(crate) fn dir_config(self) -> DirConfig<'r> {
        self.0.dir_config()
    }
}
