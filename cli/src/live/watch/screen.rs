//! The screen, and what the keys do.

use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::draw::{Prompt, draw};
use super::poll::{News, Poll};
use super::view::View;
use crate::failure::Failure;

/// Shows what `poll` tells until a key or a signal ends it.
pub(super) async fn show(poll: Poll, title: &str) -> Result<(), Failure> {
    let cannot = |error| Failure::Could(format!("cannot use the terminal: {error}"));
    let mut terminal = ratatui::try_init().map_err(cannot)?;
    let shown = run(&mut terminal, poll, title).await;
    let restored = ratatui::try_restore();
    shown.and(restored).map_err(cannot)
}

async fn run(terminal: &mut DefaultTerminal, mut poll: Poll, title: &str) -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut events = events();
    let (mut view, mut prompt) = (View::default(), Prompt::Keys);
    loop {
        terminal.draw(|frame| draw(frame, &view, title, &prompt))?;
        tokio::select! {
            Some(news) = poll.news.recv() => match news {
                News::Sample(sample) => view.take(sample),
                News::Reset(Ok(())) => prompt = Prompt::Told("RL.TOP was reset.".into()),
                News::Reset(Err(why)) => {
                    prompt = Prompt::Told(format!("RL.TOP was not reset everywhere: {why}"));
                }
            },
            Some(event) = events.recv() => match event {
                Event::Key(key)
                    if key.kind != KeyEventKind::Release
                        && pressed(key, &mut view, &mut prompt, &poll) == Then::End =>
                {
                    return Ok(());
                }
                _ => {}
            },
            _ = terminated.recv() => return Ok(()),
            _ = hung_up.recv() => return Ok(()),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

fn pressed(key: KeyEvent, view: &mut View, prompt: &mut Prompt, poll: &Poll) -> Then {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match (key.code, &*prompt) {
        (KeyCode::Char('c'), _) if is_control => return Then::End,
        (KeyCode::Char('y' | 'Y'), Prompt::Reset) => {
            poll.reset();
            *prompt = Prompt::Told("Resetting RL.TOP...".into());
        }
        // Whatever else is pressed means no.
        (_, Prompt::Reset) => *prompt = Prompt::Keys,
        (KeyCode::Char('q'), _) => return Then::End,
        (KeyCode::Char('r'), _) => *prompt = Prompt::Reset,
        (KeyCode::Char('s'), _) => {
            view.next_order();
            *prompt = Prompt::Keys;
        }
        _ => *prompt = Prompt::Keys,
    }
    Then::GoOn
}

/// What happens at the terminal. The thread that waits for it ends with the process.
fn events() -> UnboundedReceiver<Event> {
    let (sender, events) = unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    events
}

/// How the title says how often servers are asked.
pub(super) fn title(name: &str, interval: Duration) -> String {
    format!(" redis-rl watch  {name}  every {interval:?}")
}
