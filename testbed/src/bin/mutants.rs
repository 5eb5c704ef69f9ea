//! `make test-mutants`: breaks one protection at a time, and shows which test notices. Ends with 0 only if
//! each is noticed.
//!
//! A suite that never fails proves nothing. Each mutant is a change of the source that a hurried hand could
//! make; it must compile, and one of the tests that are named with it must fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use testbed::record::Record;
use testbed::repository;

/// Longest that the tests of a mutant may take, in seconds: several times what the slowest of them takes. A
/// test that waits for ever for what the mutant prevents is a defect of the test.
const LIMIT: &str = "600";
/// What `timeout` returns then.
const TIMED_OUT: i32 = 124;

/// One protection less.
struct Mutant {
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// Arguments of `cargo test`.
    tests: &'static [&'static str],
}

impl Mutant {
    fn is_in_the_source(&self) -> Result<()> {
        let source = std::fs::read_to_string(repository().join(self.file))?;
        let times = source.matches(self.from).count();
        ensure!(times == 1, "{}: {} is {times} times in {}, not once", self.name, self.from, self.file);
        Ok(())
    }
}

const DECISION: &[&str] = &["--test", "decision"];
// Templates of the chart.
const UPGRADE: &str = "charts/voicecampaign-operator/templates/_upgrade.tpl";
const RBAC: &str = "charts/voicecampaign-operator/templates/_rbac.tpl";
const POLICIES: &str = "charts/voicecampaign-operator/templates/_policies.tpl";
const FINALIZER_ADDED: &str = "charts/voicecampaign-operator/templates/policies/finalizer-added.yaml";
const FINALIZER_KEPT: &str = "charts/voicecampaign-operator/templates/policies/finalizer-kept.yaml";

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a listing from before a jump of the clock counts",
        file: "src/campaign/shared/stream.rs",
        from: "        self.release();\n        era == self.era",
        to: "        self.release();\n        let _ = era;\n        true",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "a pause of one campaign pauses all",
        file: "src/pacing/account/record.rs",
        from: "                charge == Charge::Account && self.clock.holds_all()",
        to: "                true",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a pause of what never worked is respected by nobody",
        file: "src/pacing/account/credentials.rs",
        from: "                outages.cool_down(now + pause);",
        to: "                let _ = pause;",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a pause of one campaign pauses all after a restart",
        file: "src/campaign/decide/before_restart.rs",
        from: "        FailureKind::Unavailable if failures <= 1 => ",
        to: "        FailureKind::Unavailable if failures <= 2 => ",
        tests: &["--lib", "before_restart"],
    },
    Mutant {
        name: "Retry-After does not pause the account",
        file: "src/pacing/account/record.rs",
        from: "            self.clock.cool_down(now + pause);",
        to: "            let _ = pause;",
        tests: &["--test", "cluster", "configuration::retry_after_moves_the_whole_account"],
    },
    Mutant {
        name: "a pause that the service asks for moves nobody",
        file: "src/pacing/account_clock/window.rs",
        from: "        self.paused_until = self.paused_until.max(until);",
        to: "        let _ = until;",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "breaker never opens",
        file: "src/pacing/breaker/mod.rs",
        from: "self.deletes.times + self.reads.times >= self.run {",
        to: "self.deletes.times + self.reads.times == usize::MAX {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "reads that work again wake the first alone",
        file: "src/pacing/account_clock/clock.rs",
        from: "        if was_down && self.breaker.only_deletes_fail() {",
        to: "        if false {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a campaign that the trouble does not concern waits for diagnostic reads",
        file: "src/pacing/account_clock/probing.rs",
        from: "if reads_work || !self.breaker.concerns(&self.candidate(caller, place)) {",
        to: "if reads_work {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a turn that is not used holds up all others",
        file: "src/campaign/shared/gate.rs",
        from: "        self.gate.give_back(&self.caller);",
        to: "        let _ = &self.caller;",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "whoever waits for its time gives its place back",
        file: "src/pacing/account_clock/clock.rs",
        from: "        has_turn.then(|| self.release(caller))",
        to: "        Some(has_turn).map(|_| self.release(caller))",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "new credentials wake nobody with old ones",
        file: "src/pacing/account/record.rs",
        from: "        if newly_accepted {",
        to: "        if false {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a campaign not asked for again while listings fail",
        file: "src/campaign/evidence/proof.rs",
        from: "doubled(failures) > doubled(proof.failures)",
        to: "doubled(failures) > doubled(i32::MAX)",
        tests: DECISION,
    },
    Mutant {
        name: "a negation taken for the name of a campaign",
        file: "src/kore/words/success.rs",
        from: "    let text = without_name(&words(message), name);",
        to: "    let text = without_name(&super::text::plain(message), name);",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "a condition taken for the name of a campaign",
        file: "src/kore/words/success.rs",
        from: "[&DENIED, &UNDER_WAY, &NO_NAME_TO_BELIEVE]",
        to: "[&DENIED, &UNDER_WAY]",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "the name of a campaign taken for a denial",
        file: "src/kore/words/success.rs",
        from: "without_name(&words(message), name)",
        to: "without_name(&words(message), None)",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "what a success says beside its message is not read",
        file: "src/kore/classify/denied.rs",
        from: "envelope.message.iter().chain(&envelope.remarks)",
        to: "envelope.message.iter().chain(&[])",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "a success that denies itself taken for one",
        file: "src/kore/classify/campaign.rs",
        from: "= envelope.denies.is_some() || doubtful_text(envelope).is_some();",
        to: "= doubtful_text(envelope).is_some();",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "a success in words that deny it taken for one",
        file: "src/kore/classify/campaign.rs",
        from: "= envelope.denies.is_some() || doubtful_text(envelope).is_some();",
        to: "= envelope.denies.is_some();",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "a page that can't be the last taken for it",
        file: "src/kore/listing.rs",
        from: "let more = has_more || names_more",
        to: "let more = has_more",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "the total of a page taken for that of a listing",
        file: "src/kore/listing.rs",
        from: "let more = has_more || names_more || may_go_on",
        to: "let more = has_more || names_more",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "more pages named, and taken for complete",
        file: "src/kore/listing.rs",
        from: "let is_last = !names_more ||",
        to: "let is_last = true ||",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "hasMore that can't be read taken for none",
        file: "src/kore/wire/page.rs",
        from: "Some(boolean(data, \"hasMore\") != Some(false))",
        to: "boolean(data, \"hasMore\")",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "a garbled id taken for another",
        file: "src/kore/wire/ids.rs",
        from: "if ids.iter().any(|id| id.contains(char::REPLACEMENT_CHARACTER))",
        to: "if false",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "an id overlooked that stands elsewhere",
        file: "src/kore/classify/campaign.rs",
        from: "|| shows_it(&envelope.shown_ids) && !finds_none()",
        to: "|| shows_it(&envelope.ids) && !finds_none()",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "a running campaign taken for a missing right",
        file: "src/kore/classify/success.rs",
        from: "&& speak_of_a_state(texts.iter());",
        to: "&& texts.iter().count() == usize::MAX;",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "a claim never accepted holds for ever",
        file: "src/campaign/shared/claim.rs",
        from: "let may_be_shown = open && (accepted || !could_ask);",
        to: "let may_be_shown = open && (accepted || !could_ask || true);",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "credentials taken for the account",
        file: "src/pacing/account/ask.rs",
        from: "clock.held(caller, place, now, quota)?.held_by(holder)))?;",
        to: "clock.held(caller, place, now, quota)?.held_by(holder))).filter(|_| false)?;",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "what never worked takes the probes of the account",
        file: "src/pacing/account/ask.rs",
        from: "            if self.says_nothing_of_account(request, now) {\n                self",
        to: "            if false {\n                self",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "an account that works again does not wake what never worked",
        file: "src/pacing/account/record.rs",
        from: "        if was_down && !self.clock.is_down() {",
        to: "        if false {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "what never worked stands before those who probe",
        file: "src/pacing/account/record.rs",
        from: "        if self.is_in_trouble() && !was_in_trouble {",
        to: "        if false {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a read that can wait takes the probe of a deletion",
        file: "src/pacing/account_clock/spare.rs",
        from: "=> probing.left_to_the_first(now, |_| true)?,",
        to: "=> return None,",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "two poisoned campaigns hold up everybody after a restart",
        file: "src/pacing/breaker/mod.rs",
        from: "            Some(held) if held.len() < RUN =>",
        to: "            Some(held) if held.is_empty() =>",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "an outage of a connection is one of the account after a restart",
        file: "src/campaign/decide/before_restart.rs",
        from: "partition(|(connection, _)| proven.contains(connection))",
        to: "partition(|_| true)",
        tests: &["--lib", "before_restart"],
    },
    Mutant {
        name: "a restart forgets the outage of a connection",
        file: "src/campaign/shared/gate.rs",
        from: "            queue.account.inherit_outage(&access, &outage, now);",
        to: "            drop(outage);",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "refused credentials are not probed while others are busy",
        file: "src/pacing/account/ask.rs",
        from: "let goes_first = goes_first_at <= now && ",
        to: "let goes_first = false && ",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "probes of refused credentials use up a small quota",
        file: "src/pacing/account/ask.rs",
        from: "breaker::LONGEST_INTERVAL * minutes <= now",
        to: "breaker::LONGEST_INTERVAL * minutes.min(1) <= now",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "refused credentials wait for the quota with all others",
        file: "src/pacing/account/record.rs",
        from: "        woken.extend(self.move_to_own_clocks(access, now));\n",
        to: "",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "those behind a caller that left are woken when the next one comes",
        file: "src/pacing/account/record.rs",
        from: "        woken.extend(self.moved_up(now));\n        Consequence",
        to: "        Consequence",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "what never worked taken for an outage of the account",
        file: "src/pacing/account/record.rs",
        from: "if unproven.is_some() && account.is_failure() {",
        to: "if unproven.is_some() && !account.is_failure() {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a refusal for one stream holds up all",
        file: "src/campaign/shared/caller.rs",
        from: "    let iid = target.iid.as_deref().unwrap_or(stream_id).to_owned();",
        to: "    let iid = target.iid.as_deref().unwrap_or(&stream_id[..0]).to_owned();",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "a missing right is never looked for",
        file: "src/campaign/decide/deletion.rs",
        from: "filter(|_| rejected && record.failures == 0)",
        to: "filter(|_| rejected && record.failures < 0)",
        tests: DECISION,
    },
    Mutant {
        name: "a probe with refused credentials waits for the quota",
        file: "src/pacing/account/ask.rs",
        from: "        let (Turn::At(until) | Turn::Held { until, .. }) = turn",
        to: "        let Turn::Held { until, .. } = turn",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a refusal of the credentials charged to the account",
        file: "src/campaign/shared/operation.rs",
        from: "        | (FailureKind::CredentialsRejected | FailureKind::ContractViolation, _) => Evidence::Nothing,",
        to: "        | (FailureKind::ContractViolation, _) => Evidence::Nothing,\n        (FailureKind::CredentialsRejected, _) => failed,",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "two poisoned campaigns hold up everybody",
        file: "src/pacing/breaker/mod.rs",
        from: "        self.spread || !fresh ||",
        to: "        self.open.is_some() || !fresh ||",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "campaigns that have failed before are evidence",
        file: "src/pacing/breaker/mod.rs",
        from: "        if fresh && self.fresh.len() < RUN {",
        to: "        if (fresh || true) && self.fresh.len() < RUN {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "DELETEs that fail while reads work are not paced",
        file: "src/pacing/breaker/open.rs",
        from: "                lately.nth(part - 1)",
        to: "                lately.nth(part * 1000)",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "what has failed does not stand behind",
        file: "src/pacing/account_clock/place.rs",
        from: "        Self { rank: Rank::Failed, due, reads: false, fresh: false }",
        to: "        Self { rank: Rank::Fresh, due, reads: false, fresh: false }",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a probe is another DELETE",
        file: "src/campaign/decide/deletion.rs",
        from: "        .or_else(|| get_first(observed, &record, &identity, now));",
        to: "        .or_else(|| get_first(observed, &record, &identity, now).filter(|_| false));",
        tests: DECISION,
    },
    Mutant {
        name: "DELETEs that hang while reads work are tried one by one",
        file: "src/pacing/breaker/open.rs",
        from: "self.is_down() && self.is_probed(now);",
        to: "self.is_probed(now);",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a smaller quota holds up a larger one",
        file: "src/pacing/account_clock/slots.rs",
        from: "} else if other.quota < room.quota {",
        to: "} else if other.quota > room.quota {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a smaller quota ends a halving",
        file: "src/pacing/pace.rs",
        from: "            if calls >= cut.quota {",
        to: "            if calls >= quota {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a pause that was asked for is lost at a restart",
        file: "src/pacing/account_clock/inherit.rs",
        from: "        if let Some(until) = past.pause_asked_for(now) {",
        to: "        if let Some(until) = past.pause_asked_for(now).filter(|_| false) {",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "what was under way before a restart was no call",
        file: "src/pacing/account_clock/window.rs",
        from: "recent.chain(std::iter::repeat_n(now, under_way))",
        to: "recent.chain(std::iter::repeat_n(now, under_way * 0))",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a 429 before a restart asked for no pause",
        file: "src/campaign/decide/before_restart.rs",
        from: "        FailureKind::Throttled => Duration::ZERO,",
        to: "        FailureKind::Throttled => return None,",
        tests: &["--lib", "before_restart"],
    },
    Mutant {
        name: "a restart starts the probes of refused credentials over",
        file: "src/pacing/account/credentials.rs",
        from: "            Standing::Unproven { refusals, outages: _ } => refusals.inherit_refusal(refusal, now),",
        to: "            Standing::Unproven { .. } => {}",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a restart forgets that credentials were refused",
        file: "src/campaign/decide/before_restart.rs",
        from: "            Some(Reason::Service(FailureKind::CredentialsRejected))\n                if !record.last_answer.as_ref().is_some_and(answer::lacks_right) =>\n            {",
        to: "            Some(Reason::Service(FailureKind::Throttled)) => {",
        tests: &["--lib", "before_restart"],
    },
    Mutant {
        name: "refused credentials are probed in a pause",
        file: "src/pacing/account_clock/probing.rs",
        from: "would_probe(&candidate) && self.paused_until > now;",
        to: "would_probe(&candidate) && self.paused_until > now && false;",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "reads that bring nothing keep the probe",
        file: "src/pacing/breaker/open.rs",
        from: "        self.last_probe_was_read = probe.map_or(self.last_probe_was_read, |probe| probe.reads);",
        to: "        self.last_probe_was_read = probe.is_none() && self.last_probe_was_read;",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "one campaign is read again and again",
        file: "src/pacing/account_clock/clock.rs",
        from: "        let place = last_read.map_or(place, |last_read| place.due_from(last_read));\n",
        to: "        let _ = last_read;\n",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "no listing in an outage",
        file: "src/campaign/decide/deletion.rs",
        from: "observed.wants_diagnostic_read && proof.silent_gets > 0",
        to: "observed.wants_diagnostic_read && proof.silent_gets > 9",
        tests: DECISION,
    },
    Mutant {
        name: "whoever leaves the front of a queue tells nobody",
        file: "src/pacing/account_clock/clock.rs",
        from: "        self.prober_left |= !self.release(caller).is_empty();",
        to: "        drop(self.release(caller));",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "reads that work have a tenth of the quota",
        file: "src/pacing/account_clock/place.rs",
        from: "        Self { reads: true, ..Self::deletion(due",
        to: "        Self { reads: false, ..Self::deletion(due",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "those held by their credentials give up their place",
        file: "src/campaign/decide/turn.rs",
        from: "    Plan::with(Step::Wait { until: Some(until), why }, status)",
        to: "    Plan::rest(why, until, status)",
        tests: DECISION,
    },
    Mutant {
        name: "a deletion that is held for another counts as asked for",
        file: "src/campaign/shared/claims.rs",
        from: "!self.claims(deleted, others, |other| index.is_new(other)).any(|claim| claim.keeps)",
        to: "!self.claims(deleted, others, |other| index.is_new(other)).any(|_| false)",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "a rename of its own takes a claim out of the account",
        file: "src/campaign/shared/claims.rs",
        from: "if recorded == *called || is_renamed() {",
        to: "if recorded == *called || (is_renamed() && false) {",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "a stranger's word joins what is counted of two accounts",
        file: "src/connection/lookup/cache.rs",
        from: "self.renames(|connection| self.is_vouched_for(&connection.spec))",
        to: "self.renames(|_| true)",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "a stranger's word makes his claim one of another account",
        file: "src/campaign/shared/claims.rs",
        from: "let recorded = recorded_account(other).map(|recorded| renames.one(recorded));",
        to: "let theirs = self.connections.believed_in(&other.namespace().unwrap_or_default());\n        \
             let recorded = recorded_account(other).map(|it| theirs.one(it));",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "a suspended deletion counts as asked for",
        file: "src/campaign/shared/claim.rs",
        from: "(!object.spec.suspend || has_begun())",
        to: "(!object.spec.suspend || has_begun() || true)",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "a campaign of two ids is missed for the other",
        file: "src/campaign/shared/emptiness.rs",
        from: "!ids.iter().any(is_asked_for)",
        to: "!ids.iter().all(is_asked_for)",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "a refusal under success is an empty listing",
        file: "src/kore/classify/list.rs",
        from: "    if page.as_ref().is_none_or(|page| page.rows.is_empty())",
        to: "    if page.is_none()",
        tests: &["--lib", "kore::"],
    },
    Mutant {
        name: "a listing that says nothing is followed by the next at once",
        file: "src/campaign/evidence/proof.rs",
        from: "failed(&proof, failures, answer::of_listing_without_rows())",
        to: "failed(&proof, proof.failures, answer::of_listing_without_rows())",
        tests: DECISION,
    },
    Mutant {
        name: "a read is held as the DELETE that it waited for before",
        file: "src/pacing/account_clock/place.rs",
        from: "Self { reads: self.reads, ..self.min(held) }",
        to: "self.min(held)",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "those with a smaller quota keep others from moving up",
        file: "src/pacing/account_clock/slots.rs",
        from: "filter(|(_, waiting)| waiting.quota >= room.quota);",
        to: "filter(|(_, waiting)| waiting.quota >= 1);",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a claim lapses while nobody is let look",
        file: "src/campaign/shared/gate.rs",
        from: "queue.observes_at = queue.observes_at.max(until);",
        to: "let _ = until;",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "a claim lapses never with a small quota of its own",
        file: "src/campaign/shared/gate.rs",
        from: "&& per_minute >= queue.largest_quota",
        to: "&& per_minute > 0",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "a read kept by a state",
        file: "src/kore/classify/success.rs",
        from: "&& operation == Operation::Delete\n        && texts.http_status == 403",
        to: "&& texts.http_status == 403",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "what speaks of a campaign taken for it",
        file: "src/kore/wire/ids.rs",
        from: "const IDS: [&str; 2] = [\"_id\", \"id\"];",
        to: "const IDS: [&str; 3] = [\"_id\", \"id\", \"campaignId\"];",
        tests: &["--lib", "kore"],
    },
    Mutant {
        name: "callers lose their turns to those that were due earlier",
        file: "src/pacing/account_clock/slots.rs",
        from: "return room.slot(self.unused_turns - 1);",
        to: "return room.slot(rank.max(self.unused_turns - 1));",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "callers with a turn that stand behind are not waited for",
        file: "src/pacing/account_clock/slots.rs",
        from: "rank - turns - slower.len() + self.unused_turns;",
        to: "rank - slower.len();",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "all in line write at once",
        file: "src/campaign/act/in_flight.rs",
        from: "Self::InLine => Some(kube.patient_permit(namespace).await),",
        to: "Self::InLine => None,",
        tests: &["--lib", "in_flight"],
    },
    Mutant {
        name: "those behind many that leave do not move up",
        file: "src/pacing/account_clock/slots.rs",
        from: "        slot <= room.now || promised >= slot + MOVES",
        to: "        slot <= room.now && promised >= slot + MOVES",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "one of those who wait for a listing is woken",
        file: "src/campaign/shared/queue.rs",
        from: "self.many.entry(id.clone()).or_default().insert(object.clone());",
        to: "self.many.insert(id.clone(), HashSet::from([object.clone()]));",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "whoever can't take the lease is ready",
        file: "src/run/election.rs",
        from: "Some(lease) => crds::may_take(client, lease).await,",
        to: "Some(_) => Ok(()),",
        tests: &["--test", "cluster", "namespaces::an_instance_that_could_not_work_is_not_ready"],
    },
    Mutant {
        name: "a telephone number written out is shown",
        file: "src/kore/scrub/message.rs",
        from: "text.chars().all(may_be_in_a_number).then_some(text)",
        to: "text.chars().all(may_be_in_a_number).then_some(text).filter(|_| false)",
        tests: &["--lib", "kore::"],
    },
    Mutant {
        name: "a success without rows proves an absence by itself",
        file: "src/campaign/evidence/proof.rs",
        from: "    if proof.not_returned_at.is_none() && !read.listing.names_its_rows() {",
        to: "    if proof.not_returned_at.is_none() && !read.listing.names_its_rows() && false {",
        tests: DECISION,
    },
    Mutant {
        name: "a refusal for ever is never looked at",
        file: "src/campaign/evidence/proof.rs",
        from: "        | FailureKind::Refused => Hint::None,",
        to: "        => Hint::None,\n        FailureKind::Refused => Hint::TurnedAway,",
        tests: DECISION,
    },
    Mutant {
        name: "a restart starts the probes over",
        file: "src/pacing/account_clock/inherit.rs",
        from: "            self.inherit_outage(outage, now);",
        to: "            let _ = outage;",
        tests: &["--test", "cluster", "account::a_restart_in_an_outage_probes_on"],
    },
    Mutant {
        name: "promised times move with those who are late",
        file: "src/pacing/account_clock/slots.rs",
        from: "*promised > room.now && *promised >= room.window.paused_until()",
        to: "*promised >= slot && *promised >= room.window.paused_until()",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a promise stands in a pause that the service asks for",
        file: "src/pacing/account_clock/slots.rs",
        from: "*promised > room.now && *promised >= room.window.paused_until()",
        to: "*promised > room.now",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a call counts from when it was begun",
        file: "src/pacing/account_clock/clock.rs",
        from: "        self.window.answered(caller, now);",
        to: "",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a call that is answered late counts from then",
        file: "src/pacing/account_clock/window.rs",
        from: "now.clamp(begun, begun + ARRIVES_WITHIN)",
        to: "now.max(begun)",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a time that is some seconds later is told again",
        file: "src/campaign/decide/turn.rs",
        from: "(*told..=*told + ABOUT).contains",
        to: "(*told..=*told).contains",
        tests: DECISION,
    },
    Mutant {
        name: "after a restart the window is full for who comes first alone",
        file: "src/pacing/account_clock/window.rs",
        from: "        self.full_at = self.full_at.filter(",
        to: "        self.full_at = None::<Timestamp>.filter(",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "calls before a restart do not count",
        file: "src/pacing/account_clock/window.rs",
        from: "        let recent = calls.filter(|call| *call + WINDOW > now);",
        to: "        let recent = calls.filter(|_| false);",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "a time from the future parks a deletion",
        file: "src/campaign/decide/progress.rs",
        from: "    if let Some(pause) = own_pause(observed, record) {",
        to: "    if let Some(pause) = own_pause(observed, record).filter(|_| false) {",
        tests: DECISION,
    },
    Mutant {
        name: "refused credentials need nobody while others try them",
        file: "src/campaign/decide/turn.rs",
        from: "        Holder::Credentials => Situation::CredentialsRefused(trouble),",
        to: "        Holder::Credentials => Situation::AccountInTrouble(trouble),",
        tests: DECISION,
    },
    Mutant {
        name: "a listing outlives a jump of the clock",
        file: "src/campaign/shared/stream.rs",
        from: "        self.not_before = Some(Instant::now() + distance);",
        to: "        let _ = distance;",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "places in the queue not kept",
        file: "src/pacing/account_clock/window.rs",
        from: "        let rounds = i32::try_from(before / calls).unwrap_or(i32::MAX);",
        to: "        let (before, rounds) = (before * 0, 0);",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "nobody is woken for the next probe",
        file: "src/pacing/account_clock/probing.rs",
        from: "let come = if self.breaker.open_since().is_some() { order.come } else { usize::MAX };",
        to: "let come = if self.breaker.open_since().is_some() { 0 } else { usize::MAX };",
        tests: &["--lib", "pacing"],
    },
    Mutant {
        name: "two attempts of one second taken for one",
        file: "src/campaign/decide/progress.rs",
        from: "    record.attempts >= attempt.number && record.last_attempt_at",
        to: "    record.last_attempt_at",
        tests: DECISION,
    },
    Mutant {
        name: "Orphan not tested when the object is let go",
        file: "src/campaign/act/kubernetes.rs",
        from: "REMOTE_CAMPAIGN.removing_while(metadata, permit, is_orphan)",
        to: "{ let _ = is_orphan; REMOTE_CAMPAIGN.removing(metadata, permit) }",
        tests: &["--test", "cluster", "views::orphan_taken_back_at_the_last_moment_deletes"],
    },
    Mutant {
        name: "expiry of the lease not checked",
        file: "src/kube_ext/leadership.rs",
        from: "            Expiry::At(expiry) => Instant::now() < expiry,",
        to: "            Expiry::At(_) => true,",
        tests: &["--lib", "leadership"],
    },
    Mutant {
        name: "a lease that cannot be written is retried at once",
        file: "src/kube_ext/lease.rs",
        from: "Err(CallError::Changed(_)) if !std::mem::replace(&mut lost_a_race, true) => {}",
        to: "Err(CallError::Changed(_)) => sleep(Duration::from_millis(1)).await,",
        tests: &["--lib", "lease"],
    },
    Mutant {
        name: "a stop waits for a namespace that was never listed",
        file: "src/run/controllers.rs",
        from: "    if synced.has_listed(namespace.as_deref()) {",
        to: "    if synced.has_listed(namespace.as_deref()) || true {",
        tests: &["--test", "cluster", "namespaces::a_namespace_that_cannot_be_read_holds_up_no_other"],
    },
    Mutant {
        name: "an uninstall gives up its rights first",
        file: "src/uninstall/release.rs",
        from: "        if pass.found_nothing() {\n            // Last",
        to: "        if pass.found_nothing() || true {\n            // Last",
        tests: &["--test", "cluster", "uninstalled::an_uninstall_lets_everything_go"],
    },
    Mutant {
        name: "an uninstall that took long blames an operator",
        file: "src/uninstall/release.rs",
        from: "        let added_again = !released.is_disjoint(&before);",
        to: "        let added_again = true;",
        tests: &["--test", "cluster", "uninstalled::a_slow_uninstall_is_confirmed"],
    },
    Mutant {
        name: "a standby that cannot read the lease is ready",
        file: "src/run/election.rs",
        from: "                let could_lead = lease_error.map_or(could_lead, Err);\n",
        to: "                let _ = lease_error;\n",
        tests: &["--test", "cluster", "namespaces::an_instance_that_could_not_work_is_not_ready"],
    },
    Mutant {
        name: "a lease respected for as long as it says",
        file: "src/kube_ext/lease.rs",
        from: ".clamp(LEASE_DURATION, LONGEST_LEASE)",
        to: "",
        tests: &["--lib", "lease"],
    },
    Mutant {
        name: "no uid test on the finalizer",
        file: "src/kube_ext/finalizer.rs",
        from: r#"            {"op": "test", "path": "/metadata/uid", "value": metadata.uid},
            {"op": "test", "path": path, "value": self.name},"#,
        to: r#"            {"op": "test", "path": path, "value": self.name},"#,
        tests: &["--lib", "finalizer"],
    },
    Mutant {
        name: "time-out taken for success",
        file: "src/kore/client.rs",
        from: "        classify::deletion(&self.exchange.send(target, call).await?, &key.campaign_id)",
        to: r##"        let body = format!(r#"{{"status":"success","data":{{"_id":"{}"}}}}"#, key.campaign_id).into_bytes();
        let taken = super::answer::RawAnswer { http_status: 200, body, ..Default::default() };
        let answer = self.exchange.send(target, call).await.unwrap_or(taken);
        classify::deletion(&answer, &key.campaign_id)"##,
        tests: &["--test", "kore_contract"],
    },
    Mutant {
        name: "202 taken for a confirmation",
        file: "src/kore/classify/success.rs",
        from: "        202 => operation.undecided(),\n        200..=299",
        to: "        200..=299",
        tests: &["--lib", "classify"],
    },
    Mutant {
        name: "success for another campaign believed",
        file: "src/kore/classify/campaign.rs",
        from: "        Operation::Delete => envelope.ids.iter().any(|answered| answered == id),",
        to: "        Operation::Delete => envelope.ids.iter().any(|answered| answered == id || true),",
        tests: &["--lib", "classify"],
    },
    Mutant {
        name: "success without a campaign believed",
        file: "src/kore/classify/campaign.rs",
        from: "    if envelope.ids.is_empty() && !is_named {",
        to: "    if envelope.ids.is_empty() && operation == Operation::Delete {\n        return Ok((Campaign::default(), summary));\n    }\n    if envelope.ids.is_empty() {",
        tests: &["--lib", "classify"],
    },
    Mutant {
        name: "a read that says nothing taken for an absence",
        file: "src/kore/classify/operation.rs",
        from: "            Self::Read => FailureKind::Unreadable,",
        to: "            Self::Read => FailureKind::MayBeAbsent,",
        tests: &["--lib", "classify"],
    },
    Mutant {
        name: "a campaign returned as deleted believed to live",
        file: "src/kore/classify/get.rs",
        from: "Ok((campaign, summary)) if deleted(campaign.status.as_deref()) =>",
        to: "Ok((campaign, summary)) if deleted(campaign.status.as_deref()) && false =>",
        tests: &["--lib", "classify"],
    },
    Mutant {
        name: "any refusal of a GET taken for an absence",
        file: "src/kore/classify/success.rs",
        from: " && operation == Operation::Read && !texts.say_absent();",
        to: " && operation == Operation::Read && !texts.say_absent() && false;",
        tests: &["--lib", "kore::"],
    },
    Mutant {
        name: "a success with errors confirms",
        file: "src/kore/classify/campaign.rs",
        from: "    if envelope.has_errors && !(is_named && operation == Operation::Read) {",
        to: "    if envelope.has_errors && envelope.ids.is_empty() {",
        tests: &["--lib", "kore::"],
    },
    Mutant {
        name: "a listing with errors counts",
        file: "src/kore/classify/list.rs",
        from: "Ok(envelope) if envelope.has_errors => return",
        to: "Ok(envelope) if envelope.has_errors && envelope.data.is_none() => return",
        tests: &["--lib", "kore::"],
    },
    Mutant {
        name: "something else that is not found taken for the campaign",
        file: "src/kore/words/absence.rs",
        from: "ABSENT.is_match(plain) && (plain.contains(\"campaign\") || !ANOTHER.is_match(plain))",
        to: "ABSENT.is_match(plain) && (plain.contains(\"campaign\") || !ANOTHER.is_match(plain) || true)",
        tests: &["--lib", "kore::"],
    },
    Mutant {
        name: "an id spelled otherwise is not seen",
        file: "src/kore/campaign_id.rs",
        from: "let visible = written.chars().filter(char::is_ascii_graphic);",
        to: "let visible = written.chars();",
        tests: &["--lib", "kore::"],
    },
    Mutant {
        name: "one careless text hides a page",
        file: "src/kore/wire/json.rs",
        from: "text.replace(|c: char| c.is_ascii_control(), \" \");",
        to: "text.replace('\\u{0}', \" \");",
        tests: &["--lib", "kore::"],
    },
    Mutant {
        name: "trouble on the way ends a claim",
        file: "src/campaign/shared/claim.rs",
        from: "            !passes(kind) || !connection",
        to: "            true || !passes(kind) || !connection",
        tests: &["--lib", "campaign"],
    },
    Mutant {
        name: "a clock that is ahead takes the grace",
        file: "src/campaign/shared/claim.rs",
        from: "        let young = new || ",
        to: "        let young = (new && false) || ",
        tests: &["--lib", "campaign"],
    },
    Mutant {
        name: "a claim that holds nothing casts doubt on an empty stream",
        file: "src/campaign/shared/claims.rs",
        from: "!self.claims(deleted, others, |other| index.is_new(other)).any(|claim| claim.keeps)",
        to: "self.claims(deleted, others, |other| index.is_new(other)).next().is_none()",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "a refusal told as an absence while it is looked again",
        file: "src/campaign/status/proving.rs",
        from: "        _ if answer::is_refused_again(deletion, proof) => Reason",
        to: "        _ if answer::is_refused_again(deletion, proof) && false => Reason",
        tests: DECISION,
    },
    Mutant {
        name: "Stalled is dropped at each try",
        file: "src/campaign/act/delete.rs",
        from: "status::reason(status).needs_a_person()) {",
        to: "status::reason(status).needs_a_person() && false) {",
        tests: &["--test", "cluster", "account::whoever_needs_a_person_says_so_all_the_time"],
    },
    Mutant {
        name: "a watch in vain is begun at once",
        file: "src/run/relist.rs",
        from: "self.failed_lists = self.failed_lists.saturating_add(1);",
        to: "self.failed_lists = 1;",
        tests: &["--lib", "relist"],
    },
    Mutant {
        name: "an Orphan that was taken back taken for a release",
        file: "src/campaign/shared/memory.rs",
        from: "if known.release == Some(Release::Sent(DeletionOutcome::Orphaned)) {",
        to: "if false {",
        tests: &["--lib", "a_release_is_counted_once"],
    },
    Mutant {
        name: "a recorded Orphan that was taken back permits a release",
        file: "src/campaign/left_behind.rs",
        from: "recorded.is_some_and(|outcome| outcome != DeletionOutcome::Orphaned)",
        to: "recorded.is_some()",
        tests: &["--lib", "a_campaign_is_left_behind"],
    },
    Mutant {
        name: "a RoleBinding that is held left behind by an upgrade",
        file: UPGRADE,
        from: "{{- else if and (not $released) (has \"voicecampaign.dev/in-use\"",
        to: "{{- else if and (not $after) (has \"voicecampaign.dev/in-use\"",
        tests: &["--test", "chart", "no_held_binding_is_left_behind"],
    },
    Mutant {
        name: "RoleBindings that are held left behind by whoever brings his own",
        file: UPGRADE,
        from: "{{- $released := and $watched (eq $role (include \"operator.roleBinding\" $context)) -}}",
        to: "{{- $released := $watched -}}",
        tests: &["--test", "chart", "no_held_binding_is_left_behind"],
    },
    Mutant {
        name: "an upgrade creates something in a namespace that is being deleted",
        file: RBAC,
        from: "{{- if not (and (has . $before) (include \"operator.isTerminating\" (list $ .))) -}}",
        to: "{{- if true -}}",
        tests: &["--test", "chart", "a_namespace_that_is_being_deleted_holds_up_no_upgrade"],
    },
    Mutant {
        name: "the operator's rights cut in a namespace that is being deleted",
        file: UPGRADE,
        from: "{{- $terminating := and (has $namespace $before) (include \"operator.isTerminating\" (list $context $namespace)) -}}",
        to: "{{- $terminating := \"\" -}}",
        tests: &["--test", "chart", "a_namespace_that_is_being_deleted_holds_up_no_upgrade"],
    },
    Mutant {
        name: "namespaces read though none is being deleted",
        file: RBAC,
        from: "{{- if or (not $binding) (dig \"metadata\" \"deletionTimestamp\" \"\" $binding) -}}",
        to: "{{- if true -}}",
        tests: &["--test", "chart", "a_namespace_that_is_being_deleted_holds_up_no_upgrade"],
    },
    Mutant {
        name: "the definitions deleted by an upgrade",
        file: UPGRADE,
        from: "{{- if and $own (ne (get $of \"helm.sh/resource-policy\") \"keep\")",
        to: "{{- if and false (ne (get $of \"helm.sh/resource-policy\") \"keep\")",
        tests: &["--test", "chart", "an_upgrade_deletes_no_definitions"],
    },
    Mutant {
        name: "an operator that is switched off takes over",
        file: UPGRADE,
        from: "{{- $works := and (gt (int .spec.replicas) 0) (not .metadata.deletionTimestamp) -}}",
        to: "{{- $works := true -}}",
        tests: &["--test", "chart", "what_does_not_work_takes_nothing_over"],
    },
    Mutant {
        name: "the uninstall does not look at what the operator holds",
        file: "charts/voicecampaign-operator/templates/uninstall/job.yaml",
        from: "{{- with include \"operator.roleBinding\" . }}",
        to: "{{- with and $hasRights (include \"operator.roleBinding\" .) }}",
        tests: &["--test", "chart", "what_the_operator_holds_the_uninstall_looks_at"],
    },
    Mutant {
        name: "the admin server where nobody asks",
        file: "charts/voicecampaign-operator/templates/deployment.yaml",
        from: "{{- $set = append $set \"ADMIN_ADDRESS\" }}",
        to: "",
        tests: &["--test", "chart", "a_wrong_value_is_refused"],
    },
    Mutant {
        name: "labels and tags that the API server refuses",
        file: "charts/voicecampaign-operator/templates/_labels.tpl",
        from: "(regexReplaceAll \"[^A-Za-z0-9._-]\" . \"_\" | trunc 63)",
        to: "(. | trunc 63)",
        tests: &["--test", "chart", "a_version_with_build_metadata"],
    },
    Mutant {
        name: "names that the API server refuses",
        file: "charts/voicecampaign-operator/templates/_names.tpl",
        from: "(regexReplaceAll \"[^a-z0-9-]\" (lower .) \"-\" | trunc 52)",
        to: "(lower . | replace \".\" \"-\" | trunc 52)",
        tests: &["--test", "chart", "any_alias_names_objects"],
    },
    Mutant {
        name: "a namespace that is being deleted taken for an empty one",
        file: "src/uninstall/remaining.rs",
        from: "                hidden.insert(name.to_owned());\n",
        to: "",
        tests: &["--test", "cluster", "uninstalled::a_namespace_that_is_being_deleted"],
    },
    Mutant {
        name: "check takes a policy of somebody else for ours",
        file: "src/run/check_policies.rs",
        from: "spec[\"paramKind\"][\"kind\"] == \"ServiceAccount\" && expressions",
        to: "expressions",
        tests: &["--lib", "policies_are_known_without_their_labels"],
    },
    Mutant {
        name: "check knows policies by their labels alone",
        file: "src/run/check_policies.rs",
        from: "is_installed(&policy.fields) || policy.is_of_an_operator()",
        to: "is_installed(&policy.fields)",
        tests: &["--test", "cluster", "kustomized::a_renamed_installation_is_guarded"],
    },
    Mutant {
        name: "ready though the API server refuses everything",
        file: "src/run/health.rs",
        from: "None if !watches.values().any(|watch| works_in(&watch.namespace)) => Err(format!(",
        to: "None if watches.is_empty() => Err(format!(",
        tests: &["--lib", "health"],
    },
    Mutant {
        name: "idle connections keep their places",
        file: "src/run/admin.rs",
        from: "if open.len() >= CONNECTIONS",
        to: "if open.len() == usize::MAX",
        tests: &["--lib", "admin"],
    },
    Mutant {
        name: "a lease of our own is waited for",
        file: "src/kube_ext/lease.rs",
        from: "filter(|holder| *holder != identity)",
        to: "filter(|_| true)",
        tests: &["--lib", "lease"],
    },
    Mutant {
        name: "a namespace that can't be read holds up all",
        file: "src/run/progress.rs",
        from: "if since.elapsed() < REFUSED_FOR_GOOD {",
        to: "if since.elapsed() < Duration::MAX {",
        tests: &["--test", "cluster", "namespaces::a_namespace_that_cannot_be_read_holds_up_no_other"],
    },
    Mutant {
        name: "claims of a namespace that can't be read are waited for",
        file: "src/campaign/shared/claims.rs",
        from: "                Err(CallError::Forbidden(_)) if self.is_refused_for_good(namespace) => continue,\n",
        to: "",
        tests: &["--test", "cluster", "namespaces::a_namespace_that_cannot_be_read_holds_up_no_other"],
    },
    Mutant {
        name: "an object that waited long for its seat is not read again",
        file: "src/campaign/act/delete.rs",
        from: "    // Again, if the seat was long in coming.\n    if !pass.is_fresh() {",
        to: "    if false {",
        tests: &["--test", "cluster", "identity::orphan_reaches_objects_that_wait_for_a_seat"],
    },
    Mutant {
        name: "any number prepare at once",
        file: "src/campaign/shared/seats.rs",
        from: "[room.few, room.many]",
        to: "[room.few, 1000]",
        tests: &["--lib", "gate"],
    },
    Mutant {
        name: "the turn of who prepares is lost",
        file: "src/campaign/shared/gate.rs",
        from: "Some(Preparing { _turn: self, _permit: permit })",
        to: "let gate = self.gate.clone();
        std::mem::forget(self);
        Some(Preparing { _turn: OwnTurn { gate, caller: String::new(), credentials: 0 }, _permit: permit })",
        tests: &["--lib", "gate"],
    },
    Mutant {
        name: "rights are not kept",
        file: "src/connection/keep/rights.rs",
        from: "        if !IN_USE.is_on(&binding.metadata) && binding.metadata.deletion_timestamp.is_none() {\n            let patch =",
        to: "        if false && binding.metadata.deletion_timestamp.is_none() {\n            let patch =",
        tests: &["--test", "cluster", "namespaces::a_namespace_goes_with_the_rights_in_it"],
    },
    Mutant {
        name: "rights are let go too early",
        file: "src/connection/keep/rights.rs",
        from: "        if campaigns.iter().any(|campaign| ours(&campaign)) || ",
        to: "        if ",
        tests: &[
            "--test",
            "cluster",
            "namespaces::rights_are_let_go_with_the_last_campaign",
            "namespaces::a_namespace_goes_with_the_rights_in_it",
        ],
    },
    Mutant {
        name: "a missing right taken for an absence",
        file: "src/kore/classify/success.rs",
        from: "            if texts.refusal().is_some() =>",
        to: "            if texts.refusal().is_some_and(|text| !crate::kore::words::speaks_of_rights(None, &text)) =>",
        tests: &["--lib", "classify"],
    },
    Mutant {
        name: "a campaign's name taken for a missing right",
        file: "src/kore/words/text.rs",
        from: "if !NO_NAME.is_match(name.as_str()) =>",
        to: "if !NO_NAME.is_match(name.as_str()) && false =>",
        tests: &["--lib", "words"],
    },
    Mutant {
        name: "credentials blamed for a missing right",
        file: "src/campaign/status/advice.rs",
        from: "FailureKind::CredentialsRejected if lacks_right(answer) =>",
        to: "FailureKind::CredentialsRejected if lacks_right(answer) && false =>",
        tests: &["--test", "decision", "deletion"],
    },
    Mutant {
        name: "a deleted row listed as a campaign",
        file: "src/kore/wire/page.rs",
        from: "!campaign.status.as_deref().is_some_and(is_deleted)",
        to: "!campaign.status.as_deref().is_some_and(|_| false)",
        tests: &["--lib", "listing"],
    },
    Mutant {
        name: "a listing of something else taken for an empty one",
        file: "src/kore/wire/page.rs",
        from: "None | Some(Value::Null) if holds_nothing(data) =>",
        to: "None | Some(Value::Null) if holds_nothing(data) || true =>",
        tests: &["--lib", "classify"],
    },
    Mutant {
        name: "half a surrogate pair hides a page",
        file: "src/kore/wire/json.rs",
        from: "            Some((Surrogate::High | Surrogate::Low, after)) => (\"\\\\ufffd\", after),",
        to: "            Some((Surrogate::High | Surrogate::Low, _)) => escape.split_at(6),",
        tests: &["--lib", "wire"],
    },
    Mutant {
        name: "next page counted from what was asked for",
        file: "src/kore/listing.rs",
        from: "        let skip = u32::try_from(self.rows).unwrap_or(u32::MAX);",
        to: "        let skip = self.pages * self.limit;",
        tests: &["--lib", "listing"],
    },
    Mutant {
        name: "page that is too large ends the listing",
        file: "src/kore/listing.rs",
        from: "        match self.limit / 2 {",
        to: "        match self.limit / u32::MAX {",
        tests: &["--lib", "listing"],
    },
    Mutant {
        name: "a service that repeats itself read for ever",
        file: "src/kore/listing.rs",
        from: "        if more && new > 0 && self.rows < MAX_ROWS {",
        to: "        if more && received > 0 {",
        tests: &["--lib", "listing"],
    },
    Mutant {
        name: "an empty listing believed against its own words",
        file: "src/kore/listing.rs",
        from: "total.map_or(none || says_last && self.pages == 1, |total| total == self.rows)",
        to: "total.map_or(none || says_last && self.pages == 1, |total| total == self.rows || self.rows == 0)",
        tests: &["--lib", "listing"],
    },
    Mutant {
        name: "lone 404 believed",
        file: "src/campaign/evidence/proof.rs",
        from: "        return Course::Open(ProofStatus { not_returned_at: asked_at, second_listing: None, ..read });",
        to: "        return Course::Proven(proof.clone(), ProvenAbsence(()));",
        tests: DECISION,
    },
    Mutant {
        name: "one listing instead of two",
        file: "src/campaign/evidence/proof.rs",
        from: "            Course::Open(ProofStatus { first_listing: Some(record), second_listing: None, ..proof })",
        to: "            Course::Proven(ProofStatus { second_listing: Some(record), ..proof }, ProvenAbsence(()))",
        tests: DECISION,
    },
    Mutant {
        name: "listings at no distance",
        file: "src/campaign/evidence/proof.rs",
        from: "        (Some(first), None) => first.ended_at.0 + DISTANCE,",
        to: "        (Some(first), None) => first.ended_at.0,",
        tests: DECISION,
    },
    Mutant {
        name: "listing not checked for completeness",
        file: "src/campaign/evidence/proof.rs",
        from: "        && listing.is_complete()\n",
        to: "",
        tests: DECISION,
    },
    Mutant {
        name: "pages not added up",
        file: "src/kore/listing.rs",
        from: "self.listing.complete &= adds_up && is_last && (",
        to: "self.listing.complete &= is_last && (",
        tests: &["--lib", "listing"],
    },
    Mutant {
        name: "listing as another app believed",
        file: "src/campaign/evidence/proof.rs",
        from: "    listing.identity().as_str() == proof.identity\n        && listing",
        to: "    listing",
        tests: DECISION,
    },
    Mutant {
        name: "sudden emptiness believed",
        file: "src/campaign/evidence/proof.rs",
        from: "    let doubted = doubts(object, read);",
        to: "    let doubted = doubts(object, read) && proof.doubted_listing.is_none();",
        tests: DECISION,
    },
    Mutant {
        name: "emptiness believed that another app was shown",
        file: "src/campaign/evidence/proof.rs",
        from: "(missed || read.to_a_stranger && seen_by_another)",
        to: "(missed || read.to_a_stranger && seen_by_another && false)",
        tests: DECISION,
    },
    Mutant {
        name: "nobody missed in an empty stream",
        file: "src/campaign/shared/emptiness.rs",
        from: "let suddenly_empty = self.is_somebody_missing(stream, &shown);",
        to: "let suddenly_empty = self.is_somebody_missing(stream, &shown) && false;",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "emptiness believed while a namespace is not known",
        file: "src/campaign/shared/emptiness.rs",
        from: "unseen_namespaces: if is_known { Vec::new() } else { self.unseen() },",
        to: "unseen_namespaces: Vec::new(),",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "a look before all VoiceCampaigns are shown",
        file: "src/campaign/act/mod.rs",
        from: "        Step::Get(_) | Step::List { .. } | Step::Delete => context.unsynced(),",
        to: "        Step::Get(_) => None,\n        Step::List { .. } | Step::Delete => context.unsynced(),",
        tests: &["--test", "cluster", "obstructed::lists_that_are_missing_are_named_and_kore_asked_nothing"],
    },
    Mutant {
        name: "a listing before all VoiceCampaigns are shown",
        file: "src/campaign/act/mod.rs",
        from: "        Step::Get(_) | Step::List { .. } | Step::Delete => context.unsynced(),",
        to: "        Step::List { .. } => None,\n        Step::Get(_) | Step::Delete => context.unsynced(),",
        tests: &["--test", "cluster", "obstructed::lists_that_are_missing_are_named_and_kore_asked_nothing"],
    },
    Mutant {
        name: "a DELETE before all VoiceCampaigns are shown",
        file: "src/campaign/act/mod.rs",
        from: "        Step::Get(_) | Step::List { .. } | Step::Delete => context.unsynced(),",
        to: "        Step::Delete => None,\n        Step::Get(_) | Step::List { .. } => context.unsynced(),",
        tests: &["--test", "cluster", "obstructed::lists_that_are_missing_are_named_and_kore_asked_nothing"],
    },
    Mutant {
        name: "a connection looked up before all are shown",
        file: "src/campaign/act/mod.rs",
        from: "        Step::Resolve | Step::Protect => context.unsynced_connections(),",
        to: "        Step::Resolve | Step::Protect => None,",
        tests: &["--test", "cluster", "obstructed::lists_that_are_missing_are_named_and_kore_asked_nothing"],
    },
    Mutant {
        name: "a campaign left before all connections are shown",
        file: "src/campaign/act/mod.rs",
        from: "Step::Release(permit) if permit.outcome() == DeletionOutcome::Orphaned => {",
        to: "Step::Release(permit) if false && permit.outcome() == DeletionOutcome::Orphaned => {",
        tests: &["--test", "cluster", "obstructed::lists_that_are_missing_are_named_and_kore_asked_nothing"],
    },
    Mutant {
        name: "a refused namespace counted as listed",
        file: "src/run/progress.rs",
        from: "self.synced.set_forbidden(self.namespace());",
        to: "self.synced.set_synced(self.namespace());",
        tests: &[
            "--test",
            "cluster",
            "namespaces::an_empty_stream_is_not_believed_while_a_namespace_is_refused",
        ],
    },
    Mutant {
        name: "who was missed among others missed again",
        file: "src/campaign/shared/claim.rs",
        from: "status.campaign.is_some() && status.not_listed_since.is_none()",
        to: "status.campaign.is_some()",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "what was there forgotten at a restart",
        file: "src/campaign/shared/emptiness.rs",
        from: "None => self.connections.others_were_seen(stream.account, stream.stream_id),",
        to: "None => false,",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "who was deleted by us missed",
        file: "src/campaign/shared/emptiness.rs",
        from: "            shown.deleted.insert(object.spec.campaign_id.clone(), Timestamp::now());",
        to: "            let _ = shown;",
        tests: &["--lib", "emptiness"],
    },
    Mutant {
        name: "two listings enough where GET says nothing",
        file: "src/campaign/evidence/proof.rs",
        from: "        (Some(_), None, None) => Course::Open(ProofStatus { second_listing: Some(record), ..proof }),",
        to: "        (Some(_), None, None) => Course::Proven(ProofStatus { second_listing: Some(record), ..proof }, ProvenAbsence(())),",
        tests: DECISION,
    },
    Mutant {
        name: "third listing at no distance",
        file: "src/campaign/evidence/proof.rs",
        from: "        (Some(first), Some(_)) => first.ended_at.0 + LONG_DISTANCE,",
        to: "        (Some(first), Some(_)) => first.ended_at.0 + DISTANCE,",
        tests: DECISION,
    },
    Mutant {
        name: "refused credentials taken for a GET that says nothing",
        file: "src/campaign/evidence/proof.rs",
        from: "        FailureKind::MayBeAbsent | FailureKind::CredentialsRejected | FailureKind::Throttled => false,",
        to: "        FailureKind::MayBeAbsent | FailureKind::Throttled => false,\n        FailureKind::CredentialsRejected => true,",
        tests: DECISION,
    },
    Mutant {
        name: "DELETEs that say nothing repeated for ever",
        file: "src/campaign/evidence/proof.rs",
        from: "        Hint::None => unconfirmed >= FEW,",
        to: "        Hint::None => unconfirmed > FEW,",
        tests: DECISION,
    },
    Mutant {
        name: "a refusal told as a proof",
        file: "src/campaign/evidence/answer.rs",
        from: "        None => deletion.seen_at >= deletion.last_attempt_at,",
        to: "        None => deletion.seen_at < deletion.last_attempt_at,",
        tests: DECISION,
    },
    Mutant {
        name: "sighting overlooked",
        file: "src/campaign/evidence/proof.rs",
        from: "&& listing.shows(&object.spec.campaign_id)\n",
        to: "&& listing.shows(&object.spec.campaign_id) && listing.shows_nothing()\n",
        tests: DECISION,
    },
    Mutant {
        name: "sighting between two listings overlooked",
        file: "src/campaign/evidence/proof.rs",
        from: ".filter(|at| *at > since)",
        to: ".filter(|at| *at < since)",
        tests: DECISION,
    },
    Mutant {
        name: "another account asked",
        file: "src/connection/usable.rs",
        from: "        *account_id == self.target.account.account_id\n            && hosts",
        to: "        hosts",
        tests: DECISION,
    },
    Mutant {
        name: "two spellings taken for two hosts",
        file: "src/kore/target.rs",
        from: "Self { host: normal_host(host), account_id: account_id.to_owned() }",
        to: "Self { host: host.to_owned(), account_id: account_id.to_owned() }",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "another host asked",
        file: "src/connection/usable.rs",
        from: ".any(|own| own == normal_host(host))",
        to: ".any(|_| true)",
        tests: DECISION,
    },
    Mutant {
        name: "hosts of one account taken for two",
        file: "src/connection/renames.rs",
        from: "group.and_then(|group| group.first().cloned()).unwrap_or(account)",
        to: "group.and_then(|group| group.get(&account).cloned()).unwrap_or(account)",
        tests: &["--lib", "renames"],
    },
    Mutant {
        name: "nobody is told what the API server fails",
        file: "src/campaign/mod.rs",
        from: "act::report_obstacle(error.obstacle(), &mut pass, context).await;",
        to: "let _ = &error;",
        tests: &["--test", "cluster", "obstructed::a_policy_that_keeps_the_finalizer_is_named"],
    },
    Mutant {
        name: "what kept an object stays said while somebody else holds it",
        file: "src/campaign/act/kubernetes.rs",
        from: ".filter(|_| !object.finalizers().is_empty())",
        to: ".filter(|_| false)",
        tests: &["--test", "cluster", "obstructed::a_policy_that_keeps_the_finalizer_is_named"],
    },
    Mutant {
        name: "a rest without news leaves what the API server failed",
        file: "src/campaign/decide/mod.rs",
        from: "observed.object.status.as_ref().filter(|_| rests)",
        to: "observed.object.status.as_ref().filter(|_| false)",
        tests: &["--test", "decision", "obstructed"],
    },
    Mutant {
        name: "a view that lags behind replaces all conditions",
        file: "src/kube_ext/status_patch.rs",
        from: "            {\"op\": \"test\", \"path\": \"/metadata/resourceVersion\", \"value\": metadata.resource_version},",
        to: "",
        tests: &["--lib", "a_condition_is_put"],
    },
    Mutant {
        name: "those who wait for a Secret read one after another",
        file: "src/connection/lookup/credentials.rs",
        from: "        *cached = Some(read.clone());\n        // They stay",
        to: "        if read.is_err() {\n            return read;\n        }\n        *cached = Some(read.clone());\n        // They stay",
        tests: &["--test", "cluster", "obstructed::many_wait_for_a_secret_as_long_as_one"],
    },
    Mutant {
        name: "nobody is told what keeps a connection",
        file: "src/connection/controller/reconcile.rs",
        from: "                report_obstacle(&error, cached, &context).await;",
        to: "",
        tests: &["--test", "cluster", "obstructed::a_policy_that_keeps_a_connection_is_named"],
    },
    Mutant {
        name: "what is only tried ends what is said of the API server",
        file: "src/campaign/decide/mod.rs",
        from: "Some(unobstructed) if !rests =>",
        to: "Some(unobstructed) if false =>",
        tests: &["--test", "decision", "obstructed"],
    },
    Mutant {
        name: "what the API server fails is said for ever",
        file: "src/campaign/decide/mod.rs",
        from: ".filter(|condition| !obstacle::is_obstacle(condition))",
        to: ".filter(|_| true)",
        tests: &["--test", "decision", "obstructed"],
    },
    Mutant {
        name: "what the API server fails is said with each try",
        file: "src/kube_ext/obstacle.rs",
        from: "failures.is_multiple_of(FAILURES_BEFORE_REPORT) && (failures / FAILURES_BEFORE_REPORT).is_power_of_two()",
        to: "failures >= FAILURES_BEFORE_REPORT",
        tests: &["--lib", "obstacle"],
    },
    Mutant {
        name: "a stream of which Kore shows only deleted campaigns taken for an empty one",
        file: "src/kore/listing.rs",
        from: "self.listing.shows_deleted = true;",
        to: "",
        tests: &["--lib", "a_stream_of_which_all_is_deleted"],
    },
    Mutant {
        name: "a secret that is echoed percent-encoded shown",
        file: "src/kore/scrub/secrets.rs",
        from: "if !may_be_encoded(secret, &text) {",
        to: "if true {",
        tests: &["--lib", "an_echoed_secret"],
    },
    Mutant {
        name: "the marks around a campaign's name not taken for its part",
        file: "src/kore/words/success.rs",
        from: ".strip_prefix(around)?.trim_start_matches(around)",
        to: ".strip_prefix(' ')?",
        tests: &["--lib", "a_success_that_denies_itself"],
    },
    Mutant {
        name: "a time in a status not bounded",
        file: "src/api/fields.rs",
        from: "time.0.clamp(Timestamp::MIN + years, Timestamp::MAX - years)",
        to: "{ let _ = years; time.0 }",
        tests: &["--lib", "the_ends_of_time"],
    },
    Mutant {
        name: "what the API server says shown as it is",
        file: "src/campaign/status/obstacle.rs",
        from: "scrub::message(why)",
        to: "scrub::cut(why, 500)",
        tests: &["--test", "decision", "obstructed"],
    },
    Mutant {
        name: "what could not be read of a Secret shown",
        file: "src/kube_ext/call_error.rs",
        from: "                _ => self.to_string(),",
        to: "                other => format!(\"{self}: {other}\"),",
        tests: &["--lib", "an_obstacle"],
    },
    Mutant {
        name: "a host with a trailing dot taken for another",
        file: "src/kore/host.rs",
        from: "let bare = name.trim_end_matches('.');",
        to: "let bare = name;",
        tests: &["--lib", "host"],
    },
    Mutant {
        name: "a living campaign told from a listing older than the object",
        file: "src/campaign/decide/sighting.rs",
        from: "    created.map(|created| created.0 + SignedDuration::from_secs(1)).max(observed.last_delete)",
        to: "    created.and(observed.last_delete)",
        tests: DECISION,
    },
    Mutant {
        name: "a living campaign told from a listing older than the DELETE",
        file: "src/campaign/decide/sighting.rs",
        from: "    created.map(|created| created.0 + SignedDuration::from_secs(1)).max(observed.last_delete)",
        to: "    created.map(|created| created.0 + SignedDuration::from_secs(1))",
        tests: DECISION,
    },
    Mutant {
        name: "a DELETE forgotten by who looks",
        file: "src/campaign/shared/listings.rs",
        from: "        deletes.asked.insert((account.clone(), campaign.clone()), at);\n",
        to: "        let _ = (account, campaign);\n",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "a status from a backup believed",
        file: "src/campaign/decide/sighting.rs",
        from: "(own && observed.last_delete.is_none())",
        to: "((own || !own) && observed.last_delete.is_none())",
        tests: DECISION,
    },
    Mutant {
        name: "retry dropped",
        file: "src/campaign/decide/step.rs",
        from: "    let until = Some(until);\n",
        to: "    let until = Some(until).filter(|_| why.needs_a_person());\n",
        tests: DECISION,
    },
    Mutant {
        name: "kube-rs's own finalizer helper",
        file: "src/campaign/mod.rs",
        from: "            Ok(campaign) => steps(campaign, &context, work_permit).await,",
        to: "            Ok(campaign) => {
                use kube::runtime::finalizer::{Event, finalizer};
                let namespace = campaign.namespace().unwrap_or_default();
                let api = kube::Api::<VoiceCampaign>::namespaced(context.kube.client(), &namespace);
                let work = |event| async {
                    match event {
                        Event::Apply(object) | Event::Cleanup(object) => {
                            let object: Arc<VoiceCampaign> = object;
                            steps(&object, &context, None).await
                        }
                    }
                };
                let done = finalizer(&api, REMOTE_CAMPAIGN.name(), Arc::new(campaign.clone()), work).await;
                done.or_else(|_| Ok(Action::requeue(std::time::Duration::from_secs(1))))
            }",
        tests: &["--test", "cluster", "a_failing_service_is_asked_again_until_it_confirms"],
    },
    Mutant {
        name: "outcome in status not bound to the uid",
        file: "src/campaign/evidence/record.rs",
        from: "        Some(&deletion.uid) == uid.as_ref() && Some(&deletion.requested_at) == deletion_timestamp.as_ref()",
        to: "        uid.is_some() && Some(&deletion.requested_at) == deletion_timestamp.as_ref()",
        tests: DECISION,
    },
    Mutant {
        name: "in-use taken off too early",
        file: "src/campaign/evidence/permit.rs",
        from: "    object.metadata.deletion_timestamp.is_none() || REMOTE_CAMPAIGN.is_on(&object.metadata)",
        to: "    object.metadata.deletion_timestamp.is_none()",
        tests: &["--test", "cluster", "connection_and_secret_outlive_the_need_for_them", "a_namespace_goes"],
    },
    Mutant {
        name: "in-use put on too late",
        file: "src/campaign/decide/living.rs",
        from: "        return protection(observed).unwrap_or(Step::AddFinalizer).into();",
        to: "        return Step::AddFinalizer.into();",
        tests: DECISION,
    },
    Mutant {
        name: "in-use not put on for what has its finalizer from birth",
        file: "src/campaign/decide/deletion.rs",
        from: "    if let Some(step) = protection(observed).filter(|_| is_new(object)) {",
        to: "    if let Some(step) = protection(observed).filter(|_| is_new(object) && false) {",
        tests: DECISION,
    },
    Mutant {
        name: "no finalizer at creation",
        file: FINALIZER_ADDED,
        from: "operations: [CREATE, UPDATE]",
        to: "operations: [UPDATE]",
        tests: &["--test", "cluster", "guarded::a_finalizer_is_not_stripped_by_hand"],
    },
    Mutant {
        name: "everybody taken for the operator",
        file: FINALIZER_KEPT,
        from: "== 'system:serviceaccount:' + params.metadata.namespace",
        to: "!= 'system:serviceaccount:' + params.metadata.namespace",
        tests: &["--test", "cluster", "guarded::a_finalizer_is_not_stripped_by_hand"],
    },
    Mutant {
        name: "a written object loses its finalizer",
        file: FINALIZER_ADDED,
        from: "|| 'voicecampaign.dev/remote-campaign' in oldObject.metadata",
        to: "|| 'voicecampaign.dev/none' in oldObject.metadata",
        tests: &["--test", "cluster", "guarded::a_replaced_object_keeps_its_finalizer"],
    },
    Mutant {
        name: "the finalizers of others lost when ours is added",
        file: FINALIZER_ADDED,
        from: "value: object.metadata.?finalizers.orValue([]) + [",
        to: "value: [",
        tests: &["--test", "cluster", "guarded::cases"],
    },
    Mutant {
        name: "a finalizer put on what is being deleted",
        file: FINALIZER_ADDED,
        from: "request.operation == 'CREATE' || !has(oldObject.metadata.deletionTimestamp)",
        to: "true",
        tests: &["--test", "cluster", "guarded::a_finalizer_is_not_stripped_by_hand"],
    },
    Mutant {
        name: "policies that outlive the operator",
        file: POLICIES,
        from: "parameterNotFoundAction: Allow",
        to: "parameterNotFoundAction: Deny",
        tests: &["--test", "cluster", "guarded::policies_without_an_operator_do_nothing"],
    },
    Mutant {
        name: "the protected deleted",
        file: "charts/voicecampaign-operator/templates/policies/protect.yaml",
        from: "[?'voicecampaign.dev/protect'].orValue('') != 'true'",
        to: "[?'voicecampaign.dev/protect'].orValue('') != 'yes'",
        tests: &["--test", "cluster", "guarded::a_protected_campaign_is_not_deleted"],
    },
    Mutant {
        name: "uninstalled with campaigns left",
        file: "src/uninstall/mod.rs",
        from: "    if campaigns.is_empty() {\n        return Ok(());\n    }\n    println!",
        to: "    if campaigns.objects.len() < 1_000 {\n        return Ok(());\n    }\n    println!",
        tests: &["--test", "cluster", "uninstalled::an_uninstall_with_campaigns_left_is_refused"],
    },
    Mutant {
        name: "an uninstall that does not wait",
        file: "src/uninstall/wait.rs",
        from: "        if campaigns.is_empty() {",
        to: "        if campaigns.is_empty() || !printed.is_empty() {",
        tests: &["--test", "cluster", "uninstalled::an_uninstall_deletes_and_waits"],
    },
    Mutant {
        name: "the policies left behind by an uninstall",
        file: "src/uninstall/mod.rs",
        from: "    operator::delete_policies(&client, policies).await?;\n    println!",
        to: "    println!",
        tests: &["--test", "cluster", "uninstalled::an_uninstall_with_campaigns_left_is_refused"],
    },
    Mutant {
        name: "a living release taken for one that is uninstalled",
        file: "src/uninstall/helm_release.rs",
        from: "(Some(\"uninstalling\"), _) => Uninstalling::Yes,",
        to: "(Some(_), _) => Uninstalling::Yes,",
        tests: &["--lib", "only_a_release_that_helm_uninstalls"],
    },
    Mutant {
        name: "what can't be said taken for a yes",
        file: "src/uninstall/mod.rs",
        from: "Plan { on_remaining: OnRemaining::Refuse, policies: &[], advice: ADVICE_IF_UNKNOWN }",
        to: "Plan { on_remaining: *on_remaining, policies, advice: ADVICE_IF_UNKNOWN }",
        tests: &["--test", "cluster", "uninstalled::a_hook_that_is_applied_as_any_object"],
    },
    Mutant {
        name: "an admin server for IPv6 alone or for nobody",
        file: "src/run/admin.rs",
        from: "address.ip() == Ipv6Addr::UNSPECIFIED &&",
        to: "false && address.ip() == Ipv6Addr::UNSPECIFIED &&",
        tests: &["--lib", "it_listens_on_both_families"],
    },
    Mutant {
        name: "helm test held up by the NetworkPolicy",
        file: "charts/voicecampaign-operator/templates/networkpolicy.yaml",
        from: "        - port: 8080",
        to: "        - port: 8081",
        tests: &["--test", "chart", "helm_test_reaches_what_it_asks"],
    },
    Mutant {
        name: "a text of a user's that is no text in YAML",
        file: "charts/voicecampaign-operator/templates/deployment.yaml",
        from: "value: {{ default \"\" .Values.selector | quote }}",
        to: "value: {{ default \"\" .Values.selector }}",
        tests: &["--test", "chart", "whatever_the_schema_lets_through_renders_well"],
    },
    Mutant {
        name: "let go, though a policy put it on again",
        file: "src/uninstall/release.rs",
        from: "    if finalizer.is_on(&written.metadata) {",
        to: "    if false && finalizer.is_on(&written.metadata) {",
        tests: &["--test", "cluster", "uninstalled::an_uninstall_lets_everything_go"],
    },
    Mutant {
        name: "a copied finalizer holds a Secret for nobody",
        file: "src/connection/keep/release.rs",
        from: "        let unlisted = !listed.contains(named) && ",
        to: "        let unlisted = false && ",
        tests: &["--test", "cluster", "guarded::a_copied_secret_can_be_deleted"],
    },
    Mutant {
        name: "a deletion whose last answer is lost is not counted",
        file: "src/campaign/on_watch.rs",
        from: "    released(&uid, context);\n    let remembered",
        to: "    let remembered",
        tests: &["--test", "cluster", "sharing::a_deletion_is_counted_though_the_last_answer_is_lost"],
    },
    Mutant {
        name: "a read that fails taken for an object that is gone",
        file: "src/campaign/left_behind.rs",
        from: "            Ok(None) | Err(CallError::Forbidden(_)) => break,",
        to: "            Ok(None) | Err(_) => break,",
        tests: &["--test", "cluster", "sharing::a_read_that_fails_leaves_nothing_behind"],
    },
    Mutant {
        name: "protected though it is being deleted",
        file: "src/uninstall/remaining.rs",
        from: "    object.metadata.deletion_timestamp.is_none()\n        && object",
        to: "    object",
        tests: &["--test", "cluster", "uninstalled::an_uninstall_deletes_and_waits"],
    },
    Mutant {
        name: "a busy API server ends an uninstall",
        file: "src/uninstall/retry.rs",
        from: "    status == StatusCode::TOO_MANY_REQUESTS || ",
        to: "    status != StatusCode::TOO_MANY_REQUESTS && ",
        tests: &["--test", "cluster", "uninstalled::an_uninstall_outwaits_the_api_server"],
    },
    Mutant {
        name: "SIGTERM ignored by what ends by itself",
        file: "src/run/signals.rs",
        from: "    let stop = termination()?;",
        to: "    let stop = std::future::pending::<()>();",
        tests: &["--test", "cluster", "uninstalled::what_ends_by_itself_can_be_told_to_stop"],
    },
    Mutant {
        name: "calls to the API server without a name",
        file: "src/run/cluster.rs",
        from: "    config.headers.push(",
        to: "    config.headers.clone().push(",
        tests: &["--test", "cluster", "named::what_the_operator_writes_has_its_name"],
    },
    Mutant {
        name: "a write for each campaign that is counted",
        file: "src/connection/controller/memory.rs",
        from: "        COUNT_AGE.checked_sub(",
        to: "        PAUSE.checked_sub(",
        tests: &["--test", "cluster", "connection::single_deletions_are_counted_in_a_few_writes"],
    },
    Mutant {
        name: "shared campaign deleted",
        file: "src/campaign/shared/claim.rs",
        from: "object.metadata.deletion_timestamp.is_none() && object.spec.deletion_policy == DeletionPolicy::Delete",
        to: "object.metadata.deletion_timestamp.is_none() && object.spec.deletion_policy == DeletionPolicy::Orphan",
        tests: &["--test", "cluster", "a_move_between_namespaces_does_not_delete_the_campaign"],
    },
    Mutant {
        name: "a claim worth something for ever",
        file: "src/campaign/shared/claim.rs",
        from: "((may_be_shown || young) && !late)",
        to: "((open || young || created.is_some()) && !late)",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "a claim renewed for ever",
        file: "src/campaign/shared/claim.rs",
        from: "((may_be_shown || young) && !late)",
        to: "(open || (young && late == late))",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "a claim confirmed in another account",
        file: "src/campaign/shared/claim.rs",
        from: "confirmed: shown && recorded.is_some_and(is_it),",
        to: "confirmed: shown && recorded.is_some(),",
        tests: &["--lib", "shared"],
    },
    Mutant {
        name: "a token for a host that is not allowed",
        file: "src/connection/lookup/connections.rs",
        from: "            return Ok(Connection::Unusable(problem));\n        }\n        let secret",
        to: "            let _ = problem;\n        }\n        let secret",
        tests: &["--test", "cluster", "connection::a_host_that_is_not_allowed_is_not_called"],
    },
    Mutant {
        name: "answer not remembered until it is written",
        file: "src/campaign/act/delete.rs",
        from: "        context.memory.note(&uid, |remembered| remembered.attempt = Some(attempt.clone()));\n",
        to: "        let _ = &uid;\n",
        tests: &["--test", "faults", "--", "--lane", "full", "confirmed/status-1-500-once"],
    },
    Mutant {
        name: "no margin for a clock that is behind",
        file: "src/kore/token.rs",
        from: "from: now.saturating_sub(CLOCK_MARGIN).as_secs()",
        to: "from: now.as_secs()",
        tests: &["--lib", "token"],
    },
    Mutant {
        name: "a token of an hour by our clock",
        file: "src/kore/token.rs",
        from: "(ttl + CLOCK_MARGIN).min(LONGEST_LIFE - CLOCK_MARGIN)",
        to: "(ttl + CLOCK_MARGIN).min(LONGEST_LIFE)",
        tests: &["--lib", "token"],
    },
    Mutant {
        name: "no margin for a clock that is ahead",
        file: "src/kore/token.rs",
        from: "(ttl + CLOCK_MARGIN).min(LONGEST_LIFE - CLOCK_MARGIN)",
        to: "ttl.min(LONGEST_LIFE - CLOCK_MARGIN)",
        tests: &["--lib", "token"],
    },
    Mutant {
        name: "a date of Retry-After by our clock",
        file: "src/kore/retry_after.rs",
        from: "sent.and_then(|text| moment(bare(text))).unwrap_or(now)",
        to: "sent.and_then(|text| moment(bare(text))).map_or(now, |_| now)",
        tests: &["--lib", "retry_after"],
    },
    Mutant {
        name: "the first of several Retry-After",
        file: "src/kore/retry_after.rs",
        from: "    pauses.max().map(",
        to: "    Some(pauses).and_then(|mut pauses| pauses.next()).map(",
        tests: &["--lib", "retry_after"],
    },
    Mutant {
        name: "Date not read",
        file: "src/kore/exchange.rs",
        from: "let sent = texts(DATE).next();",
        to: "let sent = texts(DATE).next().filter(|_| false);",
        tests: &["--test", "kore_contract", "a_date_counts"],
    },
    Mutant {
        name: "a plain host through a proxy",
        file: "src/kore/http.rs",
        from: "build(reqwest::Client::builder().no_proxy().tls",
        to: "build(reqwest::Client::builder().tls",
        tests: &["--test", "kore_contract", "a_plain_host"],
    },
    Mutant {
        name: "a rotated CA not noticed",
        file: "src/kore/http.rs",
        from: "Ok(ca) if ca == self.state().ca => Ok(None),",
        to: "Ok(ca) if !ca.is_empty() => Ok(None),",
        tests: &["--lib", "http"],
    },
    Mutant {
        name: "a broken CA file ends the trust",
        file: "src/kore/http.rs",
        from: "                    state.unusable = Some(why);\n",
        to: "                    state.unusable = Some(why);\n                    state.ca.clear();\n",
        tests: &["--lib", "http"],
    },
    Mutant {
        name: "a date taken for a telephone number",
        file: "src/kore/scrub/telephone.rs",
        from: "        _ => false,\n    };\n    (is_date",
        to: "        _ => true,\n    };\n    (is_date",
        tests: &["--lib", "telephone"],
    },
    Mutant {
        name: "a telephone number of seven digits shown",
        file: "src/kore/scrub/telephone.rs",
        from: "const FEWEST_DIGITS: usize = 7;",
        to: "const FEWEST_DIGITS: usize = 9;",
        tests: &["--lib", "telephone"],
    },
    Mutant {
        name: "parts of a campaign id masked",
        file: "src/kore/scrub/telephone.rs",
        from: "    if let Some(length) = found(&KORE_ID) {",
        to: "    if let Some(length) = found(&KORE_ID).filter(|_| false) {",
        tests: &["--lib", "telephone"],
    },
    Mutant {
        name: "telephone numbers shown",
        file: "src/kore/scrub/message.rs",
        from: "telephone::masked(&words",
        to: "String::from(&words",
        tests: &["--lib", "scrub"],
    },
    Mutant {
        name: "a value of two words taken",
        file: "src/connection/secret/check.rs",
        from: "(Flaw::Blank, |value| value.contains(char::is_whitespace)),",
        to: "(Flaw::Blank, str::is_empty),",
        tests: &["--lib", "secret"],
    },
    Mutant {
        name: "quotes taken for a part of the secret",
        file: "src/connection/secret/text.rs",
        from: "        text = inner;",
        to: "        let _ = inner;\n        return text;",
        tests: &["--lib", "secret"],
    },
    Mutant {
        name: "half of the credentials decoded",
        file: "src/connection/secret/encoding.rs",
        from: "return Ok((id, (encoding.decode)(&secret).ok_or(not_encoded)?));",
        to: "let _ = not_encoded;\n            return Ok((id, (encoding.decode)(&secret).unwrap_or(secret)));",
        tests: &["--lib", "secret"],
    },
    Mutant {
        name: "a telephone number with wide gaps shown",
        file: "src/kore/scrub/message.rs",
        from: "c.is_whitespace() || c.is_control()",
        to: "c == '\\n'",
        tests: &["--lib", "scrub"],
    },
    Mutant {
        name: "a telephone number with commas shown",
        file: "src/kore/scrub/telephone.rs",
        from: "    if gap.contains(LIST) {",
        to: "    if gap.contains(LIST) && gap.is_empty() {",
        tests: &["--lib", "telephone"],
    },
    Mutant {
        name: "an IPv4 address masked",
        file: "src/kore/scrub/telephone.rs",
        from: ".or_else(|| found(&ADDRESS, '.', rest))",
        to: ".or_else(|| None::<usize>)",
        tests: &["--lib", "telephone"],
    },
    Mutant {
        name: "a dialled number taken for an address",
        file: "src/kore/scrub/telephone.rs",
        from: "(!dialled && (groups",
        to: "((groups",
        tests: &["--lib", "telephone"],
    },
    Mutant {
        name: "a placeholder sent to Kore",
        file: "src/connection/secret/check.rs",
        from: "(Flaw::Placeholder, is_placeholder),",
        to: "(Flaw::Placeholder, |_| false),",
        tests: &["--lib", "secret"],
    },
    Mutant {
        name: "a template sent to Kore",
        file: "src/connection/secret/check.rs",
        from: "(Flaw::Template, is_template),",
        to: "(Flaw::Template, |_| false),",
        tests: &["--lib", "secret"],
    },
    Mutant {
        name: "any marked words taken for a placeholder",
        file: "src/connection/secret/names.rs",
        from: "says_so && consists_of(",
        to: "says_so || consists_of(",
        tests: &["--lib", "secret"],
    },
    Mutant {
        name: "an encoding taken for granted",
        file: "src/connection/secret/encoding.rs",
        from: "(decoded.starts_with(ID_PREFIX) && !id",
        to: "(!id",
        tests: &["--lib", "secret"],
    },
    Mutant {
        name: "the same value taken for both",
        file: "src/connection/secret/read.rs",
        from: "if id == client_secret {",
        to: "if id.is_empty() {",
        tests: &["--lib", "secret"],
    },
    Mutant {
        name: "hints of a refused Secret kept back",
        file: "src/connection/status.rs",
        from: "known.hints.iter().map",
        to: "known.hints.iter().take(0).map",
        tests: &["--lib", "status"],
    },
    Mutant {
        name: "schedule not kept",
        file: "src/campaign/decide/deletion.rs",
        from: "own_pause(observed, &record).filter(|until| *until > now)",
        to: "own_pause(observed, &record).filter(|until| *until < now)",
        tests: DECISION,
    },
    Mutant {
        name: "kustomize renames the ServiceAccount, and not for the policies",
        file: "deploy/names/references.yaml",
        from: "namePrefix:\n  - {kind: ValidatingAdmissionPolicyBinding, group: admissionregistration.k8s.io, path: spec/paramRef/name}",
        to: "namePrefix:\n  - {kind: ValidatingAdmissionPolicyBinding, group: admissionregistration.k8s.io, path: spec/nothing}",
        tests: &["--test", "cluster", "kustomized::a_renamed_installation_is_guarded"],
    },
    Mutant {
        name: "kustomize renames a Secret, and not for its connection",
        file: "deploy/names/references.yaml",
        from: "path: spec/credentialsSecretRef/name",
        to: "path: spec/nothing",
        tests: &["--test", "cluster", "kustomized::a_renamed_installation_is_guarded"],
    },
    Mutant {
        name: "check takes any ServiceAccount for the operator's",
        file: "src/run/check_policies.rs",
        from: "if !self.operators.contains(&account) {",
        to: "if self.operators.is_empty() {",
        tests: &["--test", "cluster", "checked::"],
    },
    Mutant {
        name: "check takes a policy that nobody has bound for one that holds",
        file: "src/run/check_policies.rs",
        from: "if !self.bindings.iter().any(|binding| policy.is_bound_by(binding)) {",
        to: "if self.bindings.is_empty() {",
        tests: &["--test", "cluster", "checked::"],
    },
    Mutant {
        name: "an upgrade takes another selector, whatever it leaves out",
        file: UPGRADE,
        from: "{{- $relabelled := ne (default \"\" $old.SELECTOR) (default \"\" $context.Values.selector) -}}",
        to: "{{- $relabelled := false -}}",
        tests: &["--test", "cluster", "namespaces::a_changed_selector"],
    },
    Mutant {
        name: "an upgrade takes `notin` for `in`",
        file: "charts/voicecampaign-operator/templates/_selector.tpl",
        from: "(regexMatch (printf \"^%s +in *[(]\" $key) $requirement)",
        to: "true",
        tests: &["--test", "chart", "the_chart_selects"],
    },
    Mutant {
        name: "who waits for Kore keeps the right to ask the API server",
        file: "src/campaign/act/delete.rs",
        from: "    pass.asking = None;\n",
        to: "",
        tests: &["--test", "cluster", "account::two_hanging"],
    },
    Mutant {
        name: "who waits for room to prepare waits for ever",
        file: "src/campaign/shared/gate.rs",
        from: "timeout(at_most, seats.preparation())",
        to: "timeout(Duration::MAX, seats.preparation())",
        tests: &["--lib", "the_turn_of_who_waits_too_long"],
    },
    Mutant {
        name: "kustomize renames an installation, and not its Lease",
        file: "deploy/names/references.yaml",
        from: "      - {kind: Role, group: rbac.authorization.k8s.io, path: rules/resourceNames}\n",
        to: "",
        tests: &["--test", "cluster", "kustomized::"],
    },
    Mutant {
        name: "kustomize renames a RoleBinding, and not for the role that holds it",
        file: "deploy/names/references.yaml",
        from: "{kind: ClusterRole, group: rbac.authorization.k8s.io, path: rules/resourceNames}",
        to: "{kind: ClusterRole, group: rbac.authorization.k8s.io, path: rules/nothing}",
        tests: &["--test", "cluster", "scopes::each_overlay"],
    },
];

