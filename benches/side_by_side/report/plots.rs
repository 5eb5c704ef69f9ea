//! The plots.

use std::fmt::Write;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::report::table::thousands;
use crate::results::{Figures, Results};

const SIZE: (u32, u32) = (760, 380);
/// They can be told apart by people who see few colours (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
];

/// A line of one contender.
struct Line<'a> {
    figures: &'a Figures,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// What a chart shows, and where there is room to say which line is whose.
struct Axes {
    x: &'static str,
    y: &'static str,
    labels: SeriesLabelPosition,
    logarithmic: bool,
}

/// Draws what was measured, and returns the text that shows it.
pub fn draw(results: &Results, folder: &Path) -> String {
    let mut text = String::from("\n### Plots\n");
    let mut plot = |file: &str, title: &str, lines: Vec<Line<'_>>, axes: Axes| {
        let lines: Vec<_> = lines.into_iter().filter(|line| line.points.len() > 1).collect();
        if lines.is_empty() {
            return;
        }
        let path = folder.join(file);
        let area = SVGBackend::new(&path, SIZE).into_drawing_area();
        chart(&area, &lines, &axes);
        area.present().unwrap();
        write!(text, "\n![{title}](benchmarks/{file})\n\n{title}.\n").unwrap();
    };
    plot(
        "latency.svg",
        "Single deletions: the part of them that took at most so long",
        lines(results, |figures| distribution(&figures.single.concat())),
        Axes { x: "milliseconds", y: "percent", labels: SeriesLabelPosition::LowerRight, logarithmic: false },
    );
    let objects = results.figures[0].backlog.as_ref().map_or(0, |backlog| backlog.objects);
    plot(
        "drain.svg",
        &format!("{} deletions that were asked for before the start: how many are left", thousands(objects)),
        lines(results, |figures| {
            let backlog = figures.backlog.iter().flat_map(|backlog| &backlog.left);
            backlog.map(|(after, left)| (*after, *left as f64)).collect()
        }),
        Axes { x: "seconds", y: "objects", labels: SeriesLabelPosition::UpperRight, logarithmic: false },
    );
    plot(
        "memory.svg",
        "Resident memory over the number of objects",
        lines(results, |figures| {
            let resident = figures.resident.iter().filter(|(objects, _)| *objects > 0);
            resident.map(|(objects, bytes)| (*objects as f64, *bytes as f64 / 1e6)).collect()
        }),
        Axes { x: "objects", y: "megabytes", labels: SeriesLabelPosition::UpperLeft, logarithmic: true },
    );
    text
}

fn lines(results: &Results, points: impl Fn(&Figures) -> Vec<(f64, f64)>) -> Vec<Line<'_>> {
    assert!(results.figures.len() <= COLOURS.len(), "a colour is missing");
    let coloured = results.figures.iter().zip(COLOURS);
    coloured.map(|(figures, colour)| Line { figures, colour, points: points(figures) }).collect()
}

/// The percentiles, the axis in milliseconds; the slowest one in a hundred is left out.
fn distribution(seconds: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let part = |index: usize| 100.0 * index as f64 / sorted.len() as f64;
    sorted
        .iter()
        .enumerate()
        .map(|(index, seconds)| (seconds * 1e3, part(index + 1)))
        .filter(|(_, part)| *part <= 99.0)
        .collect()
}

fn chart(area: &DrawingArea<SVGBackend<'_>, Shift>, lines: &[Line<'_>], axes: &Axes) {
    area.fill(&WHITE).unwrap();
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let (x, y) = (extent(points().map(|point| point.0)), extent(points().map(|point| point.1)));
    let mut builder = ChartBuilder::on(area);
    builder.margin(12).margin_right(24).x_label_area_size(36).y_label_area_size(64);
    // The two kinds of chart have different types.
    macro_rules! draw {
        ($chart:expr) => {{
            let mut chart = $chart.unwrap();
            let mut mesh = chart.configure_mesh();
            mesh.x_desc(axes.x).y_desc(axes.y).light_line_style(TRANSPARENT);
            mesh.x_label_formatter(&label).y_label_formatter(&label).draw().unwrap();
            for Line { figures, colour, points } in lines {
                let style = ShapeStyle::from(*colour).stroke_width(2);
                let drawn = chart.draw_series(LineSeries::new(points.iter().copied(), style)).unwrap();
                let mark = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style);
                drawn.label(figures.who.name()).legend(mark);
            }
            let mut labels = chart.configure_series_labels();
            labels.position(axes.labels.clone());
            labels.background_style(WHITE.mix(0.8)).border_style(TRANSPARENT).draw().unwrap();
        }};
    }
    if axes.logarithmic {
        let [x, y] =
            [x, y].map(|(least, most)| (decade(least, f64::floor)..decade(most, f64::ceil)).log_scale());
        draw!(builder.build_cartesian_2d(x, y));
    } else {
        draw!(builder.build_cartesian_2d(0.0..x.1, 0.0..y.1));
    }
}

/// The least and the most.
fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(least, most), value| (least.min(value), most.max(value)))
}

/// The power of ten below or above.
fn decade(value: f64, round: fn(f64) -> f64) -> f64 {
    10_f64.powf(round(value.log10()))
}

/// A whole number without a point.
fn label(value: &f64) -> String {
    value.to_string()
}
