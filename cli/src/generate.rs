//! The man pages and the completions, from the definition of the arguments.

use std::fs;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::{Args, GenerateArgs};
use crate::failure::Failure;

/// Writes the man pages, and the completions for each shell, into a folder.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    let folder = &args.folder;
    let write = || {
        fs::create_dir_all(folder)?;
        clap_mangen::generate_to(Args::command(), folder)?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            clap_complete::generate_to(shell, &mut Args::command(), "redis-rl", folder)?;
        }
        Ok(())
    };
    write().map_err(|error: std::io::Error| Failure::of_file(folder, error))
}
