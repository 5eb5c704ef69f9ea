//! A stream without campaigns: what it proves, and what not.

use super::*;

/// R10: an app that has lost its permission may be shown an empty stream. While campaigns that nobody asked
/// to delete are missing with ours, that counts for nothing, however often and long it is read: a person
/// decides. When they are not missing any more, the plain proof counts at once.
#[test]
fn a_stream_that_is_suddenly_empty_is_never_believed() {
    let doubted = StreamListing { suddenly_empty: true, ..listing(&[]) };
    let (object, step) = shown(&proving(begun()), &doubted, at(2));
    let record = proof(&object).unwrap().doubted_listing.clone().unwrap();
    assert!(record.suddenly_empty && proof(&object).unwrap().first_listing.is_none());
    let until = record.ended_at.0 + SignedDuration::from_mins(5);
    assert_eq!(step, Step::Stall { until: Some(until), why: Reason::StreamSuddenlyEmpty });
    let status = object.status.as_ref().unwrap();
    assert!(has(status, "Stalled") && deletion(&object).next_attempt_at.as_ref().unwrap().0 == until);
    let message = &ready(status).message;
    assert!(
        message.contains("Restore the JWT app's scope") && message.contains("deletionPolicy to Orphan"),
        "{message}"
    );

    // As second, and again after hours: it never counts. What counted before it still does.
    let early = |ended: i64| {
        let doubted = ListingRecord { suddenly_empty: true, ..with_first(ended).first_listing.unwrap() };
        ProofStatus { doubted_listing: Some(doubted), ..with_first(ended) }
    };
    for before in [with_first(-15), with_first(-7200), early(-7200)] {
        let (object, _) = shown(&proving(before.clone()), &doubted, at(2));
        assert_eq!(deletion(&object).outcome, None);
        let after = proof(&object).unwrap();
        assert_eq!((&after.first_listing, &after.second_listing), (&before.first_listing, &None));
    }
    assert!(matches!(next(&proving(early(-400)), at(2)), Step::List { .. }), "read again");

    // Everything else is deleted, or being deleted, by now; or some of the stream are shown again.
    for listing in [listing(&[]), listing(&["cd-2"])] {
        let (object, step) = shown(&proving(early(-15)), &listing, at(2));
        assert_eq!(
            deletion(&object).outcome,
            Some(DeletionOutcome::Absent),
            "sooner than the next was to be read"
        );
        assert!(matches!(step, Step::Release(_)), "{step:?}");
        assert_eq!(proof(&object).unwrap().doubted_listing, None);
    }
    // What an earlier version of the operator took although it doubted it.
    let old = ProofStatus { first_listing: early(-15).doubted_listing, ..begun() };
    let (object, _) = shown(&proving(old), &listing(&[]), at(2));
    assert_eq!(deletion(&object).outcome, None);
    assert!(!proof(&object).unwrap().first_listing.as_ref().unwrap().suddenly_empty);
}

/// K33: nor while the API server refuses to show VoiceCampaigns whose campaigns would be missing; which, is
/// said.
#[test]
fn an_empty_stream_proves_nothing_while_a_namespace_is_not_known() {
    let unseen = |ids| StreamListing { unseen_namespaces: vec!["b".into(), "c".into()], ..listing(ids) };
    let (object, step) = shown(&proving(with_first(-15)), &unseen(&[]), at(2));
    assert_eq!(deletion(&object).outcome, None);
    assert!(matches!(step, Step::Stall { why: Reason::StreamSuddenlyEmpty, .. }), "{step:?}");
    assert_eq!(proof(&object).unwrap().doubted_listing.as_ref().unwrap().unseen_namespaces, ["b", "c"]);
    let message = &ready(object.status.as_ref().unwrap()).message;
    assert!(
        message.contains("the VoiceCampaigns in b, c,") && message.contains("watchNamespaces"),
        "{message}"
    );
    let (object, _) = shown(&proving(with_first(-15)), &unseen(&["cd-2"]), at(2));
    assert_eq!(deletion(&object).outcome, Some(DeletionOutcome::Absent), "the app has access");
}

/// The client ID or `iid` was changed after the campaign was seen: to an app that was never shown the stream,
/// emptiness proves nothing. A campaign that was never seen needs none of that.
#[test]
fn an_empty_stream_proves_nothing_to_another_app_than_the_one_that_saw_the_campaign() {
    let stranger = StreamListing { to_a_stranger: true, ..listing(&[]) };
    let seen_as = |identity: Option<&str>| {
        let mut object = proving(with_first(-15));
        object.status.as_mut().unwrap().seen_as = identity.map(ToOwned::to_owned);
        object
    };
    let own = target().identity();
    let (object, step) = shown(&seen_as(Some("0123456789abcdef")), &stranger, at(2));
    assert_eq!(deletion(&object).outcome, None);
    assert!(matches!(step, Step::Stall { why: Reason::StreamSuddenlyEmpty, .. }), "{step:?}");
    let message = &ready(object.status.as_ref().unwrap()).message;
    assert!(message.contains("last seen with other credentials"), "{message}");
    for (identity, listing) in [
        (None, &stranger),
        (Some(own.as_str()), &stranger),
        (Some("0123456789abcdef"), &listing(&[])),
        (Some("0123456789abcdef"), &listing(&["cd-2"])),
        (Some("0123456789abcdef"), &StreamListing { to_a_stranger: true, ..deleted_rows(&["cd-1"]) }),
    ] {
        let (object, _) = shown(&seen_as(identity), listing, at(2));
        assert_eq!(deletion(&object).outcome, Some(DeletionOutcome::Absent), "{identity:?}");
    }
    // Whoever is shown the campaign while it is proven is the one who saw it last.
    let (object, _) = shown(&seen_as(Some("0123456789abcdef")), &listing(&["cd-1"]), at(2));
    assert_eq!(object.status.unwrap().seen_as.as_deref(), Some(own.as_str()));
}
