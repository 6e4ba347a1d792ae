//! The formats of NCSA: `host ident user [time] "request" status bytes`, and in the combined one
//! `"referer" "agent"`.

use super::request_line::RequestLine;
use super::row::Row;
use super::words::Words;

/// Reads a line, whatever follows the bytes.
pub(super) fn common(line: &str) -> Result<Row<'_>, String> {
    first_part(line).map(|(row, _)| row)
}

/// Reads a line with referer and agent. Servers leave both out of some lines.
pub(super) fn combined(line: &str) -> Result<Row<'_>, String> {
    let (mut row, mut rest) = first_part(line)?;
    if rest.is_over() {
        return Ok(row);
    }
    row.referer = Some(rest.quoted().ok_or("a referer in quotes must follow the bytes")?);
    row.agent = Some(rest.quoted().ok_or("an agent in quotes must follow the referer")?);
    Ok(row)
}

fn first_part(line: &str) -> Result<(Row<'_>, Words<'_>), String> {
    let (ip, rest) = line.split_once(' ').ok_or("it must begin with an address and a space")?;
    // A user's name may have spaces in it.
    let bracket = rest.find('[').ok_or("a time in brackets must follow the user")?;
    let (who, rest) = rest.split_at_checked(bracket).unwrap_or((rest, ""));
    let (_ident, user) = who.trim_end().split_once(' ').ok_or("a user must follow the address")?;
    let mut words = Words(rest);
    let time = words.bracketed().ok_or("a time in brackets must follow the user")?;
    let request = words.quoted().ok_or("a request in quotes must follow the time")?;
    let status = words.next().ok_or("a status must follow the request")?;
    let bytes = words.next().ok_or("a number of bytes must follow the status")?;
    let number = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    if !number(status) && status != "-" {
        return Err("a status must be a number".to_owned());
    }
    if !number(bytes) && bytes != "-" {
        return Err("the bytes must be a number".to_owned());
    }
    let row = Row {
        time,
        ip: Some(ip),
        user: Some(user),
        request: RequestLine::read(request),
        status: Some(status),
        bytes: Some(bytes),
        ..Row::default()
    };
    Ok((row, words))
}
