use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::expression::{Aggregate, CallFigure};
use crate::target::{Figure, Figures, Judgement, Missing, Status, TargetState, Window};

type Labels = Vec<(String, String)>;

/// Readings whose values are set, and one function whose p99 and share of errors are.
#[derive(Default)]
struct Set {
    readings: BTreeMap<(String, Labels), f64>,
    p99: Option<f64>,
    error_ratio: f64,
    calls: u64,
    /// Of the hour before.
    usual_error_ratio: f64,
    usual_seconds: u64,
    /// Of readings; all of a window by default.
    covers: Option<Duration>,
}

impl Set {
    fn with(mut self, name: &str, labels: &[(&str, &str)], value: f64) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.readings.insert((name.to_owned(), labels.iter().map(owned).collect()), value);
        self
    }

    fn gauge(value: f64) -> Self {
        Self::default().with("process_threads", &[], value)
    }
}

impl Figures for Set {
    fn calls(&self, function: &str, figure: CallFigure, window: Window) -> Result<Figure, Missing> {
        let value = match figure {
            _ if function != "search" => return Err(Missing::Unknown),
            CallFigure::Quantile(_) => self.p99.ok_or(Missing::NoData)?,
            CallFigure::ErrorRatio if window.length == Duration::from_secs(3_600) => {
                let covered = Duration::from_secs(self.usual_seconds);
                return Ok(Figure { value: self.usual_error_ratio, events: 60 * self.calls, covered });
            }
            CallFigure::ErrorRatio => self.error_ratio,
            _ => self.calls as f64,
        };
        Ok(Figure { value, events: self.calls, covered: window.length })
    }

    fn reading(
        &self,
        name: &str,
        labels: &[(String, String)],
        _: Aggregate,
        window: Window,
    ) -> Result<Figure, Missing> {
        if window.at_unix_ns < BEGIN * 1_000_000_000 {
            return Err(Missing::NoData);
        }
        let sets = self.label_sets(name, labels);
        match sets.as_slice() {
            [] => Err(Missing::Unknown),
            [one] => {
                let value = self.readings[&(name.to_owned(), one.clone())];
                Ok(Figure { value, events: 1, covered: self.covers.unwrap_or(window.length) })
            }
            _ => Err(Missing::Ambiguous { labels: "pool".to_owned() }),
        }
    }

    fn functions(&self) -> Vec<String> {
        vec!["idle".to_owned(), "search".to_owned()]
    }

    fn label_sets(&self, name: &str, labels: &[(String, String)]) -> Vec<Labels> {
        let is_meant = |(known, set): &&(String, Labels)| known == name && labels.iter().all(|one| set.contains(one));
        self.readings.keys().filter(is_meant).map(|(_, set)| set.clone()).collect()
    }
}

/// Rules that are judged second by second.
struct Play {
    watch: Watch,
    second: u64,
}

const BEGIN: u64 = 1_000_000;

impl Play {
    fn of(rules: &str) -> Self {
        Self { watch: Watch::new(&AlertRules::parse(rules, "test").unwrap()), second: BEGIN }
    }

    fn moment(&self) -> Moment {
        Moment { at_unix_ns: self.second * 1_000_000_000, second: self.second }
    }

    fn turn_with(&mut self, facts: Facts<'_>) -> Vec<AlertEvent> {
        self.second += 1;
        self.watch.turn(facts, self.moment())
    }

    fn turn(&mut self, figures: &Set) -> Vec<AlertEvent> {
        self.turn_with(Facts { figures, leaks: None, targets: None })
    }

