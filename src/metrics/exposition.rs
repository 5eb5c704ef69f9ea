//! The formats of `/metrics`: a scraper names those that it reads in its header `Accept`.

use prometheus_client::encoding::text::encode as encode_openmetrics;
use prometheus_client::registry::Registry;

/// Content type of OpenMetrics [openmetrics-1.0].
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Content type of the text format of Prometheus [exposition-formats].
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus, which every scraper reads, and people do.
    Text,
}

/// The metrics in a format.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The content type of the format.
    pub content_type: &'static str,
    /// The metrics.
    pub body: String,
}

impl Format {
    /// The format to answer a request with that has this header `Accept`.
    pub fn accepted(accept: Option<&str>) -> Self {
        let accepts = |wanted: &str| {
            let listed = accept.unwrap_or_default().split(',');
            listed.filter_map(|entry| entry.split(';').next()).any(|media| media.trim() == wanted)
        };
        if accepts("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }
}

/// All metrics of a registry.
pub fn encode(registry: &Registry, format: Format) -> Rendered {
    let mut openmetrics = String::new();
    // Writing to a String can't fail.
    let _ = encode_openmetrics(&mut openmetrics, registry);
    match format {
        Format::OpenMetrics => Rendered { content_type: OPENMETRICS, body: openmetrics },
        Format::Text => Rendered { content_type: TEXT, body: as_text(&openmetrics) },
    }
}

/// OpenMetrics in the text format of Prometheus: this describes a counter under the name of its samples,
/// knows no type `info`, and has neither units nor an end.
fn as_text(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let (mut counters, mut infos) = (Vec::new(), Vec::new());
    for line in openmetrics.lines() {
        if let ["#", "TYPE", name, kind] = line.split(' ').collect::<Vec<_>>()[..] {
            match kind {
                "counter" => counters.push(name),
                "info" => infos.push(name),
                _ => {}
            }
        }
    }
    for line in openmetrics.lines() {
        let suffix = |name: &str| match () {
            () if counters.contains(&name) => "_total",
            () if infos.contains(&name) => "_info",
            () => "",
        };
        match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
            ["#", "EOF" | "UNIT", ..] => continue,
            ["#", "TYPE", name, "info"] => text.push_str(&format!("# TYPE {name}_info gauge")),
            ["#", what, name, rest] => text.push_str(&format!("# {what} {name}{} {rest}", suffix(name))),
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_what_it_reads() {
        for (accept, format) in [
            (None, Format::Text),
            (Some("*/*"), Format::Text),
            (Some("text/plain;version=0.0.4;q=0.3,*/*;q=0.1"), Format::Text),
            (
                Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"),
                Format::OpenMetrics,
            ),
            (Some("text/plain, application/openmetrics-text; version=1.0.0"), Format::OpenMetrics),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn the_text_format_names_counters_as_their_samples() {
        let openmetrics = "# HELP a Of a.\n# TYPE a counter\na_total 1\n# HELP b_seconds Of b counter.\n# TYPE b_seconds gauge\n\
            # UNIT b_seconds seconds\nb_seconds{x=\"y\"} 1.5\n# HELP c Of c.\n# TYPE c info\nc_info{v=\"1\"} 1\n# EOF\n";
        let text = "# HELP a_total Of a.\n# TYPE a_total counter\na_total 1\n# HELP b_seconds Of b counter.\n# TYPE b_seconds gauge\n\
            b_seconds{x=\"y\"} 1.5\n# HELP c_info Of c.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n";
        assert_eq!(as_text(openmetrics), text);
    }
}
