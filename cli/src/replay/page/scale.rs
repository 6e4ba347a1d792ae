//! Where a value stands in a plot.

/// A stretch of values, and the stretch of the picture that shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    is_log: bool,
    values: (f64, f64),
    at: (f64, f64),
}

impl Scale {
    /// From one value to another.
    pub(super) fn linear(values: (f64, f64), at: (f64, f64)) -> Self {
        Self { is_log: false, values, at }
    }

    /// The same by their logarithms; both are above 0.
    pub(super) fn log(values: (f64, f64), at: (f64, f64)) -> Self {
        Self { is_log: true, values, at }
    }

    /// Where `value` stands; at an end if it is beyond it.
    pub(super) fn at(&self, value: f64) -> f64 {
        let of =
            |value: f64| if self.is_log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let (from, to) = (of(self.values.0), of(self.values.1));
        let part = if to > from { ((of(value) - from) / (to - from)).clamp(0.0, 1.0) } else { 0.5 };
        self.at.0 + part * (self.at.1 - self.at.0)
    }

    /// Where its ends stand.
    pub(super) fn ends(&self) -> (f64, f64) {
        self.at
    }

    /// Round values for its axis, at most `most`.
    pub(super) fn ticks(&self, most: usize) -> Vec<f64> {
        if self.is_log { self.log_ticks(most) } else { self.linear_ticks(most) }
    }

    fn log_ticks(&self, most: usize) -> Vec<f64> {
        let within = |value: &f64| (self.values.0 * 0.999..=self.values.1 * 1.001).contains(value);
        for steps in [&[1.0, 2.0, 5.0][..], &[1.0]] {
            let powers = (-9..=16).map(|power| 10_f64.powi(power));
            let values = powers.flat_map(|power| steps.iter().map(move |step| step * power));
            let ticks: Vec<f64> = values.filter(within).collect();
            if ticks.len() <= most {
                return ticks;
            }
        }
        (-9..=16).step_by(3).map(|power| 10_f64.powi(power)).filter(within).collect()
    }

    fn linear_ticks(&self, most: usize) -> Vec<f64> {
        let length = self.values.1 - self.values.0;
        let steps = (0..=15).flat_map(|power| [1.0, 2.0, 5.0].map(|s| s * 10_f64.powi(power)));
        let mut fitting = steps.skip_while(|step| length / step >= most as f64);
        let step = fitting.next().unwrap_or(length.max(1.0));
        let mut ticks = Vec::new();
        let mut value = (self.values.0 / step).ceil() * step;
        while value <= self.values.1 && ticks.len() < most {
            ticks.push(value);
            value += step;
        }
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(Scale::linear((0.0, 9.0), (0.0, 1.0)).ticks(6), [0.0, 2.0, 4.0, 6.0, 8.0]);
        let log = Scale::log((1.0, 40.0), (0.0, 1.0)).ticks(8);
        assert_eq!(log, [1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(Scale::log((1.0, 1000.0), (0.0, 1.0)).ticks(5), [1.0, 10.0, 100.0, 1000.0]);
        assert!(Scale::log((1.0, 1e12), (0.0, 1.0)).ticks(5).len() <= 5);
        assert!(Scale::linear((3.0, 3.0), (0.0, 1.0)).ticks(5).len() <= 5);
    }

    #[test]
    fn values_stand_within_the_picture() {
        let scale = Scale::log((1.0, 100.0), (10.0, 30.0));
        assert_eq!(
            [0.0, 1.0, 10.0, 100.0, 1e9].map(|value| scale.at(value)),
            [10.0, 10.0, 20.0, 30.0, 30.0]
        );
    }
}
