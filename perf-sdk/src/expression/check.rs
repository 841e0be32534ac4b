//! A tree to its meaning: which names there are, what their arguments are, and which units fit.

use super::condition::{Bound, Comparison, Condition, Event, Limit, Rule};
use super::error::ExpressionError;
use super::function::{FUNCTIONS, Formula, MetricFunction, Parameters};
use super::metric::{Argument, Metric};
use super::parser;
use super::source::Source;
use super::suggestion::nearest;
use super::syntax::{Clause, Node, Operator, Side, Term, Tree};
use super::unit::{Dimension, Quantity};

/// What only alerts have.
const EVENTS: &[&str] = &["burn", "anomaly", "errors", "leak", "target", "every"];

/// Verdicts of which an alert can be, the worst last.
pub(crate) const LEAK_VERDICTS: &[&str] = &["retention", "suspect", "confirmed"];

/// Statuses of targets of which an alert can be.
const STATUSES: &[&str] = &["at_risk", "missed"];

const ONE_COMPARISON: &str = "one comparison, which is all that a target has; write a target for each";

/// The one comparison of a target.
pub(crate) fn parse_comparison(source: &Source<'_>) -> Result<Comparison, ExpressionError> {
    target(source, parser::one(source)?)
}

/// The targets of a list, separated by semicolons or ends of lines, each with its position.
pub(crate) fn parse_list(source: &Source<'_>) -> Result<Vec<(usize, Comparison)>, ExpressionError> {
    let trees = parser::list(source)?;
    trees.into_iter().map(|tree| Ok((tree.clause.start(), target(source, tree)?))).collect()
}

/// The rule of an alert.
pub(crate) fn parse_rule(source: &Source<'_>) -> Result<Rule, ExpressionError> {
    rule(source, parser::one(source)?)
}

/// The rules of a list, separated by semicolons or ends of lines, each with its position.
pub(crate) fn parse_rules(source: &Source<'_>) -> Result<Vec<(usize, Rule)>, ExpressionError> {
    let trees = parser::list(source)?;
    trees.into_iter().map(|tree| Ok((tree.clause.start(), rule(source, tree)?))).collect()
}

fn rule(source: &Source<'_>, tree: Tree) -> Result<Rule, ExpressionError> {
    let time = |node: Option<Node>| node.map(|node| time(source, &node)).transpose();
    Ok(Rule { condition: condition(source, tree.clause)?, hold: time(tree.hold)?, keep: time(tree.keep)? })
}

/// A percentage above 0 and below 100.
#[cfg(feature = "toml")]
pub(crate) fn parse_share(source: &Source<'_>) -> Result<Quantity, ExpressionError> {
    share(source, &parser::value(source)?)
}

/// A time above 0.
#[cfg(feature = "toml")]
pub(crate) fn parse_time(source: &Source<'_>) -> Result<std::time::Duration, ExpressionError> {
    let node = parser::value(source)?;
    let time = time(source, &node)?;
    time.duration().ok_or_else(|| wrong(source, &node, "a time such as 5m"))
}

fn wrong(source: &Source<'_>, node: &Node, allowed: impl Into<String>) -> ExpressionError {
    source.error(node.start, node.end, allowed)
}

fn target(source: &Source<'_>, tree: Tree) -> Result<Comparison, ExpressionError> {
    if let Some(time) = tree.hold.or(tree.keep) {
        return Err(wrong(source, &time, "the end: for and keep are of alerts; a target has over"));
    }
    match condition(source, tree.clause)? {
        Condition::Comparison(comparison) => Ok(comparison),
        _ => Err(source.error(0, tree.end, ONE_COMPARISON)),
    }
}

