//! `advise`: what somebody should do.

use clap::Args;

use crate::address::USUAL;
use crate::endpoint::Access;
use crate::facts::findings::{self, Advice};
use crate::failure::{Outcome, Status};
use crate::output;
use crate::paint::{Paint, safe};
use crate::source::Source;
use crate::units::{bytes, time};

/// Say what to do about the program: findings with evidence, ranked by what could be won back
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 done, whether or not something was found; 2 no answer; 3 less than two seconds are recorded."
)]
pub(crate) struct Arguments {
    /// An endpoint, or the file of a snapshot [default: 127.0.0.1:9464]
    #[arg(value_name = "ENDPOINT|FILE")]
    of: Option<String>,
    #[command(flatten)]
    access: Access,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let advice = match Source::of(arguments.of.as_deref().unwrap_or(USUAL), &arguments.access)? {
        Source::Endpoint(client) => findings::ask(&client)?,
        Source::File(snapshot) => findings::of(&perf_sdk::finding::of(&snapshot)),
    };
    if arguments.json {
        output::print_json(&advice)?;
    } else {
        output::print(&shown(&advice, Paint::of_stdout()))?;
    }
    Ok(if advice.is_too_short() { Status::Unknown } else { Status::Well })
}

fn shown(advice: &Advice, paint: Paint) -> String {
    let recorded = time(advice.recorded_seconds * 1e9);
    if advice.is_too_short() {
        return format!("{recorded} are recorded; findings need two seconds\n");
    }
    let mut text = String::new();
    for (at, found) in advice.findings.iter().enumerate() {
        let won = [
            (found.gain_cpu_seconds > 0.0).then(|| format!("{} of CPU time", time(found.gain_cpu_seconds * 1e9))),
            (found.gain_wait_seconds > 0.0).then(|| format!("{} of waiting", time(found.gain_wait_seconds * 1e9))),
            (found.gain_bytes > 0.0).then(|| bytes(found.gain_bytes)),
        ];
        let won: Vec<String> = won.into_iter().flatten().collect();
        text += &format!(
            "{}. {}\n   {}\n",
            at + 1,
            paint.bold(&safe(&found.claim)),
            paint.dim(&safe(&format!("{}, confidence {}, {}", found.rule, found.confidence, found.fingerprint)))
        );
        text += &format!("   evidence: {}\n", safe(&found.evidence));
        if !won.is_empty() {
            text += &format!("   could be won back in {recorded}: {}\n", won.join(" and "));
        }
        text += &format!("   next: {}\n   refuted by: {}\n\n", safe(&found.next_step), safe(&found.refuted_by));
    }
    let accepted = if advice.accepted > 0 { format!(", {} more are accepted", advice.accepted) } else { String::new() };
    text + &format!("{} findings in {recorded}{accepted}\n", advice.findings.len())
}
