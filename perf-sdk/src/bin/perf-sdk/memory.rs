//! `memory`: who holds memory.

use clap::Args;

use crate::endpoint::Asked;
use crate::facts::memory;
use crate::failure::{Outcome, Status};
use crate::grid::Grid;
use crate::output;
use crate::paint::{Paint, safe};
use crate::units::bytes;

/// Say who holds the memory, and what may be a leak
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// Rows at most, up to 500
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let memory = memory::ask(&arguments.asked.client()?, arguments.limit.into())?;
    let status = if memory.why_unknown.is_some() { Status::Unknown } else { Status::Well };
    if arguments.json {
        output::print_json(&memory)?;
        return Ok(status);
    }
    let mut text = String::new();
    if let Some(resident) = memory.resident_bytes {
        let limit = memory.limit_bytes.map(|limit| format!(" of {}", bytes(limit))).unwrap_or_default();
        text += &format!("resident: {}{limit}\n", bytes(resident));
    }
    let allocator = memory.allocated_bytes.zip(memory.allocator_resident_bytes);
    if let Some((allocated, resident)) = allocator {
        let kept = bytes((resident - allocated).max(0.0));
        text += &format!("  allocated: {}; kept by the allocator for later: {kept}\n", bytes(allocated));
    }
    text += &format!("  the profiler's own: {}\n", bytes(memory.profiler_bytes as f64));
    match &memory.why_unknown {
        Some(why) => text += &format!("who holds it is not known: {}\n", safe(why)),
        None if memory.owners.is_empty() => text += "no profiled function holds memory that was sampled\n",
        None => {
            let mut grid = Grid::new(&["allocated by", "module", "at", "live"], 3);
            for owner in &memory.owners {
                let place = (!owner.file.is_empty()).then(|| format!("{}:{}", owner.file, owner.line));
                grid.row([Some(owner.function.clone()), owner.module.clone(), place, Some(bytes(owner.live_bytes))]);
            }
            text += &grid.shown(Paint::of_stdout());
        }
    }
    for leak in &memory.leaks {
        let function = if leak.function.is_empty() { String::new() } else { format!(" of {}", leak.function) };
        text += &safe(&format!("leak, {}: {}{function}: {}", leak.verdict, leak.what.replace('_', " "), leak.evidence));
        text.push('\n');
    }
    output::print(&text)?;
    Ok(status)
}