fn condition(source: &Source<'_>, clause: Clause) -> Result<Condition, ExpressionError> {
    let several = |clauses: Vec<Clause>| -> Result<Vec<Condition>, ExpressionError> {
        clauses.into_iter().map(|clause| condition(source, clause)).collect()
    };
    let comparison = match clause {
        Clause::All(clauses, _) => return several(clauses).map(Condition::All),
        Clause::Any(clauses, _) => return several(clauses).map(Condition::Any),
        Clause::Range { metric, low, high, window } => {
            let metric_read = self::metric(source, &metric)?;
            let bound = |node| Ok(Some(Bound { limit: limit(source, node, &metric_read)?, is_inclusive: true }));
            let (above, below) = (bound(&low)?, bound(&high)?);
            let comparison = Comparison { above, below, window: over(source, window)?, metric: metric_read };
            ascending(source, &comparison, low.start, high.end)?;
            comparison
        }
        Clause::Chain { first, sides, window } => match <[Side; 1]>::try_from(sides) {
            Ok([side]) => single(source, &first, &side, window)?,
            Err(sides) if sides.is_empty() => return event(source, &first, window).map(Condition::Event),
            Err(sides) => double(source, &first, &sides, window)?,
        },
    };
    Ok(Condition::Comparison(comparison))
}

fn over(source: &Source<'_>, window: Option<Node>) -> Result<Option<Quantity>, ExpressionError> {
    window.map(|node| time(source, &node)).transpose()
}

fn is_limit(node: &Node) -> bool {
    matches!(node.term, Term::Quantity(_) | Term::OfBaseline(_))
}

/// `metric < limit`, or `limit > metric`.
fn single(source: &Source<'_>, first: &Node, side: &Side, window: Option<Node>) -> Result<Comparison, ExpressionError> {
    let (metric_node, limit_node, is_below) = match (is_limit(first), is_limit(&side.node)) {
        (false, true) => (first, &side.node, side.operator.is_less),
        (true, false) => (&side.node, first, !side.operator.is_less),
        (true, true) => return Err(wrong(source, first, "a metric such as p95(\"search\") on one side")),
        (false, false) => return Err(wrong(source, &side.node, "a number with its unit on one side")),
    };
    let metric = metric(source, metric_node)?;
    let limit = limit(source, limit_node, &metric)?;
    let bound = Some(Bound { limit, is_inclusive: side.operator.is_inclusive });
    let (above, below) = if is_below { (None, bound) } else { (bound, None) };
    Ok(Comparison { metric, above, below, window: over(source, window)? })
}

/// `limit < metric < limit`, or the other way round.
fn double(
    source: &Source<'_>,
    first: &Node,
    sides: &[Side],
    window: Option<Node>,
) -> Result<Comparison, ExpressionError> {
    let [left, right] = sides else { return Err(wrong(source, first, ONE_COMPARISON)) };
    if left.operator.is_less != right.operator.is_less {
        let both = if left.operator.is_less { "< or <= again" } else { "> or >= again" };
        return Err(source.error(right.start, right.node.end, both));
    }
    if !is_limit(first) {
        return Err(wrong(source, first, "a number with its unit on both sides of a metric"));
    }
    if !is_limit(&right.node) {
        return Err(wrong(source, &right.node, "a number with its unit on both sides of a metric"));
    }
    let metric = metric(source, &left.node)?;
    let bound = |node, operator: Operator| {
        Ok(Some(Bound { limit: limit(source, node, &metric)?, is_inclusive: operator.is_inclusive }))
    };
    let (outer, inner) = (bound(first, left.operator)?, bound(&right.node, right.operator)?);
    let (above, below) = if left.operator.is_less { (outer, inner) } else { (inner, outer) };
    let comparison = Comparison { above, below, window: over(source, window)?, metric };
    ascending(source, &comparison, first.start, right.node.end)?;
    Ok(comparison)
}

/// The lower limit is below the upper one, as far as that can be known.
fn ascending(source: &Source<'_>, of: &Comparison, start: usize, end: usize) -> Result<(), ExpressionError> {
    let is_empty = match (of.above.map(|bound| bound.limit), of.below.map(|bound| bound.limit)) {
        (Some(Limit::Fixed(low)), Some(Limit::Fixed(high)))
        | (Some(Limit::OfBaseline(low)), Some(Limit::OfBaseline(high))) => low.value() >= high.value(),
        _ => false,
    };
    if is_empty { Err(source.error(start, end, "a range whose lower end is below its upper end")) } else { Ok(()) }
}