    /// The changes of some seconds, as text.
    fn turns(&mut self, seconds: u64, figures: &Set) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..seconds {
            let events = self.turn(figures);
            let at = self.second - BEGIN;
            all.extend(events.iter().map(|event| format!("{at} {} {}", event.title(), event.change)));
        }
        all
    }

    fn phases(&self) -> Vec<(String, AlertPhase)> {
        let alerts = self.watch.alerts(self.moment());
        let all = alerts.rules.into_iter().flat_map(|rule| rule.alerts);
        all.map(|alert| (alert.subject, alert.phase)).collect()
    }

    fn reasons(&self) -> Vec<String> {
        self.watch.alerts(self.moment()).rules.into_iter().map(|rule| rule.reason).collect()
    }
}

#[test]
fn a_limit_fires_after_its_time_and_is_over_after_its_own() {
    let mut play = Play::of("process_threads > 100 for 3s keep 2s");
    assert_eq!(play.turns(5, &Set::gauge(100.0)), [""; 0]);
    assert_eq!(play.turns(3, &Set::gauge(101.0)), [""; 0]);
    assert_eq!(play.phases(), [(String::new(), AlertPhase::Pending)]);
    assert_eq!(play.turns(1, &Set::gauge(101.0)), ["9 process_threads > 100 for 3s keep 2s fired"]);
    // Within 5 % of the limit it goes on.
    assert_eq!(play.turns(10, &Set::gauge(96.0)), [""; 0]);
    assert_eq!(play.phases(), [(String::new(), AlertPhase::Firing)]);
    assert_eq!(play.turns(2, &Set::gauge(95.0)), ["21 process_threads > 100 for 3s keep 2s resolved"]);
    assert_eq!(play.phases(), []);
    assert_eq!(play.turns(9, &Set::gauge(96.0)), [""; 0], "not anew");
}

#[test]
fn evidence_says_the_value_the_limit_and_the_window() {
    for (rule, figures, evidence) in [
        (
            "p99(\"search\") > 250ms over 30s",
            Set { p99: Some(0.312), calls: 500, ..Set::default() },
            "p99(\"search\") is 312 ms over 30s, which is > 250 ms",
        ),
        ("process_threads < 3", Set::gauge(2.0), "process_threads is 2 over 1m, which is < 3"),
        (
            "process_threads > 3 AND error_ratio(search) > 1%",
            Set { error_ratio: 0.25, calls: 400, ..Set::gauge(7.0) },
            "process_threads is 7 over 1m, which is > 3 and error_ratio(\"search\") is 25.0% over 1m, which is > 1%",
        ),
    ] {
        let mut play = Play::of(rule);
        let found = play.turn(&figures);
        assert_eq!(found.len(), 1, "{rule}: {:?}", play.reasons());
        assert_eq!(found[0].evidence.replace("250ms", "250 ms"), evidence, "{rule}");
    }
}

#[test]
fn what_cannot_be_judged_says_why_and_does_not_fire() {
    for (rule, figures, reason) in [
        ("p99(search) > 1ms", Set { p99: Some(7.0), calls: 99, ..Set::default() }, "99 of 100 events in 1m"),
        ("p99(search) > 1ms", Set { calls: 500, ..Set::default() }, "no data of p99(\"search\") in 1m"),
        ("p99(serach) > 1ms", Set::default(), "nothing has the name in p99(\"serach\")"),
        ("process_threads > 50% of baseline", Set::gauge(1.0), "there is no baseline"),
        ("leak(confirmed)", Set::default(), "there was no evaluation of leaks yet"),
        ("target(missed)", Set::default(), "there are no targets"),
        ("anomaly(process_threads)", Set::gauge(7.0), "what is usual is not known: 0 of 15 minutes"),
        ("burn(search, 99.9%)", Set { usual_seconds: 60, ..Set::default() }, "history covers 1m of 1h"),
    ] {
        let mut play = Play::of(rule);
        assert!(play.turn(&figures).is_empty(), "{rule}");
        assert_eq!(play.reasons(), [reason], "{rule}");
    }
    // Of several conditions, what is known counts where it is enough.
    let set = || Set::gauge(7.0);
    assert_eq!(Play::of("process_threads > 3 OR p99(serach) > 1ms").turn(&set()).len(), 1);
    assert_eq!(Play::of("process_threads > 3 AND p99(serach) > 1ms").turn(&set()).len(), 0);
    let mut play = Play::of("process_threads > 9 AND p99(serach) > 1ms");
    assert!(play.turn(&set()).is_empty() && play.reasons() == [""], "one that is untrue is enough");
}

