//! The proleptic Gregorian calendar.

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const SECONDS_PER_DAY: i64 = 86_400;
pub const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;
pub const NANOS_PER_DAY: i128 = SECONDS_PER_DAY as i128 * 1_000_000_000;

/// Day of the week of 1 January 1970, with Sunday as 0.
const EPOCH_WEEKDAY: i64 = 4;

/// Julian day of 1 January 1970.
const EPOCH_JULIAN: i64 = 2_440_588;

/// Date of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CivilDate {
    /// Astronomical year: 0 is 1 BC.
    pub year: i64,
    pub month: i64,
    pub day: i64,
}

impl CivilDate {
    /// Date of a number of days after 1 January 1970.
    pub fn of_days(days: i64) -> Self {
        // Years start in March here, so that the leap day is the last day of a year.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = match month_from_march < 10 {
            true => month_from_march + 3,
            false => month_from_march - 9,
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// Days after 1 January 1970. Months beyond 1 to 12 count into other years.
    pub fn days(self) -> i64 {
        let months = self.year * 12 + self.month - 1;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let year = year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// Day of the year, from 1.
    pub fn day_of_year(self) -> i64 {
        let start = Self {
            month: 1,
            day: 1,
            ..self
        };
        self.days() - start.days() + 1
    }
}

/// Days of a month.
pub fn days_of_month(year: i64, month: i64) -> i64 {
    let start = |month: i64| {
        CivilDate {
            year,
            month,
            day: 1,
        }
        .days()
    };
    start(month + 1) - start(month)
}

/// Day of the week, from Sunday as 0.
pub fn weekday(days: i64) -> i64 {
    (days + EPOCH_WEEKDAY).rem_euclid(7)
}

/// Julian day number.
pub fn julian_day(days: i64) -> i64 {
    days + EPOCH_JULIAN
}

/// Year and week of ISO 8601.
pub fn iso_week(days: i64) -> (i64, i64) {
    // The week belongs to the year of its Thursday.
    let thursday = days - (weekday(days) + 6) % 7 + 3;
    let date = CivilDate::of_days(thursday);
    (date.year, (date.day_of_year() - 1) / 7 + 1)
}

/// First day of a week of ISO 8601, as days after 1 January 1970.
pub fn start_of_iso_week(year: i64, week: i64) -> i64 {
    let fourth = CivilDate {
        year,
        month: 1,
        day: 4,
    }
    .days();
    fourth - (weekday(fourth) + 6) % 7 + (week - 1) * 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_agree() {
        for days in (-800_000..3_000_000).step_by(17) {
            let date = CivilDate::of_days(days);
            assert_eq!(date.days(), days);
            assert!((1..=12).contains(&date.month) && (1..=31).contains(&date.day));
        }
        let date = |year, month, day| CivilDate { year, month, day };
        assert_eq!(CivilDate::of_days(0), date(1970, 1, 1));
        assert_eq!(CivilDate::of_days(19_782), date(2024, 2, 29));
        assert_eq!(date(2024, 13, 1).days(), date(2025, 1, 1).days());
        assert_eq!(date(2024, 12, 31).day_of_year(), 366);
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        let days = |year, month, day| CivilDate { year, month, day }.days();
        assert_eq!(weekday(days(2024, 5, 6)), 1);
        assert_eq!(iso_week(days(2021, 1, 3)), (2020, 53));
        assert_eq!(iso_week(days(2024, 12, 30)), (2025, 1));
        assert_eq!(iso_week(days(2024, 5, 6)), (2024, 19));
        assert_eq!(start_of_iso_week(2025, 1), days(2024, 12, 30));
        assert_eq!(days_of_month(2024, 2), 29);
        assert_eq!(days_of_month(2023, 12), 31);
        assert_eq!(julian_day(days(2000, 1, 1)), 2_451_545);
    }
}
