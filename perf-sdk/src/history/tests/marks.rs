//! Marks outlive the process and a clock that is set back.

use std::fs;

use super::super::store::{History, Reserved};
use super::{LEVEL, START, history, reading};
use crate::reading::Labels;

const BYTES: usize = 4 << 20;

fn round(history: &mut History, now: u64) {
    if let Some(mut round) = history.round(now) {
        round.reading(&reading(&LEVEL, &Labels::NONE, 1.0));
    }
}

fn shown(history: &History) -> Vec<(u64, String)> {
    history.marks().map(|mark| (u64::from(mark.at) - START, mark.text.clone())).collect()
}

#[test]
fn a_clock_that_is_set_back_moves_marks_and_drops_none() {
    let mut history = history(BYTES);
    for second in 0..1_000 {
        round(&mut history, START + second);
    }
    history.mark(START + 10, "first");
    history.mark(START + 990, "second");
    round(&mut history, START + 500);
    assert_eq!(shown(&history), [(10, "first".to_owned()), (500, "second".to_owned())]);
    history.mark(START + 400, "third");
    assert_eq!(shown(&history)[2], (500, "third".to_owned()), "they stay in their order");
}

#[test]
fn the_latest_marks_are_kept_and_long_ones_are_cut() {
    let mut history = history(BYTES);
    (0..200).for_each(|number| history.mark(START + number, &"ö".repeat(number as usize)));
    let all = shown(&history);
    assert_eq!((all.len(), all[0].0, all[127].1.as_str()), (128, 72, "ö".repeat(60).as_str()));
}

#[test]
fn a_file_has_them_once_whenever_it_was_written() {
    let path = std::env::temp_dir().join(format!("perf-sdk-marks-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    let open = || History::open_with(Reserved::beside(BYTES), &path).unwrap().unwrap();
    let expected: Vec<(u64, String)> = (0..4).map(|number| (number * 30 + 5, format!("deploy {number}"))).collect();
    let mut history = open();
    for second in 0..60 {
        round(&mut history, START + second);
        if second % 30 == 5 {
            history.mark(START + second, &format!("deploy {}", second / 30));
        }
    }
    drop(history);
    let mut history = open();
    assert_eq!(shown(&history), expected[..2]);
    // From now on the file is written anew at each occasion.
    history.journal().rewritten_at = 0;
    for second in 60..120 {
        round(&mut history, START + second);
        if second % 30 == 5 {
            history.mark(START + second, &format!("deploy {}", second / 30));
        }
    }
    drop(history);
    assert_eq!(shown(&open()), expected);
    fs::remove_file(&path).unwrap();
}
