//! What is measured in turns, and compared.

use crate::harness::Bar;

/// What is measured in turns.
#[derive(Default)]
pub(crate) struct Sides<'a> {
    sides: Vec<Side<'a>>,
}

struct Side<'a> {
    name: &'static str,
    measure: Box<dyn FnMut() -> f64 + 'a>,
    figures: Vec<f64>,
}

impl<'a> Sides<'a> {
    pub(crate) fn add(&mut self, name: &'static str, measure: impl FnMut() -> f64 + 'a) {
        self.sides.push(Side { name, measure: Box::new(measure), figures: Vec::new() });
    }

    /// Measures each side once, which does not count, and then so many times, each going first in
    /// turn.
    pub(crate) fn measure(&mut self, slices: usize) {
        for side in &mut self.sides {
            (side.measure)();
        }
        for _ in 0..slices {
            for side in &mut self.sides {
                side.figures.push((side.measure)());
            }
            self.sides.rotate_left(1);
        }
    }

    /// Prints how `ours` compares with `floor`; that they are skipped if one of them is not there.
    pub(crate) fn compare(
        &self,
        name: &'static str,
        ours: &'static str,
        floor: &'static str,
        target: Option<f64>,
    ) {
        let bar = Bar { name, target, quick: false };
        let figures = |name| self.sides.iter().find(|it| it.name == name).map(|it| &it.figures);
        match (figures(ours), figures(floor)) {
            (Some(ours), Some(floor)) => bar.judge(ours, floor),
            _ => bar.skip("no erl"),
        }
    }
}
