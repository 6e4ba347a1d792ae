//! Everybody who is refused, as CSV.

use std::path::Path;

use super::report::Report;
use crate::failure::Failure;

const HEADER: [&str; 7] = ["limit", "key", "requests", "refused", "agent", "path_1", "path_2"];

/// Writes one row for each candidate and each client that it refuses.
pub(crate) fn write(report: &Report, path: &Path) -> Result<(), Failure> {
    let write = || -> Result<(), csv::Error> {
        let mut out = csv::Writer::from_path(path)?;
        out.write_record(HEADER)?;
        for tried in &report.tried {
            for client in &tried.refused_clients {
                let path = |place| client.look.paths.get(place).map_or("", String::as_str);
                out.write_record([
                    tried.candidate.text(),
                    &harmless(&client.key),
                    &client.requests.to_string(),
                    &client.refused.to_string(),
                    &harmless(&client.look.agent),
                    &harmless(path(0)),
                    &harmless(path(1)),
                ])?;
            }
        }
        out.flush()?;
        Ok(())
    };
    write().map_err(|error| Failure::of_file(path, error))
}

/// Text from a log that a spreadsheet does not take for a formula.
fn harmless(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}
