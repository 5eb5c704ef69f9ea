use super::denied::denied_success;
use super::operation::Operation;
use super::success::{explicit_success, refusal_despite_success};
use super::summary::{failure, summary};
use super::texts::AnswerTexts;
use crate::kore::answer::RawAnswer;
use crate::kore::failure::{Failure, FailureKind};
use crate::kore::page::Page;
use crate::kore::wire::{self, Envelope};

/// Reads the answer to a listing [get-all-campaigns-v2].
///
/// # Errors
/// If the answer is no page of a listing.
pub fn listing(answer: &RawAnswer) -> Result<Page, Failure> {
    let is_2xx = (200..=299).contains(&answer.http_status) && answer.http_status != 202;
    if answer.oversized && is_2xx {
        return Ok(Page::oversized());
    }
    // The documentation does not show an empty listing. An empty body counts as one only beside a GET that
    // has a meaning.
    if answer.has_no_body() && is_2xx {
        return Ok(Page::without_rows(false));
    }
    let read = Envelope::of(answer);
    let texts = AnswerTexts::of(answer, read.as_ref());
    let envelope = match explicit_success(answer, read.as_ref(), Operation::Read) {
        Ok(envelope) if envelope.has_errors => return Err(denied_success(answer, envelope, Operation::Read)),
        Ok(envelope) => envelope,
        Err(failure) => {
            let may_say_so = matches!(failure.kind, FailureKind::MayBeAbsent | FailureKind::Unreadable);
            let says_so = may_say_so && answer.http_status != 202 && texts.say_none_exist();
            let page = says_so.then(|| without_rows(read.as_ref())).flatten().ok_or(failure)?;
            return Ok(Page { names_rows: texts.say_no_campaigns_exist(), ..page });
        }
    };
    let names_rows = |page: &Page| page.names_rows || texts.say_no_campaigns_exist();
    let page = wire::page(envelope).map(|page| Page { names_rows: names_rows(&page), ..page });
    // A refusal, or a request to pause, may come with `success`, too. A page with rows is a page, whatever
    // its texts say.
    if page.as_ref().is_none_or(|page| page.rows.is_empty())
        && let Some(refused) = refusal_despite_success(answer, envelope, Operation::Read)
    {
        return Err(refused);
    }
    page.ok_or_else(|| {
        let what = "the answer says success, but has no `data.results`";
        failure(FailureKind::ContractViolation, what, summary(answer, envelope))
    })
}

/// The page of an answer whose texts say that there are no campaigns, unless it shows some: then it
/// contradicts itself.
fn without_rows(envelope: Option<&Envelope>) -> Option<Page> {
    match envelope {
        Some(envelope) => {
            wire::page(envelope).filter(|page| page.rows.is_empty() && page.also_shown.is_empty())
        }
        None => Some(Page::without_rows(false)),
    }
}
