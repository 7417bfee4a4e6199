//! The plain dialect in the terminal: lines out, lines in, over one connection.

use charla_client::connection::Event;
use charla_client::{Closing, Connection, Dialect};
use charla_wire::Cause;
use tokio::time::{Instant, sleep_until};

use super::entry::{Entry, not_connected};
use super::line::Line;
use super::{FAREWELL, ended, show, typed};
use crate::args::Connect;
use crate::exit::{Exit, Failure, Outcome};
use crate::screen::{Screen, plain};
use crate::words;

/// Connects, and stays until either side has enough.
pub(super) async fn run(entry: &Entry, wanted: &Connect, screen: &mut Screen) -> Outcome {
    let address = &entry.address;
    let mut connection = match Connection::connect_over(&entry.dialer, address, Dialect::Plain).await {
        Ok(connection) => connection,
        Err(error) => return Ok(not_connected(&error, address, screen)),
    };
    screen.note(words::connected_plain(screen.lang));
    let mut lines = typed();
    // Lines that have not come back yet.
    let mut echoes = 0_usize;
    let mut leave_at: Option<Instant> = None;
    while leave_at.is_none_or(|at| echoes > 0 && at > Instant::now()) {
        tokio::select! {
            event = connection.next() => {
                echoes = echoes.saturating_sub(1);
                match event {
                    Event::Closed(closing) => return closed(&closing, entry, screen),
                    Event::Frame(frame) if wanted.json => screen.line(frame)?,
                    Event::Frame(frame) => show::plain_frame(&frame, screen)?,
                    Event::Text(text) => screen.line(plain(&text))?,
                }
            }
            line = lines.recv(), if leave_at.is_none() => {
                let line = line.map_or(Line::Quit, |line| Line::parse(&line));
                if let Line::Say(text) = &line {
                    echoes += 1;
                    if let Err(closing) = connection.send_text(text).await {
                        return closed(&closing, entry, screen);
                    }
                }
                told(&line, &mut leave_at, screen);
            }
            () = sleep_until(leave_at.unwrap_or_else(Instant::now)), if leave_at.is_some() => break,
        }
    }
    connection.close().await;
    Ok(Exit::Done)
}

fn told(line: &Line, leave_at: &mut Option<Instant>, screen: &Screen) {
    match line {
        Line::Nothing | Line::Say(_) => {}
        Line::Quit => *leave_at = Some(Instant::now() + FAREWELL),
        Line::Help
        | Line::History(_)
        | Line::Join(_)
        | Line::Who
        | Line::Typing
        | Line::Read
        | Line::Edit(..)
        | Line::Delete(_)
        | Line::Wants(_)
        | Line::Unknown(_) => screen.note(words::says_only(screen.lang)),
    }
}

fn closed(closing: &Closing, entry: &Entry, screen: &Screen) -> Result<Exit, Failure> {
    if closing.code == Some(1000) {
        screen.note(words::closed_normally(screen.lang));
        return Ok(Exit::Done);
    }
    let (cause, detail) = match closing.cause() {
        Some((cause, detail)) => (Some(cause), detail),
        None => (None, closing.reason.as_str()),
    };
    let id = cause.map_or("", Cause::id);
    Ok(ended(closing.code, id, detail, &entry.address, screen))
}
