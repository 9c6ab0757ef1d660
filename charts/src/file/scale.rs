//! Scales from values to pixels, and the ticks of an axis.

use arrow::temporal_conversions::timestamp_s_to_datetime;

use crate::data::{Axis, MIN_GROUPED, format_number, fraction, group_digits};

/// A linear scale from values to pixels.
#[derive(Clone, Copy, Debug)]
pub struct PixelScale {
    pub values: (f64, f64),
    pub pixels: (f64, f64),
}

impl PixelScale {
    /// The pixel of a value; values beyond an end have the pixel of that end.
    pub fn pixel(&self, value: f64) -> f64 {
        let fraction = fraction(value, self.values).clamp(0.0, 1.0);
        self.pixels.0 + fraction * (self.pixels.1 - self.pixels.0)
    }
}

/// A labelled value of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub value: f64,
    pub text: String,
}

/// Steps between ticks, in seconds.
const STEP_SECONDS: &[i64] = &[
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1_800,
    3_600,
    7_200,
    10_800,
    21_600,
    43_200,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
];
const DAY: i64 = 86_400;
/// Longer steps between ticks, in months.
const STEP_MONTHS: &[i64] = &[
    1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200, 2_400, 6_000, 12_000, 60_000, 120_000,
];

/// An average month, in seconds.
const MONTH: f64 = 30.44 * 86_400.0;

/// Seconds from 1970 beyond which there are no calendar dates.
const MAX_CALENDAR_SECONDS: f64 = 8e12;

/// The smallest of 1, 2, 5, 10, ... with at most `most` steps in the range; an
/// integer where the values are `integers`.
pub fn tick_step(range: (f64, f64), most: usize, integers: bool) -> f64 {
    // Divided first, since the difference may overflow.
    let most = most.max(1) as f64;
    let raw = range.1 / most - range.0 / most;
    if !(raw.is_finite() && raw > 0.0) {
        return 1.0;
    }
    let unit = 10f64.powf(raw.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0];
    let fits = times
        .into_iter()
        .find(|times| times * unit >= raw * 0.999_999);
    let step = fits.unwrap_or(10.0) * unit;
    if integers { step.max(1.0) } else { step }
}

/// The range widened to whole steps, so that its ends are ticks.
pub fn widen_to_steps(range: (f64, f64), step: f64) -> (f64, f64) {
    let wide = (
        (range.0 / step).floor() * step,
        (range.1 / step).ceil() * step,
    );
    if wide.0.is_finite() && wide.1.is_finite() && wide.1 > wide.0 {
        wide
    } else {
        range
    }
}

/// About `most` ticks at most within the range.
pub fn ticks(axis: Axis, range: (f64, f64), most: usize, integers: bool) -> Vec<Tick> {
    let ticks = match axis {
        Axis::Times(per_second) => times(per_second, range, most),
        Axis::Numbers => Vec::new(),
    };
    match axis {
        Axis::Numbers => numbers(range, most, integers),
        Axis::Times(_) if ticks.len() >= 2 => ticks,
        // A range below a second, or beyond the calendar.
        Axis::Times(_) => [range.0, range.1]
            .into_iter()
            .map(|value| Tick {
                value,
                text: axis.text(value),
            })
            .collect(),
    }
}

fn numbers(range: (f64, f64), most: usize, integers: bool) -> Vec<Tick> {
    let step = tick_step(range, most, integers);
    let first = (range.0 / step - 1e-9).ceil();
    let largest = range.0.abs().max(range.1.abs());
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let text = |value: f64| {
        if largest >= 1e15 || step < 1e-9 {
            format_number(value)
        } else if largest >= MIN_GROUPED {
            group_digits(&format!("{value:.decimals$}"))
        } else {
            format!("{value:.decimals$}")
        }
    };
    (0..=most + 1)
        // Adding zero turns negative zero into zero.
        .map(|at| (first + at as f64) * step + 0.0)
        .take_while(|value| value.is_finite() && *value <= range.1 + step * 1e-6)
        .map(|value| Tick {
            value,
            text: text(value),
        })
        .collect()
}

