//! The heaviest stacks.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use crate::client::Client;
use crate::failure::Failure;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Flame {
    pub(crate) weight: String,
    pub(crate) unit: &'static str,
    pub(crate) total: f64,
    pub(crate) all_stacks: usize,
    /// The heaviest first.
    pub(crate) stacks: Vec<Stack>,
    /// The heaviest functions, without what they call.
    pub(crate) innermost: Vec<Innermost>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Stack {
    /// Functions from the outermost to the innermost, with semicolons between.
    pub(crate) stack: String,
    pub(crate) value: f64,
    pub(crate) share_ratio: f64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Innermost {
    pub(crate) function: String,
    pub(crate) value: f64,
    pub(crate) share_ratio: f64,
}

/// The seconds of weights that sample the next time.
const OF_NEXT: [&str; 2] = ["wall_samples", "offcpu_samples"];

pub(crate) fn ask(
    client: &Client,
    weight: &str,
    function: Option<&str>,
    next: Option<Duration>,
    limit: usize,
) -> Result<Flame, Failure> {
    const USUAL: Duration = Duration::from_secs(5);
    let next = next.or(OF_NEXT.contains(&weight).then_some(USUAL));
    let seconds = next.map(|time| time.as_secs_f64().to_string());
    let mut query = vec![("weight", weight)];
    query.extend(function.map(|function| ("function", function)));
    query.extend(seconds.as_deref().map(|seconds| ("seconds", seconds)));
    let answer = client.get_after(next.unwrap_or_default(), "/folded", &query)?;
    Ok(of(weight, &String::from_utf8_lossy(&answer.body), limit))
}

fn of(weight: &str, folded: &str, limit: usize) -> Flame {
    // Names may have spaces: the weight is behind the last one.
    let lines = folded.lines().filter_map(|line| line.rsplit_once(' '));
    let stacks: Vec<(&str, f64)> = lines.filter_map(|(stack, value)| Some((stack, value.parse().ok()?))).collect();
    let (scale, unit) = match weight {
        "calls" | "allocations" | "live_objects" => (1.0, "count"),
        "bytes" | "live" | "retained_old" | "live_growth" => (1.0, "bytes"),
        _ => (1e-9, "seconds"),
    };
    let total: f64 = stacks.iter().map(|(_, value)| value).sum();
    let share = |value: f64| if total > 0.0 { value / total } else { 0.0 };
    let mut innermost: HashMap<&str, f64> = HashMap::new();
    for (stack, value) in &stacks {
        *innermost.entry(stack.rsplit(';').next().unwrap_or(stack)).or_default() += value;
    }
    Flame {
        weight: weight.to_owned(),
        unit,
        total: total * scale,
        all_stacks: stacks.len(),
        innermost: heaviest(innermost.into_iter().collect(), limit)
            .map(|(name, value)| Innermost {
                function: name.to_owned(),
                value: value * scale,
                share_ratio: share(value),
            })
            .collect(),
        stacks: heaviest(stacks, limit)
            .map(|(stack, value)| Stack { stack: stack.to_owned(), value: value * scale, share_ratio: share(value) })
            .collect(),
    }
}

fn heaviest(mut all: Vec<(&str, f64)>, limit: usize) -> impl Iterator<Item = (&str, f64)> {
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    all.into_iter().take(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_stacks_and_functions_come_first() {
        let flame = of("cpu", "a 1000000000\na;b c 5000000000\na;d;b c 4000000000\nbroken\n", 2);
        assert_eq!((flame.total, flame.all_stacks, flame.unit), (10.0, 3, "seconds"));
        assert_eq!(
            (flame.stacks[0].stack.as_str(), flame.stacks[0].share_ratio, flame.stacks.len()),
            ("a;b c", 0.5, 2)
        );
        assert_eq!((flame.innermost[0].function.as_str(), flame.innermost[0].value), ("b c", 9.0));
        assert_eq!(of("calls", "", 5).total, 0.0);
    }
}