#[test]
fn a_reading_with_several_labels_is_an_alert_for_each() {
    let pools = |a: f64, b: f64| {
        let of = |set: Set, pool: &str, value| set.with("connection_pool_waiting", &[("pool", pool)], value);
        of(of(Set::default(), "db", a), "search", b)
    };
    let mut play = Play::of("lowest(connection_pool_waiting) > 0 keep 1s");
    assert_eq!(play.turns(2, &pools(0.0, 2.0)), ["1 lowest(connection_pool_waiting) > 0 keep 1s: pool search fired"]);
    let fired = play.turn(&pools(1.0, 2.0));
    assert_eq!((fired[0].subject.as_str(), fired.len()), ("pool db", 1));
    assert_eq!(fired[0].evidence, "lowest(connection_pool_waiting{pool=\"db\"}) is 1 over 1m, which is > 0");
    assert_eq!(play.turns(1, &pools(1.0, 0.0)).len(), 1, "the other one is over");
    assert_eq!(play.phases(), [("pool db".to_owned(), AlertPhase::Firing)]);
    let only = Play::of("lowest(connection_pool_waiting{pool=db}) > 0").turn(&pools(1.0, 2.0));
    assert_eq!(only[0].subject, "", "one that is named is the only one");
}

#[test]
fn each_leak_and_each_target_is_an_alert_of_its_own() {
    let finding = |place: &str, verdict| Leaking { verdict, place: place.into(), evidence: "it grows".into() };
    let leaks = [
        finding("a", "suspect"),
        finding("main > b", "confirmed"),
        finding("main > b", "confirmed"),
        finding("main > c", "confirmed"),
        finding("d", "bounded"),
    ];
    let target = |name: &str, status| TargetState {
        name: name.into(),
        metric: "cpu".into(),
        shown: "97%".into(),
        target: "< 75%".into(),
        status,
        ..TargetState::default()
    };
    let targets = Judgement {
        at_unix_ns: 1,
        targets: vec![target("x", Status::Missed), target("y", Status::AtRisk), target("z", Status::Met)],
    };
    let mut play = Play::of("leak(confirmed); target(missed); target(at_risk)");
    let facts = Facts { figures: &Set::default(), leaks: Some(&leaks[..]), targets: Some(&targets) };
    let found: Vec<String> = play.turn_with(facts).iter().map(AlertEvent::title).collect();
    assert_eq!(
        found,
        [
            "leak(confirmed): main > b",
            "leak(confirmed): main > c",
            "target(missed): x",
            "target(at_risk): x",
            "target(at_risk): y"
        ]
    );
    let evidence = play.watch.alerts(play.moment()).rules[1].alerts[0].evidence.clone();
    assert_eq!(evidence, "cpu is 97%, and ought to be < 75%");
}

#[test]
fn a_burst_of_errors_is_far_more_than_before() {
    for (calls, now, usual, seconds, is_burst) in [
        (100, 0.25, 0.01, 3_600, true),
        (100, 0.25, 0.01, 500, false),
        (100, 0.25, 0.07, 3_600, false),
        (100, 0.04, 0.0, 3_600, false),
        (10, 0.4, 0.0, 3_600, false),
    ] {
        let figures =
            Set { calls, error_ratio: now, usual_error_ratio: usual, usual_seconds: seconds, ..Set::default() };
        let found = Play::of("errors(burst)").turn(&figures);
        assert_eq!(found.len(), usize::from(is_burst), "{calls} {now} {usual} {seconds}");
        if is_burst {
            assert_eq!(found[0].subject, "search");
            let evidence = "25.0% of its calls failed in 1m, 25 of them, after 1.0% in the hour before";
            assert_eq!(found[0].evidence, evidence);
        }
    }
}

