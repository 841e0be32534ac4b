//! The screen: the process, what is wrong, functions, keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::feed::Shot;
use super::view::{SORTS, View};
use crate::facts::alerts::Alert;
use crate::facts::functions::{Function, Sort};
use crate::grid::shortened;
use crate::paint::safe;
use crate::status::resources;
use crate::units::{bytes, count, digits, rate, time};
use crate::window::Moment;

/// Alerts that have a line of their own.
const MOST_ALERTS: usize = 4;

/// A column of numbers.
struct Column {
    head: &'static str,
    sort: Option<Sort>,
    width: u16,
    /// The width of a terminal from which on there is room for it.
    from: u16,
    cell: fn(&Function) -> Option<String>,
}

fn in_time(seconds: Option<f64>) -> Option<String> {
    seconds.map(|seconds| time(seconds * 1e9))
}

const COLUMNS: [Column; 9] = [
    Column { head: "cores", sort: Some(Sort::SelfCpu), width: 7, from: 0, cell: |f| f.self_cpu_cores.map(digits) },
    Column { head: "calls/s", sort: Some(Sort::Calls), width: 8, from: 0, cell: |f| f.calls_per_second.map(rate) },
    Column {
        head: "errors",
        sort: Some(Sort::Errors),
        width: 7,
        from: 0,
        cell: |f| f.errors.filter(|n| *n > 0.0).map(count),
    },
    Column { head: "p50", sort: Some(Sort::P50), width: 8, from: 100, cell: |f| in_time(f.p50_seconds) },
    Column { head: "p95", sort: Some(Sort::P95), width: 8, from: 120, cell: |f| in_time(f.p95_seconds) },
    Column { head: "p99", sort: Some(Sort::P99), width: 8, from: 0, cell: |f| in_time(f.p99_seconds) },
    Column { head: "self", sort: Some(Sort::Own), width: 8, from: 110, cell: |f| in_time(f.self_seconds) },
    Column {
        head: "self B/call",
        sort: Some(Sort::SelfBytes),
        width: 11,
        from: 130,
        cell: |f| f.self_bytes_per_call.map(bytes),
    },
    Column {
        head: "live",
        sort: Some(Sort::Live),
        width: 9,
        from: 0,
        cell: |f| f.live_bytes.filter(|n| *n > 0.0).map(bytes),
    },
];
/// From this width on the module is there.
const WITH_MODULE: u16 = 150;

pub(super) fn draw(frame: &mut Frame<'_>, view: &mut View, place: &str) {
    let area = frame.area();
    let mut head = head(view, place);
    head.truncate(usize::from(area.height.saturating_sub(3)).max(1));
    let parts = [Constraint::Length(head.len() as u16), Constraint::Min(0), Constraint::Length(1)];
    let [top, middle, bottom] = Layout::vertical(parts).areas(area);
    frame.render_widget(Paragraph::new(head), top);
    view.page = usize::from(middle.height.saturating_sub(1)).max(1);
    if view.shot.is_some() {
        table(frame, view, middle);
    }
    frame.render_widget(Paragraph::new(foot(view)), bottom);
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn head(view: &View, place: &str) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut first = Vec::new();
    match &view.shot {
        None => first.push(Span::styled(format!("asking {place} …"), bold())),
        Some(Shot { process, .. }) => {
            first.push(Span::styled(safe(&process.program), bold()));
            first.push(Span::raw(format!(" {} at {place}, up {}", process.pid, time(process.recorded_seconds * 1e9))));
        }
    }
    if view.is_frozen {
        first.push(Span::styled("  frozen", Style::new().fg(Color::Cyan)));
    }
    lines.push(Line::from(first));
    if let Some(shot) = &view.shot {
        lines.push(Line::raw(resources(&shot.process)));
        lines.extend(alerts(&shot.alerts.alerts));
    }
    if let Some(problem) = &view.problem {
        lines.push(Line::styled(safe(problem), Style::new().fg(Color::Red)));
    }
    lines
}

fn alerts(alerts: &[Alert]) -> Vec<Line<'static>> {
    let colour = |alert: &Alert| match (alert.phase, alert.severity) {
        ("firing", "critical") => Style::new().fg(Color::Red),
        ("firing", _) => Style::new().fg(Color::Yellow),
        _ => dim(),
    };
    let line = |alert: &Alert| {
        let since = Moment(alert.since_unix_seconds).shown();
        let text = format!("{} {} since {since}: {}", alert.rule, alert.phase.replace('_', " "), alert.evidence);
        Line::styled(safe(&text), colour(alert))
    };
    let mut lines: Vec<Line<'static>> = alerts.iter().take(MOST_ALERTS).map(line).collect();
    if alerts.is_empty() {
        lines.push(Line::styled("no alerts", Style::new().fg(Color::Green)));
    }
    if alerts.len() > MOST_ALERTS {
        lines.push(Line::styled(format!("and {} more alerts", alerts.len() - MOST_ALERTS), dim()));
    }
    lines
}

