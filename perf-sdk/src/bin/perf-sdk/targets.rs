//! `targets`: what figures ought to be, and whether they are.

use clap::Args;

use crate::endpoint::Asked;
use crate::facts::targets;
use crate::failure::{Outcome, Status};
use crate::grid::Grid;
use crate::output;
use crate::paint::Paint;

/// Say whether the program's targets are met, with an exit status for scripts
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 all are met, or at risk; 1 one is missed; 2 no answer; 3 none is missed, but one cannot \
                  be judged, or there are none."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let targets = targets::ask(&arguments.asked.client()?)?;
    if arguments.json {
        output::print_json(&targets)?;
        return Ok(targets.status());
    }
    if targets.targets.is_empty() {
        eprintln!("the program has no targets, or they are not judged yet: PERF_TARGETS sets them");
        return Ok(Status::Unknown);
    }
    let mut grid = Grid::new(&["target", "status", "value", "allowed", "why"], 5);
    for target in &targets.targets {
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        grid.row([
            known(&target.name),
            known(&target.status.replace('_', " ")),
            known(&target.shown),
            known(&target.target),
            known(&target.reason),
        ]);
    }
    output::print(&grid.shown(Paint::of_stdout()))?;
    Ok(targets.status())
}