#[test]
fn of_one_that_is_explained_by_another_nobody_is_told() {
    let rules = r#"
        [[alert]]
        name = "parent"
        that = "process_threads > 100 keep 1s"
        [[alert]]
        name = "child"
        that = "process_threads > 50 keep 1s"
        explained_by = "parent"
    "#;
    let mut play = Play { watch: Watch::new(&AlertRules::parse_toml(rules, "test").unwrap()), second: BEGIN };
    let found = play.turn(&Set::gauge(200.0));
    let explained: Vec<(&str, &str)> =
        found.iter().map(|event| (event.rule.as_str(), event.explained_by.as_str())).collect();
    assert_eq!(explained, [("parent", ""), ("child", "parent")]);
    play.turns(5, &Set::gauge(0.0));
    let found = play.turn(&Set::gauge(70.0));
    assert_eq!((found[0].rule.as_str(), found[0].explained_by.as_str()), ("child", ""));
}

#[test]
fn a_warning_that_fires_for_an_hour_is_critical() {
    let mut play = Play::of("process_threads > 3");
    let events = play.turns(3_700, &Set::gauge(7.0));
    assert_eq!(events, ["1 process_threads > 3 fired", "3601 process_threads > 3 escalated"]);
    let alerts = play.watch.alerts(play.moment());
    assert_eq!(alerts.rules[0].alerts[0].severity, AlertSeverity::Critical);
    assert_eq!(alerts.rules[0].alerts[0].since_unix_ns, (BEGIN + 1) * 1_000_000_000);
    let mut rules = AlertRules::new();
    rules.add(AlertRule::new("process_threads > 3").unwrap().severity(AlertSeverity::Info)).unwrap();
    let mut play = Play { watch: Watch::new(&rules), second: BEGIN };
    assert_eq!(play.turns(3_700, &Set::gauge(7.0)).len(), 1);
}

#[test]
fn every_fires_at_its_times_and_has_no_end() {
    let mut play = Play::of("every(10s); every(1s)");
    let events = play.turns(35, &Set::default());
    let fired: Vec<&String> = events.iter().filter(|event| event.ends_with("every(10s) fired")).collect();
    assert_eq!(fired, ["10 every(10s) fired", "20 every(10s) fired", "30 every(10s) fired"]);
    assert_eq!(events.len(), 3 + 34, "{events:?}");
    assert_eq!(play.phases(), []);
    let rule = AlertRule::new("every(10s)").unwrap();
    assert_eq!(rule.first_severity(), AlertSeverity::Info);
}

/// Whether people are told, of each event.
fn told(events: &[AlertEvent]) -> Vec<(String, AlertChange, bool)> {
    events.iter().map(|event| (event.rule.clone(), event.change, event.explained_by.is_empty())).collect()
}

