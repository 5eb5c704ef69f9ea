use crate::kore::answer::RawAnswer;
use crate::kore::wire::{self, Envelope};
use crate::kore::words::{Absence, absence, refuses_us, says_there_are_none, speaks_of_rights};

/// The texts of an answer, and its error codes as words.
pub struct AnswerTexts<'a> {
    pub http_status: u16,
    pub envelope: Option<&'a Envelope>,
    /// Texts of a body that is not a JSON object.
    stray: Vec<String>,
}

impl<'a> AnswerTexts<'a> {
    pub fn of(answer: &RawAnswer, envelope: Option<&'a Envelope>) -> Self {
        let stray = match envelope {
            Some(_) => Vec::new(),
            None => wire::stray_texts(&answer.body, &answer.secrets()),
        };
        Self { http_status: answer.http_status, envelope, stray }
    }

    pub fn iter(&self) -> impl Iterator<Item = String> {
        let envelope = self.envelope.into_iter();
        let texts = envelope
            .clone()
            .flat_map(|envelope| envelope.error_texts.iter().chain(&envelope.message))
            .cloned();
        let codes = envelope.flat_map(|envelope| &envelope.error_codes).map(|code| format!("code {code}"));
        texts.chain(codes).chain(self.stray.iter().cloned())
    }

    pub fn have_code(&self, range: std::ops::RangeInclusive<i64>) -> bool {
        let codes = self.envelope.map(|envelope| envelope.error_codes.as_slice()).unwrap_or_default();
        codes.iter().any(|code| code.parse().is_ok_and(|code| range.contains(&code)))
    }

    /// A text that refuses us: preferably one about a missing right, otherwise one about the credentials.
    pub fn refusal(&self) -> Option<String> {
        let refusals: Vec<String> = self.iter().filter(|text| refuses_us(text)).collect();
        refusals.iter().find(|text| speaks_of_rights(None, text)).or(refusals.first()).cloned()
    }

    /// Whether the answer to a listing says that there are no rows, and nothing that could mean something
    /// else.
    pub fn say_none_exist(&self) -> bool {
        let texts: Vec<String> = self.iter().collect();
        texts.iter().any(|text| says_there_are_none(text))
            && !texts.iter().any(|text| absence(text) == Absence::Unclear && !says_there_are_none(text))
    }

    /// Whether the answer to a listing says that there are no campaigns, in one text: "No results found"
    /// alone may be about anything.
    pub fn say_no_campaigns_exist(&self) -> bool {
        let about_campaigns =
            |text: String| says_there_are_none(&text) && text.to_lowercase().contains("campaign");
        self.say_none_exist() && self.iter().any(about_campaigns)
    }

    /// Whether the answer to a read says that the campaign does not exist. A gateway's 404 has texts of its
    /// own.
    pub fn say_absent(&self) -> bool {
        let absences: Vec<Absence> = self.iter().map(|text| absence(&text)).collect();
        !absences.contains(&Absence::Unclear)
            && (absences.contains(&Absence::Said) || matches!(self.http_status, 404 | 410))
    }
}
