//! What an answer must say at least before it may count: rules of a few words, made without the operator's
//! code. They permit more than the operator does, and never less.

use serde_json::Value;

use super::CAMPAIGN;
use super::drawn::Answer;
use crate::tree::Tree;

/// HTTP statuses that say nothing about a campaign.
const OF_OTHERS: [u16; 7] = [202, 401, 403, 408, 425, 429, 500];

/// The body as text, without a byte order mark, without the escapes that are drawn, and with blanks in place
/// of control characters.
fn text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.trim_start_matches('\u{feff}')
        .replace("\\u0073", "s")
        .replace("\\u0063", "c")
        .replace(char::is_control, " ")
}

fn is_ok(http_status: u16) -> bool {
    (200..300).contains(&http_status) && http_status != 202
}

/// Whether an answer to a DELETE may be taken as "this campaign is deleted"; otherwise why not.
pub fn says_deleted(answer: &Answer) -> Result<(), String> {
    if !is_ok(answer.http_status) || answer.oversized {
        return Err(format!("HTTP {}", answer.http_status));
    }
    let text = text(&answer.body);
    let Some(tree) = Tree::parse(&text) else {
        // A stray byte in a text may be forgiven, if what counts is there.
        let said = text.to_lowercase().contains("\"success\"");
        return if said { Ok(()) } else { Err("it is no JSON, and no success".to_owned()) };
    };
    let succeeds = |status: &Tree| status.text().is_some_and(|text| text.eq_ignore_ascii_case("success"));
    if tree.all("status").count() == 0 || !tree.all("status").all(succeeds) {
        return Err("its `status` is not success".to_owned());
    }
    let names_it = |data: &Tree| data.all("_id").chain(data.all("id")).any(|id| id.text() == Some(CAMPAIGN));
    if tree.all("data").count() == 0 || !tree.all("data").all(names_it) {
        return Err("its `data` does not name the campaign".to_owned());
    }
    // As `_id` and `id` the campaign may have two ids, but not under one name.
    let is_other = |id: &Tree| id.text() != Some(CAMPAIGN);
    for name in ["_id", "id"] {
        let ids: Vec<&Tree> = tree.all("data").flat_map(|data| data.all(name)).collect();
        if ids.len() > 1 && ids.iter().any(|id| is_other(id)) {
            return Err(format!("it names several campaigns as `{name}`"));
        }
    }
    denial(&tree).map_or(Ok(()), Err)
}

/// What in an answer says that something has failed.
fn denial(tree: &Tree) -> Option<String> {
    let mut found = None;
    tree.every_field(&mut |name, value| {
        let plain = name.to_lowercase().replace('_', "");
        let is_nothing = match value {
            Tree::Leaf(Value::Null | Value::Bool(false)) => true,
            Tree::Leaf(Value::String(text)) => text.trim().is_empty() || text.trim() == "0",
            Tree::Leaf(Value::Number(number)) => number.as_f64() == Some(0.0),
            Tree::Leaf(_) | Tree::Raw(_) => false,
            Tree::List(entries) => entries.is_empty(),
            Tree::Fields(fields) => fields.is_empty(),
        };
        let is_false = matches!(value, Tree::Leaf(Value::Bool(false)));
        let has_failed = value.text().is_some_and(|text| text.contains("fail") || text.contains("error"));
        let is_code = matches!(value, Tree::Leaf(Value::Number(code)) if code.as_i64().is_some_and(|code| (400..600).contains(&code)));
        let denies = match plain.as_str() {
            "error" | "errors" => !is_nothing,
            "deleted" | "success" => is_false,
            "status" => has_failed,
            "code" | "statuscode" => is_code,
            _ => false,
        };
        if denies && found.is_none() {
            found = Some(format!("`{name}` is {value}"));
        }
    });
    let doubts =
        ["could not", "not found", "not deleted", "will be", "in progress", "rate limit", "unauthorized"];
    for message in tree.all("message").filter_map(Tree::text) {
        if doubts.iter().any(|doubt| message.to_lowercase().contains(doubt)) {
            found = found.or_else(|| Some(format!("its message is {message:?}")));
        }
    }
    found
}