fn limit(source: &Source<'_>, node: &Node, metric: &Metric) -> Result<Limit, ExpressionError> {
    match node.term {
        Term::Quantity(quantity) => {
            let dimension = metric.dimension();
            if quantity.dimension() == Some(dimension) {
                return Ok(Limit::Fixed(quantity));
            }
            Err(wrong(source, node, fitting(metric, dimension)))
        }
        Term::OfBaseline(share) if share.dimension() == Some(Dimension::Ratio) => Ok(Limit::OfBaseline(share)),
        Term::OfBaseline(_) => Err(wrong(source, node, "a percentage of the baseline, such as 50% of baseline")),
        _ => Err(wrong(source, node, "a number with its unit")),
    }
}

/// Which units fit.
fn fitting(metric: &Metric, dimension: Dimension) -> String {
    let (name, what) = (&metric.name, dimension.name());
    if metric.function.is_some() {
        return format!("for {name}, which is {what}: {}", dimension.units());
    }
    let meant = nearest(name, FUNCTIONS.iter().map(|function| function.name));
    let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
    format!("for the reading {name}, which by its name is {what}: {}{hint}", dimension.units())
}

/// A time above 0.
fn time(source: &Source<'_>, node: &Node) -> Result<Quantity, ExpressionError> {
    match node.term {
        Term::Quantity(quantity) if quantity.duration().is_some() => Ok(quantity),
        _ => Err(wrong(source, node, "a time such as 5m: a number above 0 with ns, us, ms, s, m, h or d")),
    }
}

/// A percentage above 0 and below 100.
fn share(source: &Source<'_>, node: &Node) -> Result<Quantity, ExpressionError> {
    let is_share = |quantity: Quantity| {
        quantity.dimension() == Some(Dimension::Ratio) && quantity.value() > 0.0 && quantity.value() < 1.0
    };
    match node.term {
        Term::Quantity(quantity) if is_share(quantity) => Ok(quantity),
        _ => Err(wrong(source, node, "a percentage above 0% and below 100%, such as 99.9%")),
    }
}

/// The metric that a part of the tree is.
fn metric(source: &Source<'_>, node: &Node) -> Result<Metric, ExpressionError> {
    let Term::Name { name, arguments, labels } = &node.term else {
        return Err(wrong(source, node, "a metric such as p95(\"search\") or resident"));
    };
    let Some(function) = MetricFunction::named(name) else {
        if arguments.is_none() {
            return Ok(Metric { function: None, name: name.clone(), arguments: Vec::new(), labels: labels.clone() });
        }
        return Err(unknown_function(source, node, name));
    };
    if !labels.is_empty() && !has_labels(function) {
        let allowed = format!("{}, without labels", function.example());
        return Err(wrong(source, node, allowed));
    }
    let given = arguments.as_deref().unwrap_or_default();
    let arguments = arguments_of(source, node, function, given)?;
    Ok(Metric { function: Some(function), name: name.clone(), arguments, labels: labels.clone() })
}

/// Whether it is computed from readings that it names itself.
fn has_labels(function: &MetricFunction) -> bool {
    let of_readings =
        matches!(function.parameters, Parameters::None | Parameters::Thing(_) | Parameters::ThingOrAll(_));
    of_readings && !matches!(function.formula, Formula::Calls(_))
}

fn unknown_function(source: &Source<'_>, node: &Node, name: &str) -> ExpressionError {
    let at = source.error(node.start, node.start + name.len(), "");
    let names = FUNCTIONS.iter().map(|function| function.name);
    let allowed = if EVENTS.contains(&name) {
        format!("a metric; {name} is a condition of its own, without a limit, and only alerts have it")
    } else {
        match nearest(name, names.clone()) {
            Some(meant) => format!("a metric function; did you mean {meant}?"),
            None => format!(
                "a metric function: {}; or the name of a reading, without parentheses",
                names.collect::<Vec<_>>().join(", ")
            ),
        }
    };
    ExpressionError { allowed, ..at }
}

