//! How the board is drawn: on a terminal, lines and a bar that change in place; elsewhere, a line per change.

use std::io::IsTerminal;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::board::Board;
use crate::output::{self, colours};

/// Lines of a terminal that are not for resources: the bar, and what stands above.
const OTHER_LINES: usize = 3;
/// Most lines for resources, however high the terminal is: more than anybody reads.
const MOST_LINES: usize = 40;

/// The standard error.
pub struct Screen {
    terminal: Option<Drawn>,
}

struct Drawn {
    all: MultiProgress,
    lines: Vec<ProgressBar>,
    total: ProgressBar,
}

impl Screen {
    /// The standard error; drawn in place if it is a terminal.
    pub fn new() -> Self {
        let terminal = std::io::stderr().is_terminal().then(|| {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let total = all.add(ProgressBar::new(0));
            // A constant template, which the test below uses.
            total.set_style(bar().unwrap_or_else(|_error| ProgressStyle::default_bar()));
            Drawn { all, lines: Vec::new(), total }
        });
        Self { terminal }
    }

    /// Draws the board.
    pub fn draw(&mut self, board: &Board, now: Timestamp) {
        let Some(drawn) = &mut self.terminal else { return };
        let (rows, _) = Term::stderr().size();
        let room = usize::from(rows).saturating_sub(OTHER_LINES).clamp(1, MOST_LINES);
        let lines = board.lines(room, now);
        while drawn.lines.len() < lines.len() {
            let line = drawn.all.insert_before(&drawn.total, ProgressBar::new_spinner());
            line.set_style(
                ProgressStyle::with_template("{wide_msg}")
                    .unwrap_or_else(|_error| ProgressStyle::default_spinner()),
            );
            drawn.lines.push(line);
        }
        for gone in drawn.lines.drain(lines.len()..) {
            gone.finish_and_clear();
            drawn.all.remove(&gone);
        }
        drawn.lines.iter().zip(lines).for_each(|(bar, line)| bar.set_message(line));
        let (all, gone) = board.counts();
        drawn.total.set_length(u64::try_from(all).unwrap_or(u64::MAX));
        drawn.total.set_position(u64::try_from(gone).unwrap_or(u64::MAX));
        drawn.total.set_message(board.headline(now));
    }

    /// Writes a line that stays; on a terminal, only if it `matters` after the view is gone.
    pub fn say(&self, line: &str, matters: bool) {
        match &self.terminal {
            Some(drawn) if matters => drop(drawn.all.println(line)),
            Some(_) => {}
            None => output::say(line),
        }
    }

    /// Leaves the view as it is; what is said from now on stands below. After Ctrl-C: the terminal has shown
    /// `^C` behind the bar, and so begun a line that nobody counts who removes the view.
    pub fn leave(&mut self) {
        if let Some(drawn) = self.terminal.take() {
            drawn.all.set_draw_target(ProgressDrawTarget::hidden());
            output::say("");
        }
    }

    /// Removes the view.
    pub fn end(self) {
        if let Some(drawn) = self.terminal {
            drop(drawn.all.clear());
        }
    }
}

fn bar() -> Result<ProgressStyle, indicatif::style::TemplateError> {
    let bar = if colours() { "{bar:30.green}" } else { "{bar:30}" };
    ProgressStyle::with_template(&format!("{bar} {{pos}} of {{len}} gone  {{wide_msg}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_of_the_bar_is_one() {
        bar().unwrap();
    }
}
