//! `top`: a program live in the terminal.
//!
//! | file | job |
//! |---|---|
//! | `view` | what is shown, and what keys change: pure |
//! | `feed` | a thread that asks the endpoint |
//! | `draw` | the screen |
//! | `screen` | the terminal, and how it is left |
//! | `ends` | signals, and a terminal that is gone |

mod draw;
mod ends;
mod feed;
mod screen;
mod view;

use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::endpoint::Asked;
use crate::facts::functions::Sort;
use crate::failure::{Failure, Outcome, Status, said};
use crate::window;
use ends::Ends;
use feed::Feed;
use screen::Screen;
use view::{Step, View};

/// Watch a program live: CPU, memory, alerts, and functions to sort, filter and freeze
#[derive(Args)]
#[command(
    after_help = "Keys: c CPU, s self time, n calls, e errors, 5 p50, 9 p99, b bytes, m live memory, a name; / filter, space \
                        freeze, arrows and page keys scroll, q or Ctrl-C quit."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// A part of module::name, or a pattern with *
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// The time between two looks
    #[arg(long, value_name = "TIME", value_parser = window::duration, default_value = "2s")]
    interval: Duration,
    /// The time that figures are of
    #[arg(long, value_name = "TIME", value_parser = window::duration, default_value = "10s")]
    last: Duration,
}

/// How soon a signal, a lost terminal or an answer is seen.
const LOOK: Duration = Duration::from_millis(100);
/// The shortest interval: each look takes the program a snapshot.
const LEAST_INTERVAL: Duration = Duration::from_millis(200);

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return said(
            "top needs a terminal for its input and output; for scripts: perf-sdk functions --json, perf-sdk status --json",
        );
    }
    let client = arguments.asked.client()?;
    let place = client.place().to_string();
    let ends = Ends::watch().map_err(|error| Failure::new(format!("cannot watch signals: {error}")))?;
    let view = View::new(arguments.sort, &arguments.filter, arguments.last.as_secs().max(1));
    let feed = Feed::start(client, view.request(), arguments.interval.max(LEAST_INTERVAL));
    let mut screen = Screen::enter().map_err(|error| Failure::new(format!("cannot draw on this terminal: {error}")))?;
    let ended = watch(view, &place, &feed, &ends, &mut screen);
    drop(screen);
    match ended {
        Ok(status) => Ok(status),
        // What is written to a terminal that is gone fails.
        Err(_) if ends.is_hung_up() => Ok(ends::HUNG_UP),
        Err(error) => said(format!("cannot draw on this terminal: {error}")),
    }
}

fn watch(mut view: View, place: &str, feed: &Feed, ends: &Ends, screen: &mut Screen) -> io::Result<Status> {
    let events = events();
    loop {
        screen.draw(|frame| draw::draw(frame, &mut view, place))?;
        // Until there is something to draw.
        loop {
            if let Some(status) = ends.asked() {
                return Ok(status);
            }
            let was = view.request();
            let step = match events.recv_timeout(LOOK) {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => view.key(key),
                Ok(_) => Step::Draw,
                Err(RecvTimeoutError::Timeout) => Step::Wait,
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("its keys cannot be read")),
            };
            if view.request() != was {
                feed.ask(view.request());
            }
            match step {
                Step::Quit => return Ok(Status::Well),
                Step::Draw => break,
                Step::Wait => {}
            }
            match feed.latest() {
                Ok(Some(shot)) => {
                    if view.take(shot) {
                        break;
                    }
                }
                Ok(None) => {}
                Err(()) => return Err(io::Error::other("the thread that asks the endpoint has ended")),
            }
        }
    }
}

/// Keys and changes of the size. They are read on a thread of their own: where the terminal is
/// gone, crossterm reads for ever, and only the end of the process ends that.
fn events() -> Receiver<Event> {
    let (send, events) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if send.send(event).is_err() {
                break;
            }
        }
    });
    events
}
