//! The command of all alerts.

use crate::alert::AlertCommand;
use crate::settings::value::Value;

/// A program and its arguments, separated by spaces.
impl Value for AlertCommand {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split_whitespace();
        let program = AlertCommand::new(parts.next()?);
        let command = parts.fold(program, AlertCommand::arg);
        command.fault().is_none().then_some(command)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_program_and_its_arguments() {
        let command = AlertCommand::parse(" /bin/page  --now 'a").unwrap();
        assert_eq!(command, AlertCommand::new("/bin/page").arg("--now").arg("'a"));
        assert_eq!(command.show(), "/bin/page --now 'a");
        for wrong in ["", " ", "a\0"] {
            assert!(AlertCommand::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