#[test]
fn who_was_told_of_an_alert_is_told_of_its_end_and_nobody_else() {
    use AlertChange::{Fired, Resolved};
    let rules = r#"
        [[alert]]
        name = "parent"
        that = "process_threads > 100 keep 1s"
        [[alert]]
        name = "child"
        that = "process_open_fds > 50 keep 1s"
        explained_by = "parent"
    "#;
    let new = || Play { watch: Watch::new(&AlertRules::parse_toml(rules, "test").unwrap()), second: BEGIN };
    let set = |threads: f64, fds: f64| Set::gauge(threads).with("process_open_fds", &[], fds);
    let mut play = new();
    let of = |rule: &str, change, is_told| (rule.to_owned(), change, is_told);
    // The child fires first, and ends while its parent fires.
    assert_eq!(told(&play.turn(&set(0.0, 70.0))), [of("child", Fired, true)]);
    assert_eq!(told(&play.turn(&set(200.0, 70.0))), [of("parent", Fired, true)]);
    let alerts = play.watch.alerts(play.moment());
    assert_eq!(alerts.active().filter(|(_, alert)| alert.explained_by.is_empty()).count(), 2);
    assert_eq!(told(&play.turn(&set(200.0, 0.0))), [of("child", Resolved, true)]);
    // The child fires while its parent fires, and goes on after it.
    let mut play = new();
    assert_eq!(told(&play.turn(&set(200.0, 70.0))), [of("parent", Fired, true), of("child", Fired, false)]);
    assert_eq!(told(&play.turn(&set(200.0, 70.0))), []);
    let later = play.turn(&set(0.0, 70.0));
    assert_eq!(told(&later), [of("parent", Resolved, true), of("child", Fired, true)]);
    assert_eq!(later[1].since_unix_ns, (BEGIN + 1) * 1_000_000_000, "since it fired");
    assert_eq!(told(&play.turn(&set(0.0, 0.0))), [of("child", Resolved, true)]);
    // Nobody was told of it.
    let mut play = new();
    play.turn(&set(200.0, 70.0));
    assert_eq!(told(&play.turn(&set(200.0, 0.0))), [of("child", Resolved, false)]);
}

#[test]
fn one_that_becomes_worse_is_told_again_and_its_end_is_as_bad_as_was_told() {
    let mut rules = AlertRules::new();
    rules.add(AlertRule::new("burn(search, 99%)").unwrap()).unwrap();
    let mut play = Play { watch: Watch::new(&rules), second: BEGIN };
    // 4 % is 4 times what may be, and 50 % is 50 times.
    let failing = |error_ratio| Set {
        error_ratio,
        usual_error_ratio: error_ratio,
        usual_seconds: 3_600,
        calls: 10_000,
        ..Set::default()
    };
    let of = |events: Vec<AlertEvent>| -> Vec<(AlertChange, AlertSeverity)> {
        events.into_iter().map(|event| (event.change, event.severity)).collect()
    };
    assert_eq!(of(play.turn(&failing(0.04))), [(AlertChange::Fired, AlertSeverity::Warning)]);
    assert_eq!(of(play.turn(&failing(0.5))), [(AlertChange::Escalated, AlertSeverity::Critical)]);
    assert_eq!(of(play.turn(&failing(0.04))), []);
    let ended: Vec<_> = (0..70).flat_map(|_| of(play.turn(&failing(0.0)))).collect();
    assert_eq!(ended, [(AlertChange::Resolved, AlertSeverity::Critical)]);
}

#[test]
fn the_first_seconds_are_not_the_window_and_one_subject_does_not_help_another() {
    let mut play = Play::of("mean(process_threads) > 3 over 5m");
    let young = Set { covers: Some(Duration::from_secs(12)), ..Set::gauge(7.0) };
    assert!(play.turn(&young).is_empty());
    assert_eq!(play.reasons(), ["history covers 12s of 5m"]);
    let pools = |a: f64, b: f64| {
        let of = |set: Set, pool: &str, value| set.with("connection_pool_waiting", &[("pool", pool)], value);
        of(of(Set::default(), "a", a), "b", b)
    };
    let mut play = Play::of("lowest(connection_pool_waiting) > 100");
    assert_eq!(play.turn(&pools(103.0, 97.0)).len(), 1);
    assert!(play.turn(&pools(97.0, 97.0)).is_empty(), "the one goes on, the other does not begin");
    assert_eq!(play.phases(), [("pool a".to_owned(), AlertPhase::Firing)]);
    let evidence = play.watch.alerts(play.moment()).rules[0].alerts[0].evidence.clone();
    assert!(evidence.ends_with("is 97 over 1m, which is still near > 100"), "{evidence}");
}

