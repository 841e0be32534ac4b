//! Colours on terminals, and texts that cannot control one.

use std::io::{IsTerminal as _, stdout};

/// Colours, if stdout is a terminal that has some; and its width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    is_on: bool,
    /// `None`: stdout is no terminal, and lines have any length.
    width: Option<usize>,
}

impl Paint {
    /// `NO_COLOR` switches colours off (no-color.org).
    pub(crate) fn of_stdout() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let is_terminal = stdout().is_terminal();
        let width = rustix::termios::tcgetwinsize(stdout()).ok().filter(|_| is_terminal);
        let width = width.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        Self { is_on: is_terminal && !is_set("NO_COLOR") && !is_dumb, width }
    }

    pub(crate) fn width(self) -> Option<usize> {
        self.width
    }

    /// None, for tests of texts.
    #[cfg(test)]
    pub(crate) fn off() -> Self {
        Self { is_on: false, width: None }
    }

    /// A terminal without colours.
    #[cfg(test)]
    pub(crate) fn of_width(width: usize) -> Self {
        Self { is_on: false, width: Some(width) }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.is_on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }
}

/// Names come from the program that is asked: they must not move the cursor or set a title. Line
/// ends and tabs become spaces.
pub(crate) fn safe(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_is_left_out() {
        assert_eq!(safe("a\x1b[2Jb\u{9b}31mc\nd\te\u{7f}\r"), "a[2Jb31mc d e");
        let (off, on) = (Paint::off(), Paint { is_on: true, width: None });
        assert_eq!((off.red("a"), on.red("a")), ("a".to_owned(), "\x1b[31ma\x1b[0m".to_owned()));
    }
}