#[derive(Debug, Parser)]
struct Arguments {
    /// Only mutants whose name or file contains this
    filter: Option<String>,
    /// Begin with the first mutant whose name contains this, to go on after an interruption
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Keep which test has noticed each, for docs/reliability.md
    #[arg(long)]
    record: bool,
    /// Only mutants that no test is recorded for, as after a change, or to go on after an interruption
    #[arg(long)]
    unrecorded: bool,
}

fn main() -> Result<ExitCode> {
    let Arguments { filter, from, record, unrecorded } = Arguments::parse();
    let mut caught_by = CaughtBy::recorded()?;
    let wanted = |mutant: &&Mutant| {
        let is_in = |filter: &String| mutant.name.contains(filter) || mutant.file.contains(filter);
        filter.as_ref().is_none_or(is_in) && !(unrecorded && caught_by.0.contains_key(mutant.name))
    };
    let before = |mutant: &&Mutant| from.as_ref().is_some_and(|from| !mutant.name.contains(from));
    let mutants: Vec<&Mutant> = MUTANTS.iter().skip_while(before).filter(wanted).collect();
    if unrecorded && mutants.is_empty() {
        println!("a test is recorded for each mutant");
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(!mutants.is_empty(), "no mutant of this name, nor in such a file");
    mutants.iter().try_for_each(|mutant| mutant.is_in_the_source())?;
    let tree = Tree::copy()?;
    let mut caught = 0;
    for mutant in &mutants {
        let begun = Instant::now();
        let outcome = tree.try_out(mutant).with_context(|| mutant.name)?;
        caught += usize::from(matches!(outcome, Outcome::Caught { .. }));
        println!("{}: {outcome} ({} s)", mutant.name, begun.elapsed().as_secs());
        if record {
            caught_by.note(mutant, &outcome)?;
        }
    }
    println!("{} mutants, {caught} caught", mutants.len());
    Ok(if caught == mutants.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The test that has noticed each mutant, by the mutant's name.
struct CaughtBy(BTreeMap<String, String>);

impl CaughtBy {
    fn recorded() -> Result<Self> {
        let text = std::fs::read_to_string(Record::path("mutants"))?;
        Ok(Self(serde_json::from_str(&text)?))
    }

    /// Keeps what became of a mutant, and forgets those that are no mutants any more.
    fn note(&mut self, mutant: &Mutant, outcome: &Outcome) -> Result<()> {
        self.0.retain(|name, _| MUTANTS.iter().any(|mutant| mutant.name == name));
        match outcome {
            Outcome::Caught { test } => self.0.insert(mutant.name.to_owned(), test.clone()),
            Outcome::Survived | Outcome::DoesNotCompile { .. } => self.0.remove(mutant.name),
        };
        std::fs::write(Record::path("mutants"), serde_json::to_string_pretty(&self.0)? + "\n")?;
        Ok(())
    }
}

/// What became of a mutant.
enum Outcome {
    Caught {
        test: String,
    },
    Survived,
    /// The mutant itself is wrong, and shows nothing.
    DoesNotCompile {
        error: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught { test } => write!(f, "caught by {test}"),
            Self::Survived => f.write_str("SURVIVED"),
            Self::DoesNotCompile { error } => write!(f, "DOES NOT COMPILE: {error}"),
        }
    }
}

/// A copy of the repository, built in a folder of its own.
struct Tree {
    path: PathBuf,
    target: PathBuf,
}

impl Tree {
    fn copy() -> Result<Self> {
        let folder = repository().join("target/mutants");
        let (path, target) = (folder.join("tree"), folder.join("target"));
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(repository())
            .output()
            .context("git lists the files of the repository")?;
        ensure!(listed.status.success(), "git does not list the files of the repository");
        let listed = String::from_utf8(listed.stdout)?;
        let files: BTreeSet<&Path> =
            listed.split('\0').map(Path::new).filter(|name| repository().join(name).is_file()).collect();
        for name in &files {
            copy(&repository().join(name), &path.join(name))?;
        }
        remove_others(&path, &path, &files)?;
        Ok(Self { path, target })
    }

    fn try_out(&self, mutant: &Mutant) -> Result<Outcome> {
        let file = self.path.join(mutant.file);
        let source = std::fs::read_to_string(&file)?;
        std::fs::write(&file, source.replace(mutant.from, mutant.to))?;
        let tested = self.test(mutant);
        std::fs::write(&file, source)?;
        tested
    }

    fn test(&self, mutant: &Mutant) -> Result<Outcome> {
        let build = self.cargo(&["test", "--locked", "--no-run"], mutant)?;
        if !build.status.success() {
            let said = String::from_utf8_lossy(&build.stderr);
            let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error")).collect();
            return Ok(Outcome::DoesNotCompile { error: errors.join("; ") });
        }
        let run = self.cargo(&["test", "--locked"], mutant)?;
        let output = String::from_utf8_lossy(&run.stdout).into_owned();
        if run.status.success() {
            let selected =
                output.lines().any(|line| line.starts_with("running ") && line != "running 0 tests");
            ensure!(selected || !output.contains("running 0 tests"), "{:?} select no test", mutant.tests);
            return Ok(Outcome::Survived);
        }
        ensure!(run.status.code() != Some(TIMED_OUT), "the tests did not end within {LIMIT} s");
        let failed = output.lines().find_map(|line| {
            let test = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED"));
            test.or_else(|| line.strip_prefix("VIOLATED ")?.split(':').next())
        });
        let failed = failed.with_context(|| format!("no test has failed, but something has: {output}"))?;
        Ok(Outcome::Caught { test: failed.to_owned() })
    }

    /// Runs cargo on the tests of a mutant.
    fn cargo(&self, arguments: &[&str], mutant: &Mutant) -> Result<std::process::Output> {
        let building = arguments.contains(&"--no-run");
        // What stands after the program's name is for the program.
        let program = mutant.tests.iter().take(if mutant.tests[0] == "--lib" { 1 } else { 2 });
        let tests: Vec<&str> = if building { program.copied().collect() } else { mutant.tests.to_vec() };
        let tests = separated(&tests, building);
        let mut command = if building { Command::new(env!("CARGO")) } else { Command::new("timeout") };
        if !building {
            command.args(["--kill-after=5", LIMIT, env!("CARGO")]);
        }
        command
            .args(arguments)
            .args(tests)
            .current_dir(&self.path)
            .env("CARGO_TARGET_DIR", &self.target)
            .output()
            .context("cargo runs")
    }
}

/// Filters go behind `--`, so that there may be several.
fn separated<'a>(tests: &[&'a str], building: bool) -> Vec<&'a str> {
    let program = if tests[0] == "--lib" { 1 } else { 2 };
    let (program, filters) = tests.split_at(program);
    let mut arguments = program.to_vec();
    if !building && !filters.is_empty() {
        if filters[0] != "--" {
            arguments.push("--");
        }
        arguments.extend(filters);
    }
    arguments
}

/// Removes what an earlier run has copied, and the repository no longer has.
fn remove_others(tree: &Path, folder: &Path, files: &BTreeSet<&Path>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(tree, &path, files)?;
        } else if !files.contains(path.strip_prefix(tree)?) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // A file that is the same keeps its time, so that it is not built again.
    if std::fs::read(to).ok() == Some(std::fs::read(from)?) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to).with_context(|| to.display().to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who changes a protection changes its mutant, too.
    #[test]
    fn every_mutant_is_in_the_source() {
        let strays: Vec<String> = MUTANTS
            .iter()
            .filter_map(|mutant| mutant.is_in_the_source().err())
            .map(|error| error.to_string())
            .collect();
        assert!(strays.is_empty(), "{strays:#?}");
    }
}
