//! Parts of the text of a time, as Postgres reads them.

/// Parts of `2024-01-02 03:04:05.6 Europe/Berlin`.
pub struct TimeLiteralParts<'a> {
    pub date: &'a str,
    /// Hours, minutes, seconds with their fraction.
    pub time: Option<(&'a str, &'a str, &'a str)>,
    /// `Z`, an offset or the name of a zone.
    pub zone: Option<&'a str>,
}

impl<'a> TimeLiteralParts<'a> {
    /// Reads a literal; `None` for other forms.
    pub fn read(literal: &'a str) -> Option<Self> {
        let date_end = literal
            .find(|ch: char| !ch.is_ascii_digit() && ch != '-')
            .unwrap_or(literal.len());
        let (date, rest) = literal.split_at(date_end);
        let [year, month, day] = date.split('-').collect::<Vec<_>>().try_into().ok()?;
        let is_number = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(year, 4) || !is_number(month, 2) || !is_number(day, 2) {
            return None;
        }
        if rest.is_empty() {
            return Some(Self {
                date,
                time: None,
                zone: None,
            });
        }
        let rest = rest.strip_prefix(['T', 't', ' '])?.trim_start();
        if offset_of(rest).is_some() {
            return Some(Self {
                date,
                time: Some(("00", "00", "00")),
                zone: Some(rest),
            });
        }
        let time_end = rest
            .find(|ch: char| !ch.is_ascii_digit() && ch != ':' && ch != '.')
            .unwrap_or(rest.len());
        let (time, zone) = rest.split_at(time_end);
        let mut units = time.splitn(3, ':');
        let (hours, minutes, seconds) = (units.next()?, units.next()?, units.next());
        let seconds = seconds.unwrap_or("00");
        let whole = seconds.split_once('.').map_or(seconds, |(whole, _)| whole);
        if !is_number(hours, 2) || !is_number(minutes, 2) || !is_number(whole, 2) {
            return None;
        }
        let zone = zone.trim();
        Some(Self {
            date,
            time: Some((hours, minutes, seconds)),
            zone: (!zone.is_empty()).then_some(zone),
        })
    }
}

/// `+02:00` of `+2`, `+02`, `+0200` and `Z`; `None` for the name of a zone.
pub fn offset_of(zone: &str) -> Option<String> {
    if zone.eq_ignore_ascii_case("z") || zone.eq_ignore_ascii_case("utc") {
        return Some("+00:00".to_string());
    }
    let sign = zone
        .chars()
        .next()
        .filter(|sign| matches!(sign, '+' | '-'))?;
    let digits = zone.get(1..).filter(|digits| digits.is_ascii())?;
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes.get(..2)?),
        None if digits.len() == 4 => digits.split_at(2),
        None => (digits, "00"),
    };
    let hours: u8 = hours.parse().ok().filter(|hours| *hours < 16)?;
    let minutes: u8 = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
    Some(format!("{sign}{hours:02}:{minutes:02}"))
}
