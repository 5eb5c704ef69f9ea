//! The dashboard as a picture: what its panels would show, from the same queries. Grafana itself does not run
//! here.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use serde_json::Value;
use testbed::prometheus::{Prometheus, Series};

use super::filled_in;

/// Pixels of a column and of a line of the dashboard's grid.
const COLUMN: u32 = 52;
const LINE: u32 = 36;
/// How many series of a panel are drawn: more can't be told apart.
const MANY: usize = 8;
const TITLE: (&str, u32) = ("sans-serif", 15);
const SMALL: (&str, u32) = ("sans-serif", 12);
const LARGE: (&str, u32) = ("sans-serif", 34);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws each panel of the dashboard, with what the last `seconds` have brought.
pub async fn draw(prometheus: &Prometheus, dashboard: &Value, seconds: u64, path: &Path) {
    let panels = dashboard["panels"].as_array().unwrap();
    let height = panels.iter().map(|panel| grid(panel, "y") + grid(panel, "h")).max().unwrap();
    let mut shown = Vec::new();
    for panel in panels {
        let mut series = Vec::new();
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = filled_in(target["expr"].as_str().unwrap());
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            let found = prometheus.query_range(&query, seconds).await.unwrap();
            series.extend(found.into_iter().map(|series| (named(legend, &series), series)));
        }
        shown.push((panel, series));
    }
    let area = SVGBackend::new(path, (24 * COLUMN, height * LINE)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    for (panel, series) in &shown {
        let (x, y) = (grid(panel, "x") * COLUMN, grid(panel, "y") * LINE);
        let size = (grid(panel, "w") * COLUMN, grid(panel, "h") * LINE);
        let part = area.clone().shrink((x, y), size);
        let title = panel["title"].as_str().unwrap();
        part.draw(&Text::new(title.to_owned(), (10, 8), TITLE.into_font())).unwrap();
        let inner = part.margin(28, 8, 8, 12);
        match panel["type"].as_str().unwrap() {
            "row" => {}
            "stat" => stat(&inner, panel, series),
            "table" => table(&inner, series),
            "timeseries" => chart(&inner, series),
            other => panic!("{other} is drawn by nobody"),
        }
    }
    area.present().unwrap();
}

fn grid(panel: &Value, part: &str) -> u32 {
    u32::try_from(panel["gridPos"][part].as_u64().unwrap()).unwrap()
}

/// The name of a series, as `legendFormat` of Grafana makes it.
fn named(legend: &str, series: &Series) -> String {
    let labels = series.labels.as_object().into_iter().flatten();
    labels.fold(legend.to_owned(), |name, (label, value)| {
        name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap_or_default())
    })
}

fn last(series: &Series) -> f64 {
    series.points.last().map_or(f64::NAN, |point| point.1)
}

fn stat(area: &Area<'_>, panel: &Value, series: &[(String, Series)]) {
    let value = series.first().map_or(f64::NAN, |(_, series)| last(series));
    let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
    let text = if unit == "s" { format!("{value:.0} s") } else { format!("{value:.0}") };
    area.draw(&Text::new(text, (10, 30), LARGE.into_font())).unwrap();
}

/// A line for each set of labels that is there now: the first query's value, and the second one's.
fn table(area: &Area<'_>, series: &[(String, Series)]) {
    let mut lines: Vec<(String, String)> = Vec::new();
    let end = |series: &Series| series.points.last().map_or(0.0, |point| point.0);
    let now = series.iter().map(|(_, series)| end(series)).fold(0.0, f64::max);
    for (_, Series { labels, .. }) in series.iter().filter(|(_, series)| end(series) == now) {
        let texts = ["reason", "connection"].map(|label| labels[label].as_str().unwrap_or_default());
        let same = series.iter().filter(|(_, other)| other.labels == *labels);
        let figures: Vec<_> = same.map(|(_, series)| last(series)).collect();
        let [count, held, ..] = figures[..] else { continue };
        let line = (texts.join("  "), format!("{count:.0}   held for {held:.0} s"));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    for (number, (left, right)) in lines.into_iter().enumerate() {
        let y = i32::try_from(number).unwrap() * 18;
        area.draw(&Text::new(left, (10, y), SMALL.into_font())).unwrap();
        area.draw(&Text::new(right, (460, y), SMALL.into_font())).unwrap();
    }
}

fn chart(area: &Area<'_>, series: &[(String, Series)]) {
    let points = || series.iter().flat_map(|(_, series)| &series.points);
    let extent = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (least.min(value), most.max(value))
        })
    };
    let (begin, end) = extent(&mut points().map(|point| point.0));
    let (_, most) = extent(&mut points().map(|point| point.1));
    let most = if most > 0.0 { most * 1.1 } else { 1.0 };
    let mut builder = ChartBuilder::on(area);
    builder.x_label_area_size(20).y_label_area_size(52);
    let mut chart = builder.build_cartesian_2d(0.0..(end - begin).max(1.0), 0.0..most).unwrap();
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).x_labels(5).y_labels(4).label_style(SMALL).draw().unwrap();
    for (number, (name, Series { points, .. })) in series.iter().take(MANY).enumerate() {
        let style = Palette99::pick(number).stroke_width(2);
        let line = points.iter().map(|(time, value)| (time - begin, *value));
        let drawn = chart.draw_series(LineSeries::new(line, style)).unwrap();
        drawn.label(name.clone()).legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], style));
    }
    let mut labels = chart.configure_series_labels();
    labels.position(SeriesLabelPosition::UpperLeft).label_font(SMALL);
    labels.background_style(WHITE.mix(0.7)).border_style(TRANSPARENT).draw().unwrap();
}
