//! `top` in a terminal of tmux: what it shows, and that it leaves the terminal as it was.

use std::process::Command;

use perf_sdk_tests::{eventually, has, until};

use super::watched::{COMMAND_LINE, Folder, Watched};

/// A server of tmux with one terminal, ended when this drops.
struct Terminal {
    name: String,
    folder: Folder,
}

impl Terminal {
    /// `None` if there is no tmux.
    fn open(name: &str, width: u32, height: u32) -> Option<Self> {
        if !has("tmux", &["-V"], "apt-get install tmux") {
            return None;
        }
        let terminal = Self { name: format!("perf-sdk-{}-{name}", std::process::id()), folder: Folder::new(name) };
        let [width, height] = [width, height].map(|n| n.to_string());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, "env PS1='$ ' sh"]);
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-L", &self.name]).args(arguments).output().expect("tmux runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn enter(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    fn shows(&self, parts: &[&str]) -> String {
        eventually(|| {
            let screen = self.screen();
            match parts.iter().find(|part| !screen.contains(**part)) {
                None => Ok(screen),
                Some(part) => Err(format!("no {part:?} in\n{screen}")),
            }
        })
    }

    /// The settings of the terminal, as a shell in it sees them.
    fn settings(&self, file: &str) -> String {
        let path = self.folder.path(file);
        self.enter(&format!("stty -a > {path}.new; mv {path}.new {path}"));
        eventually(|| std::fs::read_to_string(&path).map_err(|error| error.to_string()))
    }

    fn flag(&self, name: &str) -> String {
        self.tmux(&["display-message", "-p", &format!("#{{{name}}}")]).trim().to_owned()
    }

    /// It runs `top`, which is ended by `end`; then the terminal is as it was.
    fn is_left_as_it_was(&self, place: &str, number: usize, status: &str, end: impl FnOnce(&Self, u32)) {
        let before = self.settings(&format!("before-{number}"));
        let pid = self.folder.path(&format!("pid-{number}"));
        self.enter(&format!("sh -c 'echo $$ > {pid}; exec {COMMAND_LINE} top {place}'; echo status-{number} $?."));
        self.shows(&["cores", "search", "q quit"]);
        assert_eq!((self.flag("alternate_on").as_str(), self.flag("cursor_flag").as_str()), ("1", "0"));
        let pid = std::fs::read_to_string(pid).expect("a file").trim().parse().expect("a number");
        end(self, pid);
        self.shows(&[&format!("status-{number} {status}.")]);
        assert_eq!((self.flag("alternate_on").as_str(), self.flag("cursor_flag").as_str()), ("0", "1"));
        assert_eq!(self.settings(&format!("after-{number}")), before);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.name, "kill-server"]).output();
    }
}

fn program() -> Watched {
    let mut program = Watched::start(&[]);
    program.obey("goes-on");
    program
}

fn kill(signal: &str, pid: u32) {
    assert!(Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status().expect("kill").success());
}

#[test]
fn top_shows_a_program_at_two_sizes_and_obeys_keys() {
    let program = program();
    for (width, height) in [(80, 24), (200, 60)] {
        let Some(terminal) = Terminal::open(&format!("size-{width}"), width, height) else { return };
        terminal.enter(&format!("exec {COMMAND_LINE} top {} --interval 300ms", program.place));
        let screen =
            terminal.shows(&["watched", "CPU ", "memory ", "no alerts", "cores", "calls/s", "p99", "search", "answer"]);
        assert_eq!(screen.contains("B/call"), width == 200, "{screen}");
        assert!(screen.lines().all(|line| line.chars().count() <= width as usize), "{screen}");
        let last = screen.trim_end().lines().last().expect("a line").to_owned();
        assert!(screen.trim_end().lines().count() == height as usize && last.contains("q quit"), "{screen}");
        terminal.tmux(&["send-keys", "/"]);
        terminal.tmux(&["send-keys", "-l", "answ"]);
        terminal.shows(&["filter: answ"]);
        terminal.tmux(&["send-keys", "Enter"]);
        eventually(|| {
            let screen = terminal.screen();
            let is_so = screen.contains("1-1 of 1 \"answ\"") && !screen.contains("search");
            if is_so { Ok(()) } else { Err(screen) }
        });
        terminal.tmux(&["send-keys", "Space"]);
        let frozen = terminal.shows(&["frozen"]);
        until("two looks at what is frozen", || {
            std::thread::sleep(std::time::Duration::from_millis(700));
            terminal.screen() == frozen
        });
        terminal.tmux(&["send-keys", "a"]);
        eventually(|| if terminal.screen().contains("frozen") { Err(terminal.screen()) } else { Ok(()) });
        terminal.tmux(&["resize-window", "-x", "60", "-y", "10"]);
        terminal.shows(&["answer"]);
    }
}

#[test]
fn the_terminal_is_as_it_was_whatever_ends_top() {
    let program = program();
    let Some(terminal) = Terminal::open("ends", 80, 24) else { return };
    let place = program.place.as_str();
    terminal.is_left_as_it_was(place, 1, "0", |terminal, _| drop(terminal.tmux(&["send-keys", "q"])));
    terminal.is_left_as_it_was(place, 2, "0", |terminal, _| drop(terminal.tmux(&["send-keys", "C-c"])));
    for (number, signal, status) in [(3, "TERM", "143"), (4, "INT", "130"), (5, "HUP", "129")] {
        terminal.is_left_as_it_was(place, number, status, |_, pid| kill(signal, pid));
    }
    terminal.is_left_as_it_was(place, 6, "101", |terminal, _| drop(terminal.tmux(&["send-keys", "F12"])));
    terminal.enter("clear");
    // Its message is on the screen that stays.
    terminal.is_left_as_it_was(place, 7, "101", |terminal, _| {
        terminal.tmux(&["send-keys", "F12"]);
    });
    terminal.enter(&format!("clear; {COMMAND_LINE} top {place} < /dev/null; echo status-8 $?."));
    terminal.shows(&["top needs a terminal", "status-8 2."]);
}

#[test]
#[cfg(target_os = "linux")]
fn top_ends_where_its_terminal_does() {
    let program = program();
    for (name, before) in [("hangs-up", ""), ("ignores", "trap '' HUP; ")] {
        let Some(terminal) = Terminal::open(name, 80, 24) else { return };
        // A second one, or the server ends.
        terminal.tmux(&["new-window", "-d", "sh"]);
        let pid = terminal.folder.path("pid");
        terminal.enter(&format!("{before}echo $$ > {pid}; exec {COMMAND_LINE} top {}", program.place));
        terminal.shows(&["cores", "search"]);
        let pid: u32 = std::fs::read_to_string(pid).expect("a file").trim().parse().expect("a number");
        terminal.tmux(&["kill-pane"]);
        until("top to end", || {
            // Gone, or a process that nobody has waited for yet.
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
        });
    }
}
