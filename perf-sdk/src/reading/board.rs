//! The latest readings of all producers.

use super::sheet::{Absence, Reading, Sheet};
use crate::base::fork::Lock;
use crate::base::process_identity::Process;

#[derive(Debug)]
struct Board {
    /// The process whose readings they are: a forked child begins without any.
    process: Option<Process>,
    sheets: Vec<(&'static str, Sheet)>,
}

impl Default for Board {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Board {
    const EMPTY: Self = Self { process: None, sheets: Vec::new() };

    /// Removes what another process published.
    fn of_this_process(&mut self) -> &mut Vec<(&'static str, Sheet)> {
        let process = Some(Process::current());
        if self.process != process {
            *self = Self { process, ..Self::EMPTY };
        }
        &mut self.sheets
    }
}

static BOARD: Lock<Board> = Lock::new(Board::EMPTY);

/// Shows the sheet of a producer in the place of its former one, which is given back so that its
/// memory is used again.
pub(crate) fn publish(producer: &'static str, sheet: Sheet) -> Sheet {
    let mut board = BOARD.lock();
    let sheets = board.of_this_process();
    match sheets.iter_mut().find(|(name, _)| *name == producer) {
        Some((_, shown)) => {
            let mut former = std::mem::replace(shown, sheet);
            former.clear();
            former
        }
        None => {
            sheets.push((producer, sheet));
            Sheet::default()
        }
    }
}

/// The producer does not run any more.
pub(crate) fn withdraw(producer: &'static str) {
    BOARD.lock().of_this_process().retain(|(name, _)| *name != producer);
}

/// The latest readings of all producers.
pub(crate) fn latest() -> (Vec<Reading>, Vec<Absence>) {
    let mut board = BOARD.lock();
    let sheets = board.of_this_process();
    let readings = sheets.iter().flat_map(|(_, sheet)| sheet.readings().iter().cloned()).collect();
    (readings, sheets.iter().flat_map(|(_, sheet)| sheet.absences().iter().copied()).collect())
}

#[cfg(all(test, unix, not(miri)))]
mod tests {
    use super::*;
    use crate::reading::{Description, Unit};

    static HERE: Description = Description::gauge("test_here", Unit::Count, "It is there.");

    #[test]
    fn a_forked_child_has_no_readings_of_its_parent() {
        let mut sheet = Sheet::default();
        sheet.push(&HERE, 1.0);
        publish("test fork", sheet);
        let is_here = || latest().0.iter().any(|reading| reading.description.name == HERE.name);
        assert!(is_here());
        assert!(crate::base::fork::in_child(|| !is_here()));
        withdraw("test fork");
    }
}