#[test]
fn what_is_unlike_itself_is_an_anomaly_until_it_is_as_it_was() {
    let mut play = Play::of("anomaly(process_threads) keep 10s");
    let value = |at: u64| 100.0 + (at / 10 * 7_919 % 7) as f64;
    for at in 0..1_200 {
        assert_eq!(play.turn(&Set::gauge(value(at))).len(), 0, "{at}");
    }
    assert_eq!(play.reasons(), [""], "it is known by now");
    let fired = (0..120).find_map(|at| play.turn(&Set::gauge(2.0 * value(at))).pop()).unwrap();
    assert_eq!(fired.change, AlertChange::Fired);
    assert!(fired.evidence.starts_with("process_threads is 2.0 times what is usual since "), "{}", fired.evidence);
    let over = (0..600).find_map(|at| play.turn(&Set::gauge(value(at))).pop()).unwrap();
    assert_eq!(over.change, AlertChange::Resolved);
}

#[test]
fn what_fired_before_a_restart_goes_on_and_nobody_is_told_again() {
    let rules = "process_threads > 3 keep 1m; process_open_fds > 7";
    let figures = || Set::gauge(7.0).with("process_open_fds", &[], 1.0);
    let mut before = Play::of(rules);
    assert_eq!(before.turns(10, &figures()).len(), 1);
    let kept = before.watch.alerts(before.moment());
    for (threads, changes) in [(7.0, 0), (0.0, 1)] {
        let mut after = Play::of(rules);
        after.second = before.second + 30;
        after.watch.restore(&kept, after.moment());
        assert_eq!(after.phases(), [(String::new(), AlertPhase::CoolingDown)]);
        let events = after.turns(70, &Set::gauge(threads).with("process_open_fds", &[], 1.0));
        assert_eq!(events.len(), changes, "{events:?}");
        let since = after.watch.alerts(after.moment()).rules[0].alerts.first().map(|alert| alert.since_unix_ns);
        assert_eq!(since, (threads > 0.0).then_some((BEGIN + 1) * 1_000_000_000));
    }
    let other = Play::of("process_threads > 4");
    let mut other = Play { second: before.second, ..other };
    other.watch.restore(&kept, other.moment());
    assert_eq!(other.phases(), [], "its rule is gone");
}

#[test]
fn a_thousand_rules_and_subjects_are_bounded() {
    let text: Vec<String> = (0..1_000).map(|at| format!("process_threads > {at}")).collect();
    let mut play = Play::of(&text.join("\n"));
    assert_eq!(play.turn(&Set::gauge(500.5)).len(), 501);
    assert!(AlertRules::parse(&format!("{}\ncpu > 1%", text.join("\n")), "test").is_err());
    let many =
        (0..500).fold(Set::default(), |set, at| set.with("connection_pool_waiting", &[("pool", &at.to_string())], 1.0));
    let mut play = Play::of("lowest(connection_pool_waiting) > 0");
    assert_eq!(play.turn(&many).len(), 100);
    assert!(play.turn(&many).is_empty());
}

