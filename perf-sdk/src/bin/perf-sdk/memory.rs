//! `memory`: who holds memory.

use clap::Args;

use crate::endpoint::Asked;
use crate::facts::memory::{self, Leak};
use crate::failure::{Outcome, Status};
use crate::grid::Grid;
use crate::output;
use crate::paint::{Paint, safe};
use crate::units::{bytes, count};

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
    if let Some(files) = memory.file_bytes {
        text += &format!("  the program's files and shared memory: {}\n", bytes(files));
    }
    let allocator = memory.allocated_bytes.zip(memory.allocator_resident_bytes);
    if let Some((allocated, resident)) = allocator {
        let kept = bytes((resident - allocated).max(0.0));
        text += &format!("  allocated: {}; kept by the allocator for later: {kept}\n", bytes(allocated));
    }
    text += &format!("  the profiler's own: {}\n", bytes(memory.profiler_bytes as f64));
    if let Some(other) = memory.other_bytes {
        text += &format!("  stacks of threads, and the rest: {}\n", bytes(other));
    }
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
        text += &safe(&shown(leak));
        text.push('\n');
    }
    output::print(&text)?;
    Ok(status)
}

/// All that the JSON says of it, as a sentence.
fn shown(leak: &Leak) -> String {
    let module = if leak.module.is_empty() { String::new() } else { format!(" ({})", leak.module) };
    let of = if leak.function.is_empty() { String::new() } else { format!(" of {}{module}", leak.function) };
    let size = match (leak.bytes, leak.objects) {
        (0, 0) => String::new(),
        (0, objects) => format!(", {} now", count(objects as f64)),
        (held, objects) => format!(", {} in {} objects now", bytes(held as f64), count(objects as f64)),
    };
    let grows =
        if leak.bytes_per_hour > 0.0 { format!(", {}/h more", bytes(leak.bytes_per_hour)) } else { String::new() };
    format!("leak, {}: {}{of}{size}{grows}: {}", leak.verdict, leak.what.replace('_', " "), leak.evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_said_as_the_json_says_it() {
        let leak = Leak {
            verdict: "suspect",
            what: "memory",
            function: "remember".into(),
            module: "shop::faults".into(),
            bytes: 3 << 20,
            objects: 192,
            bytes_per_hour: f64::from(1 << 30),
            evidence: "it grows".into(),
        };
        let expected =
            "leak, suspect: memory of remember (shop::faults), 3.00 MiB in 192 objects now, 1.00 GiB/h more: it grows";
        assert_eq!(shown(&leak), expected);
        let threads = Leak {
            verdict: "confirmed",
            what: "file_descriptors",
            objects: 70,
            evidence: "so".into(),
            ..Leak::default()
        };
        assert_eq!(shown(&threads), "leak, confirmed: file descriptors, 70 now: so");
    }
}
