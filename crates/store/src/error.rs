//! What a store refuses, and what the user can do about it.

use std::error::Error;
use std::io;

/// An operation that a store refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} '{place}'{}", kind.advice())]
pub struct StoreError {
    kind: StoreErrorKind,
    action: &'static str,
    place: String,
    source: Box<dyn Error + Send + Sync>,
}

/// Kinds of refusals that callers or users treat differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreErrorKind {
    /// Nothing is there.
    NotFound,
    /// Something is there already.
    AlreadyExists,
    /// This user may not.
    PermissionDenied,
    /// No room left on the device, or a quota is used up.
    Full,
    /// The file ends before what was to be read.
    Truncated,
    /// The store cannot be reached, is starting, or does not take changes at present. Worth a retry.
    Unavailable,
    /// The address, or the configuration behind it, cannot be used.
    Address,
    /// Anything else.
    Other,
}

impl StoreErrorKind {
    /// The end of a sentence.
    fn advice(self) -> &'static str {
        match self {
            Self::NotFound => ": it does not exist",
            Self::AlreadyExists => ": it exists already and is never overwritten",
            Self::PermissionDenied => {
                ": this user may not do that there; choose another folder or change its permissions"
            }
            Self::Full => {
                ": the disk is full or a quota is used up; free some space or choose another folder"
            }
            Self::Truncated => ": it ends before that; was it changed meanwhile?",
            Self::Unavailable => ": the file system cannot do that now; try again later",
            Self::Address | Self::Other => "",
        }
    }

    /// Of an error of the operating system.
    fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::AlreadyExists => Self::AlreadyExists,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::PermissionDenied
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            io::ErrorKind::Interrupted => Self::Unavailable,
            _ => Self::Other,
        }
    }
}

impl StoreError {
    /// `action` is what was tried, in the infinitive: `create`, `read`, `list the folder`. `place` is the path as
    /// [`crate::Store::display`] gives it; a store on the network adds whom it asked.
    pub fn new(
        kind: StoreErrorKind,
        action: &'static str,
        place: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { kind, action, place: place.into(), source: source.into() }
    }

    /// An error of the operating system. One that [`StoreError::into_io`] made becomes what it was.
    pub fn from_io(action: &'static str, place: impl Into<String>, error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(error) => Self::new(StoreErrorKind::of_io(&error), action, place, error),
        }
    }

    /// For a trait that wants an [`io::Error`].
    pub fn into_io(self) -> io::Error {
        let kind = match self.kind {
            StoreErrorKind::NotFound => io::ErrorKind::NotFound,
            StoreErrorKind::AlreadyExists => io::ErrorKind::AlreadyExists,
            StoreErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
            StoreErrorKind::Full => io::ErrorKind::StorageFull,
            StoreErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
            // Not Interrupted: the standard library would call again at once, without end.
            StoreErrorKind::Unavailable | StoreErrorKind::Address | StoreErrorKind::Other => {
                io::ErrorKind::Other
            }
        };
        io::Error::new(kind, self)
    }

    /// What kind of refusal it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Where.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_retryable(&self) -> bool {
        self.kind == StoreErrorKind::Unavailable
    }
}

/// An error and what is behind it, in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
