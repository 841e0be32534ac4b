//! Steps in lanes: within each, one step holds another one or does not overlap it.

use crate::snapshot::SlowStep;

/// The lane of each step, the first one being that of the call itself. A step is in the lane of its
/// caller if it fits there; those that run at the same time get lanes of their own.
pub(super) fn lanes(steps: &[SlowStep]) -> Vec<usize> {
    // Of each lane the ends of those that are open, outermost first.
    let mut open: Vec<Vec<u64>> = vec![Vec::new()];
    let mut lanes: Vec<usize> = Vec::with_capacity(steps.len());
    for step in steps {
        let end = step.after_ns + step.duration_ns;
        let above = step.parent.and_then(|parent| lanes.get(parent as usize)).copied().unwrap_or(0);
        for ends in &mut open {
            while ends.last().is_some_and(|last| *last <= step.after_ns) {
                ends.pop();
            }
        }
        let fits = |lane: &usize| open[*lane].last().is_none_or(|last| *last >= end);
        let lane = Some(above).filter(fits).or_else(|| (1..open.len()).find(fits)).unwrap_or(open.len());
        if lane == open.len() {
            open.push(Vec::new());
        }
        open[lane].push(end);
        lanes.push(lane);
    }
    lanes
}
