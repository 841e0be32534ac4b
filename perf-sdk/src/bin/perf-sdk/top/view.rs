//! What is shown, and what keys change.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::feed::{Shot, Wanted};
use crate::facts::functions::Sort;

/// What comes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Draw,
    Quit,
}

pub(super) struct View {
    pub(super) sort: Sort,
    pub(super) filter: String,
    /// The filter while it is typed.
    pub(super) typed: Option<String>,
    pub(super) is_frozen: bool,
    /// The first row that is shown.
    pub(super) first: usize,
    /// Rows that have room, as the last drawing found.
    pub(super) page: usize,
    pub(super) seconds: u64,
    /// The latest answer, which stays if the next one is an error.
    pub(super) shot: Option<Shot>,
    pub(super) problem: Option<String>,
}

/// Keys that sort.
pub(super) const SORTS: [(char, Sort, &str); 9] = [
    ('c', Sort::SelfCpu, "CPU"),
    ('s', Sort::Own, "self"),
    ('n', Sort::Calls, "calls"),
    ('e', Sort::Errors, "errors"),
    ('5', Sort::P50, "p50"),
    ('9', Sort::P99, "p99"),
    ('b', Sort::SelfBytes, "bytes"),
    ('m', Sort::Live, "memory"),
    ('a', Sort::Name, "name"),
];

/// The longest filter.
const MOST: usize = 200;

impl View {
    pub(super) fn new(sort: Sort, filter: &str, seconds: u64) -> Self {
        Self {
            sort,
            filter: filter.to_owned(),
            typed: None,
            is_frozen: false,
            first: 0,
            page: 1,
            seconds,
            shot: None,
            problem: None,
        }
    }

    pub(super) fn request(&self) -> Wanted {
        Wanted { sort: self.sort, filter: self.filter.clone(), seconds: self.seconds }
    }

    /// Whether there is something new to draw: what is frozen stays.
    pub(super) fn take(&mut self, shot: Result<Shot, String>) -> bool {
        match shot {
            Ok(_) if self.is_frozen && self.shot.is_some() => return false,
            Ok(shot) => (self.shot, self.problem) = (Some(shot), None),
            Err(problem) => self.problem = Some(problem),
        }
        true
    }

    fn rows(&self) -> usize {
        self.shot.as_ref().map_or(0, |shot| shot.functions.rows.len())
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Step {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && matches!(key.code, KeyCode::Char('c' | 'd' | 'q')) {
            return Step::Quit;
        }
        // The terminal must be left at any panic, which no other key makes.
        #[cfg(debug_assertions)]
        assert!(key.code != KeyCode::F(12), "F12 panics in a build for tests");
        if self.typed.is_some() {
            return self.typing(key.code, is_control);
        }
        let last = self.rows().saturating_sub(self.page);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Step::Quit,
            KeyCode::Char(' ') => self.is_frozen = !self.is_frozen,
            KeyCode::Char('/') => self.typed = Some(self.filter.clone()),
            KeyCode::Up | KeyCode::Char('k') => self.first = self.first.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.first = (self.first + 1).min(last),
            KeyCode::PageUp => self.first = self.first.saturating_sub(self.page),
            KeyCode::PageDown => self.first = (self.first + self.page).min(last),
            KeyCode::Home => self.first = 0,
            KeyCode::End => self.first = last,
            KeyCode::Char(letter) => match SORTS.iter().find(|(key, ..)| *key == letter) {
                Some((_, sort, _)) => (self.sort, self.first, self.is_frozen) = (*sort, 0, false),
                None => return Step::Wait,
            },
            _ => return Step::Wait,
        }
        Step::Draw
    }

    fn typing(&mut self, code: KeyCode, is_control: bool) -> Step {
        let Some(typed) = &mut self.typed else { return Step::Wait };
        match code {
            KeyCode::Enter => {
                (self.filter, self.first, self.is_frozen) = (std::mem::take(typed), 0, false);
                self.typed = None;
            }
            KeyCode::Esc => self.typed = None,
            KeyCode::Char('u') if is_control => typed.clear(),
            KeyCode::Backspace => _ = typed.pop(),
            KeyCode::Char(letter) if !is_control && typed.len() < MOST => typed.push(letter),
            _ => return Step::Wait,
        }
        Step::Draw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::functions::Function;

    fn view(rows: usize) -> View {
        let mut view = View::new(Sort::SelfCpu, "", 10);
        let mut shot = Shot::default();
        shot.functions.rows = vec![Function::default(); rows];
        assert!(view.take(Ok(shot)));
        view.page = 10;
        view
    }

    fn press(view: &mut View, codes: &[KeyCode]) -> Vec<Step> {
        codes.iter().map(|code| view.key(KeyEvent::new(*code, KeyModifiers::NONE))).collect()
    }

    #[test]
    fn keys_sort_and_scroll_within_the_rows() {
        let mut view = view(25);
        press(&mut view, &[KeyCode::PageDown, KeyCode::PageDown, KeyCode::Down]);
        assert_eq!(view.first, 15);
        press(&mut view, &[KeyCode::Up, KeyCode::Home, KeyCode::Up, KeyCode::End]);
        assert_eq!(view.first, 15);
        press(&mut view, &[KeyCode::Char('9')]);
        assert_eq!((view.sort, view.first), (Sort::P99, 0));
        assert_eq!(press(&mut view, &[KeyCode::Char('x'), KeyCode::Char('q')]), [Step::Wait, Step::Quit]);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(view.key(interrupt), Step::Quit);
    }

    #[test]
    fn a_filter_is_asked_for_when_it_is_entered() {
        let mut view = view(5);
        press(&mut view, &[KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Char('x'), KeyCode::Backspace]);
        assert_eq!((view.typed.as_deref(), view.request().filter.as_str()), (Some("q"), ""));
        press(&mut view, &[KeyCode::Enter]);
        assert_eq!((view.typed.as_deref(), view.request().filter.as_str()), (None, "q"));
        press(&mut view, &[KeyCode::Char('/'), KeyCode::Char('z'), KeyCode::Esc]);
        assert_eq!(view.request().filter, "q");
    }

    #[test]
    fn what_is_frozen_stays_and_an_error_is_said_beside_the_last_answer() {
        let mut view = view(5);
        press(&mut view, &[KeyCode::Char(' ')]);
        assert!(!view.take(Ok(Shot::default())) && view.rows() == 5);
        assert!(view.take(Err("gone".to_owned())) && view.rows() == 5);
        assert_eq!(view.problem.as_deref(), Some("gone"));
        press(&mut view, &[KeyCode::Char(' ')]);
        assert!(view.take(Ok(Shot::default())) && view.rows() == 0 && view.problem.is_none());
    }
}
