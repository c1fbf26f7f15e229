//! The figures as a page: a bar for each program and machine, the first machine's time as the line at 1.

use super::history::Entry;
use super::{Figures, Table};
use std::fmt::Write;

const ROW_HEIGHT: usize = 14;
/// Pixels of a bar at ratio 1.
const UNIT: f64 = 320.0;
/// Bars end here; the figure beside one says by how much it is longer.
const LONGEST: f64 = 2.0;
const LABELS: usize = 150;
const COLOURS: [&str; 6] = ["#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#475569"];

/// A page that needs no network: two charts in SVG, processor time and peak memory.
pub fn html(table: &Table, entry: &Entry) -> String {
    let title = escape(&entry.title());
    let mut page = format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Lua benchmarks: {title}</title>\n\
         <style>body{{font:13px sans-serif;margin:2em}}text{{font:11px sans-serif}}</style>\n<h1>{title}</h1>\n<p>"
    );
    for (vm, name) in table.vms.iter().enumerate().skip(1) {
        let means = [table.mean(vm, |found| found.cpu_ms), table.mean(vm, |found| found.memory_kib)];
        let [cpu, memory] = means.map(|mean| mean.map_or("none".into(), |mean| format!("{mean:.3}")));
        let (colour, name) = (COLOURS[(vm - 1) % COLOURS.len()], escape(name));
        _ = write!(page, "<b style=\"color:{colour}\">{name}</b>: time {cpu}, memory {memory}. ");
    }
    _ = writeln!(page, "Geometric means against {}; shorter is better.</p>", escape(&table.vms[0]));
    for (heading, figure) in
        [("Processor time", (|found| found.cpu_ms) as fn(&Figures) -> f64), ("Peak memory", |found| found.memory_kib)]
    {
        _ = writeln!(page, "<h2>{heading}</h2>\n{}", svg(table, figure));
    }
    page
}

fn svg(table: &Table, figure: fn(&Figures) -> f64) -> String {
    let others = table.vms.len() - 1;
    let row_height = others * ROW_HEIGHT + 6;
    let (width, height) = (LABELS as f64 + UNIT * LONGEST + 60.0, table.rows.len() * row_height);
    let mut svg = format!("<svg width=\"{width}\" height=\"{height}\" role=\"img\">\n");
    for (index, row) in table.rows.iter().enumerate() {
        let top = index * row_height;
        _ = writeln!(svg, "<text x=\"0\" y=\"{}\">{}</text>", top + ROW_HEIGHT - 3, escape(&row.name));
        for vm in 1..=others {
            let Some(ratio) = row.ratio(vm, figure) else { continue };
            let (y, length) = (top + (vm - 1) * ROW_HEIGHT, UNIT * ratio.min(LONGEST));
            let colour = COLOURS[(vm - 1) % COLOURS.len()];
            _ = writeln!(
                svg,
                "<rect x=\"{LABELS}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{ratio:.2}</text>",
                ROW_HEIGHT - 2,
                LABELS as f64 + length + 4.0,
                y + ROW_HEIGHT - 3,
            );
        }
    }
    let line = LABELS as f64 + UNIT;
    _ = writeln!(svg, "<line x1=\"{line}\" x2=\"{line}\" y1=\"0\" y2=\"{height}\" stroke=\"#000\"/>\n</svg>");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::super::Row;
    use super::*;

    #[test]
    fn bars_are_as_long_as_ratios() {
        let figures = |cpu_ms| Some(Figures { cpu_ms, memory_kib: 1.0 });
        let rows = vec![Row { name: "a<b".into(), figures: vec![figures(10.0), figures(5.0), figures(100.0), None] }];
        let table = Table { vms: ["first", "half", "ten", "failed"].map(String::from).into(), rows };
        let page = html(&table, &Entry::of(&table, "abc", "p"));
        assert!(page.contains("a&lt;b") && page.contains("width=\"160.0\"") && page.contains("width=\"640.0\""));
        assert!(
            page.contains("time 0.500, memory 1.000") && page.contains(">10.00</text>") && page.contains("time none")
        );
    }
}