#[test]
fn who_explains_whom_must_be_there_and_go_one_way() {
    let rules = |parents: &[(&str, &str)]| {
        let mut all = AlertRules::new();
        for (at, (name, parent)) in parents.iter().enumerate() {
            let rule = AlertRule::new(&format!("process_threads > {at}")).unwrap().name(*name);
            all.add(if parent.is_empty() { rule } else { rule.explained_by(*parent) }).unwrap();
        }
        all.check_parents().map_err(|error| error.to_string())
    };
    assert_eq!(rules(&[("a", ""), ("b", "a"), ("c", "b"), ("d", "a")]), Ok(()));
    assert_eq!(AlertRules::shipped().check_parents().map_err(|error| error.to_string()), Ok(()));
    let unknown = rules(&[("memory", ""), ("b", "memroy")]).unwrap_err();
    assert!(unknown.contains("memroy") && unknown.contains("did you mean \"memory\"?"), "{unknown}");
    for round in [&[("a", "b"), ("b", "a")][..], &[("a", "c"), ("b", "a"), ("c", "b")]] {
        assert!(rules(round).unwrap_err().contains("does not explain"), "{round:?}");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    let toml = |text: &str| AlertRules::parse_toml(text, "a.toml").unwrap_err().to_string();
    for (text, message) in [
        (
            "alert = [\"cpu > 90\"]",
            "a.toml:1:17 is \"90\"; allowed: for cpu, which is a share: a percentage, such as 90%",
        ),
        (
            "alert = [\"cpu > 9%\", \"cpu > 9%\"]",
            "a.toml:1:23 is \"cpu > 9%\"; allowed: a name that no other alert has",
        ),
        (
            "[[alert]]\nthat = \"cpu > 9%\"\nseverity = \"bad\"",
            "a.toml:3:13 is \"bad\"; allowed: info, warning or critical",
        ),
        (
            "[[alert]]\nthat = \"cpu > 9%\"\nsumary = \"x\"",
            "a.toml:3:1 is \"sumary\"; allowed: name, that, severity, summary, explained_by, evidence, flag, command, timeout, at_end, sampling, trim, purge, runs, judged_after; did you mean summary?",
        ),
        ("[[alert]]\nname = \"x\"", "a.toml:1:1 is \"without that\"; allowed: that = 'cpu > 90% for 5m'"),
        ("[[target]]\nthat = \"cpu > 9%\"", "a.toml:1:3 is \"target\"; allowed: tables [[alert]]"),
        (
            "[[alert]]\nname = \"x\"\nexplained_by = \"x\"\nthat = \"cpu > 9%\"",
            "a.toml:3:17 is \"x\"; allowed: the name of another rule",
        ),
    ] {
        assert_eq!(toml(text), message, "{text}");
    }
    let hold = Duration::from_secs(30);
    let rules = AlertRules::parse("cpu > 9% for 30s", "test").unwrap();
    assert_eq!(rules.all[0].hold(), hold);
}

#[test]
fn a_thousand_rules_fire_and_are_over_whatever_the_clock_says() {
    use super::{AlertActionKind, AlertOutcome, Bounds, Ended, Runs};
    let rules: Vec<String> = (0..1_000).map(|number| format!("process_threads > {number} keep 2s")).collect();
    let mut play = Play::of(&rules.join("; "));
    let mut runs = Runs::default();
    let (now, year) = (BEGIN * 1_000_000_000, 365 * 86_400 * 1_000_000_000);
    let (mut fired, mut over, mut recovered) = (0, 0, 0);
    for (turn, at_unix_ns) in [now, now - 86_400_000_000_000, 0, now + 10 * year, u64::MAX, now].into_iter().enumerate()
    {
        play.second += 1;
        let moment = Moment { at_unix_ns, second: play.second };
        let figures = Set::gauge(if turn < 3 { 1_000.0 } else { 0.0 });
        let events = play.watch.turn(Facts { figures: &figures, leaks: None, targets: None }, moment);
        recovered += runs.turn(&events, moment).iter().filter(|run| run.outcome == AlertOutcome::Recovered).count();
        for event in &events {
            assert!((0.0..=6.0).contains(&event.fired_seconds), "{event:?}");
            match event.change {
                AlertChange::Fired => {
                    fired += 1;
                    let bounds = Bounds { runs: Some(5), judged_after: Some(60) };
                    let number = runs.begin(event, AlertActionKind::Purge, bounds, Ok(()), moment).unwrap();
                    runs.end(number, Ended::default(), at_unix_ns);
                }
                AlertChange::Resolved => over += 1,
                AlertChange::Escalated => panic!("{event:?}"),
            }
        }
    }
    assert_eq!((fired, over, recovered), (1_000, 1_000, 1_000));
    assert_eq!(runs.all().len(), 1_000);
    assert_eq!(runs.recovered_ratio(), Some(1.0));
}
