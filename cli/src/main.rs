//! `redis-rl`, the operator's tool: what a limit would have done to yesterday's traffic, and what
//! the limits of a running server do now.
#![forbid(unsafe_code)]

mod args;
mod failure;
mod generate;
mod live;
mod replay;
mod style;
mod words;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Word};
use failure::Failure;

fn main() -> ExitCode {
    match run(Args::parse().word) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn run(word: Word) -> Result<(), Failure> {
    match word {
        Word::Replay(args) => replay::run(&args),
        Word::Watch(args) => live::watch(&args),
        Word::Export(args) => live::export(&args),
        Word::Policies(args) => live::policies(&args),
        Word::Generate(args) => generate::run(&args),
    }
}
