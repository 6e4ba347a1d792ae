use super::*;
use crate::live::counters::Counters;
use crate::live::server::Away;

fn reading(info: &str, top: &[(&str, u64)]) -> Result<Reading, Away> {
    let counters = Counters::read(info)?;
    let top = top.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
    let policies = [("api".to_owned(), vec!["FIXED 5 1m".to_owned()])].into();
    let memory = Memory { used: 100, max: 0, keys: 2 };
    Ok(Reading { counters, top: Ok(top), policies, memory })
}

fn info(allowed: u64, denied: u64) -> String {
    format!(
        "ratelimit_decisions_allowed:{allowed}\r\nratelimit_decisions_denied:{denied}\r\n\
         ratelimit_policy_api_allowed:{allowed}\r\nratelimit_policy_api_denied:{denied}\r\n"
    )
}

fn sample(at: Instant, servers: Vec<(&str, Result<Reading, Away>)>) -> Sample {
    let servers = servers.into_iter().map(|(name, told)| (name.to_owned(), told)).collect();
    Sample { at, is_cluster: true, servers }
}

fn away() -> Result<Reading, Away> {
    Err(Away("gone".into()))
}

#[test]
fn rates_are_those_of_all_servers_together() {
    let (begin, mut view) = (Instant::now(), View::default());
    view.take(sample(
        begin,
        vec![("a", reading(&info(10, 0), &[])), ("b", reading(&info(5, 5), &[]))],
    ));
    assert_eq!(view.rates, None);
    let later = begin + Duration::from_secs(2);
    view.take(sample(
        later,
        vec![("a", reading(&info(14, 2), &[])), ("b", reading(&info(7, 5), &[]))],
    ));
    assert_eq!(view.rates, Some(Rates { allowed: 3.0, denied: 1.0 }));
    assert_eq!(view.calls, Decisions { allowed: 21, denied: 7 });
    assert_eq!(view.memory, Memory { used: 200, max: 0, keys: 4 });
    let [policy] = view.policies.as_slice() else { panic!("{:?}", view.policies) };
    assert_eq!(policy.rates, Rates { allowed: 3.0, denied: 1.0 });
    assert_eq!(policy.clauses, "FIXED 5 1m");
    assert_eq!(view.history.len(), 1);
}

#[test]
fn a_server_that_goes_and_comes_back_makes_no_peak() {
    let (begin, mut view) = (Instant::now(), View::default());
    let at = |s| begin + Duration::from_secs(s);
    view.take(sample(at(0), vec![("a", reading(&info(1_000, 0), &[]))]));
    view.take(sample(at(1), vec![("a", away())]));
    assert_eq!(view.away, [("a".to_owned(), "gone".to_owned())]);
    assert_eq!((view.rates, view.up.len()), (None, 0));
    // It has begun again: its counts are all of the time since.
    view.take(sample(at(10), vec![("a", reading(&info(20, 0), &[]))]));
    assert_eq!(view.rates, Some(Rates { allowed: 2.0, denied: 0.0 }));
    assert!(view.away.is_empty());
}

#[test]
fn changes_are_told_from_the_second_sample_on_and_a_reset_begins_again() {
    let (begin, mut view) = (Instant::now(), View::default());
    let change = |view: &View| view.top.first().and_then(|row| row.change);
    view.take(sample(begin, vec![("a", reading(&info(0, 0), &[("k", 7)]))]));
    assert_eq!(change(&view), None);
    view.take(sample(begin, vec![("a", reading(&info(0, 0), &[("k", 9)]))]));
    assert_eq!(change(&view), Some(2));
    view.take(sample(begin, vec![("a", reading(&info(0, 0), &[("k", 1)]))]));
    assert_eq!(change(&view), Some(1));
}

#[test]
fn rows_are_sorted_in_three_ways() {
    let (begin, mut view) = (Instant::now(), View::default());
    let before = [("busy", 90), ("calm", 5), ("new", 0)];
    let now = [("busy", 91), ("calm", 5), ("new", 20)];
    view.take(sample(begin, vec![("a", reading(&info(0, 0), &before))]));
    view.take(sample(begin, vec![("a", reading(&info(0, 0), &now))]));
    let keys = |view: &View| view.top.iter().map(|row| row.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&view), ["busy", "new", "calm"]);
    view.next_order();
    assert_eq!(keys(&view), ["new", "busy", "calm"]);
    view.next_order();
    assert_eq!(keys(&view), ["busy", "calm", "new"]);
    view.next_order();
    assert_eq!(view.order(), Order::Denied);
}
