//! Why a command ended without doing what it was asked.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

/// Why a command ended without doing what it was asked, and so its exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It could not: 1.
    Could(String),
    /// It was asked in wrong words: 2.
    Words(String),
    /// It said all that there is to say; the answer is no: 1.
    No,
    /// Whoever read its output has gone: nobody is left to be told.
    Unread,
}

impl Failure {
    /// It could not do that with the file at `path`.
    pub(crate) fn of_file(path: &Path, what: impl Display) -> Self {
        Self::Could(format!("{}: {what}", path.display()))
    }

    /// It could not write its answer.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Could(format!("cannot write the answer: {error}")),
        }
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn tell(self) -> ExitCode {
        match self {
            Self::Could(what) => {
                eprintln!("redis-rl: {what}");
                ExitCode::from(1)
            }
            Self::Words(what) => {
                eprintln!("redis-rl: {what}");
                ExitCode::from(2)
            }
            Self::No => ExitCode::from(1),
            Self::Unread => ExitCode::SUCCESS,
        }
    }
}