fn arguments_of(
    source: &Source<'_>,
    node: &Node,
    function: &'static MetricFunction,
    given: &[Node],
) -> Result<Vec<Argument>, ExpressionError> {
    let allowed = || match function.parameters {
        Parameters::None => format!("{} without an argument", function.name),
        _ => format!("{} of {}, such as {}", function.name, function.argument(), function.example()),
    };
    let number = match function.parameters {
        Parameters::None => 0..=0,
        Parameters::ThingOrAll(_) => 0..=1,
        Parameters::Counters => 2..=2,
        _ => 1..=1,
    };
    if !number.contains(&given.len()) {
        return Err(wrong(source, node, allowed()));
    }
    let one = |node: &Node| {
        let argument = match function.parameters {
            Parameters::Gauge | Parameters::Counter | Parameters::Counters => {
                let metric = metric(source, node)?;
                let is_fitting = match function.parameters {
                    Parameters::Gauge => is_gauge(&metric),
                    _ => metric.function.is_none(),
                };
                is_fitting.then_some(Argument::Metric(metric))
            }
            Parameters::FunctionOrCounter if has_name_only(node).is_none() => {
                Some(metric(source, node)?).filter(|metric| metric.function.is_none()).map(Argument::Metric)
            }
            _ => has_name_only(node).map(|name| Argument::Name(name.to_owned())),
        };
        argument.ok_or_else(|| wrong(source, node, allowed()))
    };
    given.iter().map(one).collect()
}

/// A name, quoted or bare.
fn has_name_only(node: &Node) -> Option<&str> {
    match &node.term {
        Term::Quoted(name) => Some(name).filter(|name| !name.trim().is_empty()).map(String::as_str),
        Term::Name { name, arguments: None, labels } if labels.is_empty() => Some(name),
        _ => None,
    }
}

fn is_gauge(metric: &Metric) -> bool {
    match metric.function {
        None => true,
        Some(function) => matches!(function.formula, Formula::Gauge(_)),
    }
}

/// A condition without a limit.
fn event(source: &Source<'_>, node: &Node, window: Option<Node>) -> Result<Event, ExpressionError> {
    let no_limit = || source.error(node.end, node.end, "<, <=, >, >= or in, and a limit");
    let Term::Name { name, arguments: Some(arguments), labels } = &node.term else { return Err(no_limit()) };
    if !EVENTS.contains(&name.as_str()) {
        return Err(metric(source, node).err().unwrap_or_else(no_limit));
    }
    if let Some(window) = window {
        return Err(wrong(source, &window, format!("{name} without over")));
    }
    let allowed = |example: &str| wrong(source, node, format!("{name} as in {example}"));
    match (name.as_str(), arguments.as_slice()) {
        ("burn", [function, objective]) if labels.is_empty() => {
            let named = has_name_only(function).ok_or_else(|| wrong(source, function, "the name of a function"))?;
            Ok(Event::Burn { function: named.to_owned(), objective: share(source, objective)? })
        }
        ("burn", _) => Err(allowed("burn(\"checkout\", 99.9%)")),
        ("anomaly", [of]) if labels.is_empty() => metric(source, of).map(Event::Anomaly),
        ("anomaly", _) => Err(allowed("anomaly(self_cpu(\"rank\"))")),
        ("errors", [what]) if labels.is_empty() => one_of(source, what, &["burst"]).map(|_| Event::ErrorBurst),
        ("errors", _) => Err(allowed("errors(burst)")),
        ("leak", [verdict]) if labels.is_empty() => one_of(source, verdict, LEAK_VERDICTS).map(Event::Leak),
        ("leak", _) => Err(allowed("leak(confirmed)")),
        ("target", [status]) if labels.is_empty() => one_of(source, status, STATUSES).map(Event::Target),
        ("target", _) => Err(allowed("target(missed)")),
        (_, [interval]) if labels.is_empty() => time(source, interval).map(Event::Every),
        _ => Err(allowed("every(5m)")),
    }
}

fn one_of(source: &Source<'_>, node: &Node, all: &[&str]) -> Result<String, ExpressionError> {
    let named = has_name_only(node).filter(|name| all.contains(name));
    named.map(str::to_owned).ok_or_else(|| wrong(source, node, all.join(", ")))
}