fn table(frame: &mut Frame<'_>, view: &mut View, area: Rect) {
    let Some(shot) = &view.shot else { return };
    let rows = &shot.functions.rows;
    view.first = view.first.min(rows.len().saturating_sub(view.page));
    let columns: Vec<&Column> = COLUMNS.iter().filter(|column| area.width >= column.from).collect();
    let numbers: u16 = columns.iter().map(|column| column.width + 1).sum();
    let names = area.width.saturating_sub(numbers).max(8);
    // Of functions that have one name, the modules tell them apart.
    let is_shared = |name: &str| rows.iter().filter(|function| function.name == name).nth(1).is_some();
    let name = |function: &Function| {
        let has_module = area.width >= WITH_MODULE || is_shared(&function.name);
        let module = function.module.as_deref().filter(|_| has_module).unwrap_or_default();
        let text = if module.is_empty() { function.name.clone() } else { format!("{module}::{}", function.name) };
        Cell::from(shortened(&safe(&text), names.into()))
    };
    let number = |text: String| Cell::from(Line::from(text).right_aligned());
    let body = rows.iter().skip(view.first).take(view.page).map(|function| {
        let cells = columns.iter().map(|column| number((column.cell)(function).unwrap_or_else(|| "–".to_owned())));
        Row::new([name(function)].into_iter().chain(cells))
    });
    let head_cell = |head: &str, is_sorted: bool| {
        let style = if is_sorted { bold().add_modifier(Modifier::UNDERLINED) } else { dim() };
        Line::styled(head.to_owned(), style)
    };
    let head_of_names = Cell::from(head_cell("function", view.sort == Sort::Name));
    let heads =
        columns.iter().map(|column| Cell::from(head_cell(column.head, column.sort == Some(view.sort)).right_aligned()));
    let widths = [names].into_iter().chain(columns.iter().map(|column| column.width)).map(Constraint::Length);
    let table = Table::new(body, widths).header(Row::new([head_of_names].into_iter().chain(heads))).column_spacing(1);
    frame.render_widget(table, area);
}

fn foot(view: &View) -> Line<'static> {
    if let Some(typed) = &view.typed {
        return Line::from(vec![
            Span::styled("filter: ", bold()),
            Span::raw(safe(typed)),
            Span::styled("▏ enter, esc", dim()),
        ]);
    }
    let (rows, matching) =
        view.shot.as_ref().map_or((0, 0), |shot| (shot.functions.rows.len(), shot.functions.matching));
    let last = (view.first + view.page).min(rows);
    let filter = if view.filter.is_empty() { String::new() } else { format!(" \"{}\"", view.filter) };
    let keys: Vec<String> = SORTS.iter().map(|(key, _, name)| format!("{key} {name}")).collect();
    let place = format!("{}-{last} of {matching}{filter}  ", (view.first + 1).min(last));
    Line::from(vec![
        Span::raw(safe(&place)),
        Span::styled(format!("q quit, / filter, space freeze; {}", keys.join(", ")), dim()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn drawn(width: u16, height: u16, view: &mut View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, view, "127.0.0.1:9464")).unwrap();
        // Nothing has no lines.
        if width == 0 { String::new() } else { terminal.backend().to_string() }
    }

    fn view() -> View {
        let mut shot = Shot::default();
        let function = |at: usize| Function {
            name: format!("function {at}\x1b[2J"),
            module: Some("shop".to_owned()),
            calls_per_second: Some(at as f64),
            self_cpu_cores: Some(0.25),
            live_bytes: Some(1_048_576.0),
            ..Function::default()
        };
        shot.functions.rows = (0..100).map(function).collect();
        shot.functions.matching = 100;
        let mut view = View::new(Sort::SelfCpu, "", 10);
        view.take(Ok(shot));
        view
    }

    #[test]
    fn all_that_matters_is_on_a_small_screen_and_more_on_a_large_one() {
        let small = drawn(80, 24, &mut view());
        for part in ["function 0", "cores", "p99", "live", "no alerts", "1.00 MiB", "q quit", "1-19 of 100"] {
            assert!(small.contains(part), "{part}: {small}");
        }
        assert!(!small.contains("\x1b") && !small.contains("shop::"), "{small}");
        let large = drawn(200, 60, &mut view());
        assert!(large.contains("shop::function 54") && large.contains("B/call") && large.contains("a name"), "{large}");
    }

    #[test]
    fn functions_of_one_name_are_told_apart_by_their_modules() {
        let mut shot = Shot::default();
        let function = |module: &str| Function {
            name: "flush".to_owned(),
            module: Some(module.to_owned()),
            ..Function::default()
        };
        shot.functions.rows = vec![function("shop::cart"), function("shop::orders::book")];
        let mut view = View::new(Sort::SelfCpu, "", 10);
        view.take(Ok(shot));
        let small = drawn(80, 24, &mut view);
        assert!(small.contains("shop::cart::flush") && small.contains("book::flush"), "{small}");
    }

    #[test]
    fn no_size_is_too_small() {
        for (width, height) in [(0, 0), (1, 1), (5, 2), (20, 3), (79, 4), (500, 1)] {
            drawn(width, height, &mut view());
            drawn(width, height, &mut View::new(Sort::Name, "x", 1));
        }
    }
}
