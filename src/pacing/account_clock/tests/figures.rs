use super::*;
use crate::pacing::account_clock::{Figures, Position};

/// The figures are those by which callers are scheduled: 61 of 62 callers call now, or are told to wait for
/// the next minute.
#[test]
fn the_queue_is_told_in_figures() {
    let mut clock = AccountClock::<u32>::default();
    let idle = Figures {
        pace: 60,
        calls: 0,
        waiting: 0,
        oldest_due: None,
        through_at: at(0),
        paused_until: Timestamp::MIN,
        down_since: None,
    };
    assert_eq!(clock.figures(60, at(0)), idle);
    let turns: Vec<Turn> = (0..122).map(|caller| claim(&mut clock, caller, seconds(1), 60)).collect();
    let last = slot_of(turns[121]);
    let figures = clock.figures(60, seconds(1));
    assert_eq!((figures.calls, figures.waiting, figures.oldest_due), (60, 62, Some(at(0))));
    assert_eq!(figures.through_at, last, "the last one is told the same");
    assert_eq!(clock.position(&60), Some(Position { number: 1, of: 62 }));
    assert_eq!(clock.position(&121), Some(Position { number: 62, of: 62 }));
    assert_eq!(clock.position(&0), None, "it has called");
    assert_eq!(clock.figures(60, seconds(90)).calls, 0, "a minute has passed");
}

/// Refusals lower the pace, a pause ends, and trouble is told until a call works. To look changes nothing.
#[test]
fn trouble_is_told_in_figures() {
    let mut clock = AccountClock::<u32>::default();
    assert_eq!(claim(&mut clock, 0, seconds(0), 60), Turn::Go);
    clock.refused(seconds(1));
    clock.cool_down(seconds(9));
    let figures = clock.figures(60, seconds(1));
    assert_eq!((figures.pace, figures.paused_until, figures.down_since), (30, seconds(9), None));
    for caller in 1..4 {
        clock.record_result(&caller, FAILED, seconds(10));
    }
    assert_eq!(clock.figures(60, seconds(20)).down_since, Some(seconds(10)));
    let before = clock.clone();
    clock.figures(1000, seconds(20));
    assert_eq!(clock, before);
    clock.record_result(&4, Evidence::Works, seconds(30));
    assert_eq!(clock.figures(60, seconds(30)).down_since, None);
}

/// While calls fail, the queue is as long as it will be; a read that is due since ever is not its oldest; and
/// what nobody uses any more is not said to fail for ever.
#[test]
fn figures_stay_true_while_calls_fail() {
    let mut clock = AccountClock::<u32>::default();
    for caller in 0..180 {
        claim(&mut clock, caller, seconds(1), 60);
    }
    for caller in 0..3 {
        clock.record_result(&caller, FAILED, seconds(2));
    }
    let place = Place::deletion(at(0)).of_diagnostic_read(Timestamp::MIN);
    let Turn::Held { .. } = clock.ask(&500, place, seconds(3), 60) else { panic!("it may read") };
    let figures = clock.figures(60, seconds(3));
    assert!(figures.through_at >= seconds(100), "{figures:?}");
    assert_eq!((figures.oldest_due, figures.down_since), (Some(at(0)), Some(seconds(2))));
    (0..180).chain([500]).for_each(|caller| clock.leave(&caller));
    assert_eq!(clock.figures(60, seconds(200)).down_since, None);
}