fn times(per_second: f64, range: (f64, f64), most: usize) -> Vec<Tick> {
    let (first, last) = (range.0 / per_second, range.1 / per_second);
    if first.abs() > MAX_CALENDAR_SECONDS || last.abs() > MAX_CALENDAR_SECONDS {
        return Vec::new();
    }
    let fits = |seconds: f64| (last - first) / seconds <= most.max(1) as f64;
    let (places, step): (Vec<i64>, i64) =
        if let Some(step) = STEP_SECONDS.iter().find(|step| fits(**step as f64)) {
            // Weeks begin on Mondays; 1970 began on a Thursday.
            let shift = if step % (7 * DAY) == 0 { 4 * DAY } else { 0 };
            let from = ((first - shift as f64) / *step as f64).ceil() as i64;
            let all = (from..).map(|at| at * step + shift);
            let within = all.take_while(|place| *place as f64 <= last);
            (within.take(most + 2).collect(), *step)
        } else {
            let longest = STEP_MONTHS[STEP_MONTHS.len() - 1];
            let step = STEP_MONTHS.iter().find(|step| fits(**step as f64 * MONTH));
            let step = *step.unwrap_or(&longest);
            let from = month_of(first as i64).div_euclid(step);
            let all = (from..).map(|at| seconds_of(at * step));
            let within = all
                .skip_while(|place| (*place as f64) < first)
                .take_while(|place| *place as f64 <= last);
            (within.take(most + 2).collect(), step * MONTH as i64)
        };
    let mut before = String::new();
    let name = |seconds: &i64| {
        let time = timestamp_s_to_datetime(*seconds)?;
        let (pattern, above) = match step {
            step if step as f64 >= 11.0 * MONTH => ("%Y", ""),
            step if step as f64 >= 0.9 * MONTH => ("%b", " %Y"),
            step if step >= DAY => ("%-d %b", " %Y"),
            step if step >= 60 => ("%H:%M", ", %-d %b"),
            _ => ("%H:%M:%S", ", %-d %b"),
        };
        // Year or day are added where a new one begins.
        let around = time.format(above).to_string();
        let mut text = time.format(pattern).to_string();
        if around != before {
            text.push_str(&around);
            before = around;
        }
        Some(Tick {
            value: *seconds as f64 * per_second,
            text,
        })
    };
    places.iter().filter_map(name).collect()
}

/// The month of a second, counted from the year 0.
fn month_of(seconds: i64) -> i64 {
    let number = |pattern: &str| {
        let time = timestamp_s_to_datetime(seconds)?;
        time.format(pattern).to_string().parse::<i64>().ok()
    };
    number("%Y").unwrap_or(1970) * 12 + number("%m").unwrap_or(1) - 1
}

/// The first second of a month, counted from the year 0. Years begin in March
/// here, so that a leap day is the last day of its year.
fn seconds_of(month: i64) -> i64 {
    let march = month - 2;
    let (year, month) = (march.div_euclid(12), march.rem_euclid(12));
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = year * 365 + leaps + (153 * month + 2) / 5;
    // From 1 March of the year 0 to 1 January 1970.
    (days - 719_468) * DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: Axis, range: (f64, f64), most: usize) -> Vec<String> {
        let ticks = ticks(axis, range, most, false);
        ticks.into_iter().map(|tick| tick.text).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(
            texts(Axis::Numbers, (0.0, 10.0), 5),
            ["0", "2", "4", "6", "8", "10"]
        );
        assert_eq!(
            texts(Axis::Numbers, (-0.31, 0.2), 5),
            ["-0.2", "0.0", "0.2"]
        );
        assert_eq!(
            texts(Axis::Numbers, (0.0, 20_000.0), 4),
            ["0", "5,000", "10,000", "15,000", "20,000"]
        );
        assert_eq!(
            texts(Axis::Numbers, (1990.0, 2020.0), 3),
            ["1990", "2000", "2010", "2020"]
        );
        assert_eq!(tick_step((0.0, 2.0), 10, true), 1.0);
        assert_eq!(widen_to_steps((1.2, 9.7), 2.0), (0.0, 10.0));
    }

    #[test]
    fn labels_of_times_name_the_part_that_changes() {
        let days = Axis::Times(1.0 / 86_400.0);
        // 20 December 2023 to 15 January 2024
        let range = (19_711.0, 19_737.0);
        assert_eq!(
            texts(days, range, 4),
            ["25 Dec 2023", "1 Jan 2024", "8 Jan", "15 Jan"]
        );
        let years = (19_358.0, 20_089.0);
        assert_eq!(
            texts(days, years, 5),
            ["Jan 2023", "Jul", "Jan 2024", "Jul", "Jan 2025"]
        );
        let hours = Axis::Times(1.0);
        assert_eq!(
            texts(hours, (1_704_056_400.0, 1_704_078_000.0), 3),
            ["22:00, 31 Dec", "00:00, 1 Jan", "02:00"]
        );
        assert_eq!(
            texts(days, (0.0, 36_525.0), 5),
            ["1980", "2000", "2020", "2040", "2060"]
        );
    }

    #[test]
    fn months_begin_on_their_first_day() {
        for seconds in [0, 951_868_800, 1_709_251_200, -2_203_891_200] {
            // Each is the first of a month.
            assert_eq!(seconds_of(month_of(seconds)), seconds);
        }
    }

    #[test]
    fn extreme_ranges_have_few_ticks() {
        let max = f64::MAX;
        for range in [
            (-max, max),
            (0.0, 1e-300),
            (0.0, 0.0),
            (5.0, 5.0),
            (1e300, max),
        ] {
            for axis in [Axis::Numbers, Axis::Times(1.0), Axis::Times(1e9)] {
                assert!(ticks(axis, range, 6, false).len() <= 9, "{range:?}");
            }
        }
        let scale = PixelScale {
            values: (-max, max),
            pixels: (0.0, 100.0),
        };
        assert_eq!(
            (scale.pixel(-max), scale.pixel(0.0), scale.pixel(max)),
            (0.0, 50.0, 100.0)
        );
    }
}