/// Whether an answer to a GET may be taken as "there is no such campaign"; otherwise why not.
pub fn says_absent(answer: &Answer) -> Result<(), String> {
    let http_status = answer.http_status;
    if OF_OTHERS.contains(&http_status)
        || !(200..500).contains(&http_status)
        || (300..400).contains(&http_status)
    {
        return Err(format!("HTTP {http_status}"));
    }
    let text = text(&answer.body);
    if text.trim_start().starts_with('<') {
        return Err("it is HTML".to_owned());
    }
    let tree = Tree::parse(&text);
    if let Some(tree) = &tree
        && is_ok(http_status)
    {
        let said =
            tree.all("message").filter_map(Tree::text).any(|text| text.to_lowercase().contains("not found"));
        if !said && says_deleted(answer).is_ok() && !living(tree).is_empty() {
            return Err("it returns the campaign".to_owned());
        }
    }
    let lower = in_words(&text).to_lowercase();
    let words = ["not", "n't", "no ", "unknown", "deleted", "removed", "404", "410", "unable"];
    let said = words.iter().any(|word| lower.contains(word));
    let by_status = matches!(http_status, 404 | 410) && (tree.is_some() || text.trim().is_empty());
    if said || by_status || tree.is_none() && matches!(http_status, 404 | 410) && text.contains('{') {
        return Ok(());
    }
    Err("nothing in it says so".to_owned())
}

/// With blanks in words that are written together, as in the names of errors (`CampaignNotFound`).
fn in_words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() && words.ends_with(char::is_lowercase) {
            words.push(' ');
        }
        words.push(c);
    }
    words
}

/// The rows in an answer that are the campaign, as far as it can be read; and what a row has a state beside.
fn living(tree: &Tree) -> Vec<&Tree> {
    let mut rows = Vec::new();
    for data in tree.all("data") {
        rows.push(data);
        for row in data.all("results").flat_map(Tree::entries) {
            rows.push(row);
            row.every_field(&mut |_, value| {
                if value.all("status").any(|state| state.text().is_some()) {
                    rows.push(value);
                }
            });
        }
    }
    rows.retain(|row| {
        let lives = !row
            .all("status")
            .filter_map(Tree::text)
            .any(|state| state.trim().eq_ignore_ascii_case("deleted"));
        lives && row.all("_id").chain(row.all("id")).filter_map(Tree::text).any(is_it)
    });
    rows
}

/// Whether an id is that of the campaign, in any spelling.
fn is_it(id: &str) -> bool {
    let visible: String = id.chars().filter(char::is_ascii_graphic).collect();
    visible.eq_ignore_ascii_case(CAMPAIGN)
}

/// Whether the pages of a listing may be taken as "all campaigns, and not this one"; otherwise why not.
pub fn lists_all_but_it(pages: &[Answer]) -> Result<(), String> {
    if pages.is_empty() {
        return Err("no page was read".to_owned());
    }
    let (mut rows, mut totals) = (0, Vec::new());
    for page in pages {
        let text = text(&page.body);
        let lower = text.to_lowercase();
        let says_so = ["campaigns", "results", "records"].iter().any(|rows| lower.contains(rows));
        if page.oversized || !is_ok(page.http_status) && !says_so {
            return Err(format!("a page has HTTP {}", page.http_status));
        }
        if text.trim_start().starts_with('<') {
            return Err("a page is HTML".to_owned());
        }
        let Some(tree) = Tree::parse(&text) else {
            let rows = text.find("\"data\"").map_or("", |at| &text[at..]);
            if rows.to_lowercase().contains(&CAMPAIGN.to_lowercase()) {
                return Err("a page that is no JSON names the campaign".to_owned());
            }
            continue;
        };
        if !living(&tree).is_empty() {
            return Err("a page shows the campaign".to_owned());
        }
        let data = || tree.all("data");
        rows += data()
            .flat_map(|data| data.all("results"))
            .map(|results| results.entries().len() as u64)
            .sum::<u64>();
        totals.extend(data().flat_map(|data| data.all("totalResults")).filter_map(|total| match total {
            Tree::Leaf(Value::Number(total)) => total.as_u64(),
            _ => None,
        }));
    }
    if totals.iter().any(|total| *total != rows) {
        return Err(format!("there are {rows} rows, and the service counts {totals:?}"));
    }
    Ok(())
}
