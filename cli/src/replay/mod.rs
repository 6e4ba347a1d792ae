//! `replay`: what would yesterday's traffic have met?
//!
//! | file | what it is for |
//! |---|---|
//! | `formats` | how logs are written |
//! | `read` | logs become requests, in the order of their times |
//! | `clients` | who was read of |
//! | `tally` | what happens to requests, and what is counted |
//! | `report` | what is told of it |
//! | `page` | the same as a page of HTML |
//! | `show` | how values are shown to people |

mod clients;
mod formats;
mod page;
mod read;
mod report;
pub(crate) mod show;
mod tally;

use crate::args::ReplayArgs;
use crate::failure::Failure;

/// Replays logs against limits, and reports what they would have met.
pub(crate) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let mut logs = read::Logs::open(args)?;
    let mut tally = tally::Tally::new(&args.limits);
    while let Some(request) = logs.next()? {
        tally.add(&request);
    }
    if tally.requests == 0 && logs.lines() == logs.skipped.count() {
        return Err(nothing(&logs.skipped));
    }
    let report = report::Report::new(args, logs, tally);
    if let Some(path) = &args.csv {
        report::write_csv(&report, path)?;
    }
    if let Some(path) = &args.html {
        page::write(&report, args.top, path)?;
    }
    if args.json {
        if let Some(skipped) = report::skipped(&report) {
            eprintln!("{skipped}");
        }
        report::print_json(&report, args.top)
    } else {
        report::print_text(&report, args.top)
    }
}

/// That no line could be read, and why.
fn nothing(skipped: &read::Skipped) -> Failure {
    if skipped.count() == 0 {
        return Failure::Could("there is nothing to replay: the log is empty".to_owned());
    }
    let first = skipped.first().join("\n  ");
    Failure::Could(format!("no line could be read; the first of them:\n  {first}"))
}
