//! Calendar expressions: what `OnCalendar=` takes.
//!
//! Grammar and bounds are those of systemd.time(7), "CALENDAR EVENTS", and of `systemd-analyze calendar`, which is not asked: at
//! the boot nothing may be started. Knows no clock, and not which time zones the host has; their names must look like some.

use std::ops::RangeInclusive;

/// Names for whole expressions.
const WORDS: [&str; 12] = [
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "semiannually",
    "semi-annually",
    "biannually",
    "bi-annually",
    "yearly",
    "annually",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Where time zones of two and more words lie.
const AREAS: [&str; 16] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Brazil",
    "Canada",
    "Chile",
    "Etc",
    "Europe",
    "Indian",
    "Mexico",
    "Pacific",
    "US",
];
/// Those of one word.
const ZONES: [&str; 44] = [
    "CET",
    "CST6CDT",
    "Cuba",
    "EET",
    "EST",
    "EST5EDT",
    "Egypt",
    "Eire",
    "Factory",
    "GB",
    "GB-Eire",
    "GMT",
    "GMT+0",
    "GMT-0",
    "GMT0",
    "Greenwich",
    "HST",
    "Hongkong",
    "Iceland",
    "Iran",
    "Israel",
    "Jamaica",
    "Japan",
    "Kwajalein",
    "Libya",
    "MET",
    "MST",
    "MST7MDT",
    "NZ",
    "NZ-CHAT",
    "Navajo",
    "PRC",
    "PST8PDT",
    "Poland",
    "Portugal",
    "ROC",
    "ROK",
    "Singapore",
    "Turkey",
    "UCT",
    "UTC",
    "Universal",
    "W-SU",
    "Zulu",
];
/// A list has at most so many parts.
const PARTS: usize = 240;
/// Seconds are counted in millionths.
const SECOND: u64 = 1_000_000;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The byte of the text that it begins at.
    pub offset: usize,
    /// What is wrong there, to follow the text in a sentence.
    pub reason: String,
}

/// Finds the first thing that is wrong with a calendar expression.
///
/// # Errors
/// [`Wrong`].
pub fn check(text: &str) -> Result<(), Wrong> {
    let trimmed = text.trim_end();
    let mut cursor = Cursor { text: without_zone(trimmed), at: trimmed.len() - trimmed.trim_start().len() };
    let rest = cursor.rest();
    if rest.is_empty() {
        return cursor.wrong("names no day and no time");
    }
    if WORDS.iter().any(|word| rest.eq_ignore_ascii_case(word)) {
        return Ok(());
    }
    weekdays(&mut cursor)?;
    if cursor.rest().is_empty() {
        return Ok(());
    }
    if cursor.eat("@") {
        let seconds = cursor.digits()?;
        // The last second that systemd can show: 9999-12-30 23:59:59 UTC.
        if seconds > 253_402_214_399 {
            return cursor.wrong("is a time that is too late");
        }
    } else if !date(&mut cursor)? || !cursor.rest().is_empty() {
        time(&mut cursor)?;
    }
    match cursor.rest().is_empty() {
        true => Ok(()),
        false => cursor.wrong("says more than a day and a time"),
    }
}

/// The expression without the time zone behind it.
fn without_zone(text: &str) -> &str {
    let Some((before, zone)) = text.rsplit_once(' ') else { return text };
    let is_part = |part: &str| {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte);
        !part.is_empty() && part.bytes().all(is_fit)
    };
    let is_zone = zone.eq_ignore_ascii_case("UTC")
        || ZONES.contains(&zone)
        || zone
            .split_once('/')
            .is_some_and(|(area, place)| AREAS.contains(&area) && place.split('/').all(is_part));
    if is_zone { before.trim_end() } else { text }
}

/// `Mon,Wed..Fri`, and the spaces behind it.
fn weekdays(cursor: &mut Cursor<'_>) -> Result<(), Wrong> {
    let mut begins_range: Option<usize> = None;
    let mut is_first = true;
    loop {
        let Some(day) = weekday(cursor) else {
            return match is_first {
                // None at all.
                true if !cursor.rest().starts_with(|it: char| it.is_ascii_alphabetic()) => Ok(()),
                _ => cursor.wrong("is no day of the week"),
            };
        };
        if !(cursor.rest().is_empty() || cursor.rest().starts_with(['-', '.', ',', ' '])) {
            return cursor.wrong("is no day of the week");
        }
        let is_ranges_end = begins_range.is_some();
        if begins_range.is_some_and(|begin| begin > day) {
            return cursor.wrong("is a range of days that goes backwards; the week begins on Monday");
        }
        is_first = false;
        if cursor.rest().is_empty() || cursor.rest().starts_with(' ') {
            break;
        }
        begins_range = None;
        if !cursor.eat(",") {
            if is_ranges_end || !(cursor.eat("..") || cursor.eat("-")) {
                return cursor.wrong("is no range of days");
            }
            begins_range = Some(day);
        }
        if cursor.rest().is_empty() || cursor.rest().starts_with(' ') {
            // A comma may stand at the end.
            if begins_range.is_some() {
                return cursor.wrong("is a range of days without an end");
            }
            break;
        }
    }
    cursor.skip_spaces();
    Ok(())
}

fn weekday(cursor: &mut Cursor<'_>) -> Option<usize> {
    for (number, day) in DAYS.iter().enumerate() {
        if cursor.eat_word(day) || cursor.eat_word(day.get(..3)?) {
            return Some(number);
        }
    }
    None
}

/// `2026-*-01`, `*-*~3`, `11-05`, and the spaces behind it; false if it is a time instead, of which nothing is taken.
fn date(cursor: &mut Cursor<'_>) -> Result<bool, Wrong> {
    let begin = cursor.at;
    let first = list(cursor, false)?;
    if cursor.rest().is_empty() || cursor.rest().starts_with(':') {
        cursor.at = begin;
        return Ok(false);
    }
    let mut from_end = separator(cursor)?;
    let second = list(cursor, false)?;
    let (year, month, day);
    if cursor.rest().is_empty() || cursor.rest().starts_with(' ') {
        (year, month, day) = (None, first, second);
    } else if from_end {
        return cursor.wrong("has something behind the day");
    } else {
        from_end = separator(cursor)?;
        (year, month, day) = (Some(first), second, list(cursor, false)?);
        if !(cursor.rest().is_empty() || cursor.rest().starts_with(' ')) {
            return cursor.wrong("has something behind the day");
        }
    }
    for part in year.into_iter().flatten() {
        part.of_year().fits("year", 1970..=2199, false)?;
    }
    within(month, "month", 1..=12, false)?;
    within(day, "day", 1..=31, from_end)?;
    cursor.skip_spaces();
    Ok(true)
}

/// What stands before a month or a day; true if days are counted from the end of the month.
fn separator(cursor: &mut Cursor<'_>) -> Result<bool, Wrong> {
    match cursor.eat("~") {
        true => Ok(true),
        false if cursor.eat("-") => Ok(false),
        false => cursor.wrong("is neither a day nor a time"),
    }
}

/// `04:30`, `*:0/15:00`.
fn time(cursor: &mut Cursor<'_>) -> Result<(), Wrong> {
    let hour = list(cursor, false)?;
    if !cursor.eat(":") {
        return cursor.wrong("is no time, which has hours and minutes");
    }
    let minute = list(cursor, false)?;
    let second = match cursor.rest().is_empty() {
        true => Vec::new(),
        false if cursor.eat(":") => list(cursor, true)?,
        false => return cursor.wrong("is no time"),
    };
    within(hour, "hour", 0..=23, false)?;
    within(minute, "minute", 0..=59, false)?;
    within(second, "second", 0..=60 * SECOND - 1, false)
}

/// Values of one unit; none are all of them.
fn list(cursor: &mut Cursor<'_>, in_millionths: bool) -> Result<Vec<Part>, Wrong> {
    if cursor.eat("*") {
        return Ok(Vec::new());
    }
    let mut parts = Vec::new();
    loop {
        parts.push(part(cursor, in_millionths)?);
        if parts.len() > PARTS {
            return cursor.wrong("has too many values");
        }
        if !cursor.eat(",") {
            return Ok(parts);
        }
    }
}

fn part(cursor: &mut Cursor<'_>, in_millionths: bool) -> Result<Part, Wrong> {
    let offset = cursor.at;
    let start = cursor.number(in_millionths)?;
    let mut part = Part { offset, start, stop: None, step: 0 };
    if cursor.eat("..") {
        part.stop = Some(cursor.number(in_millionths)?);
        part.step = if in_millionths { SECOND } else { 1 };
    }
    if cursor.eat("/") {
        let step = cursor.at;
        part.step = cursor.number(in_millionths)?;
        if part.step == 0 {
            return Err(Wrong { offset: step, reason: "is a step of nothing".to_owned() });
        }
    } else if in_millionths && part.stop.is_some_and(|it| part.start + SECOND > it) {
        return Err(Wrong {
            offset,
            reason: "is a range of less than a second, which needs a step".to_owned(),
        });
    }
    match cursor.rest().is_empty() || cursor.rest().starts_with([' ', ',', '-', '~', ':']) {
        true => Ok(part),
        false => cursor.wrong("does not belong here"),
    }
}

fn within(parts: Vec<Part>, unit: &str, bounds: RangeInclusive<u64>, from_end: bool) -> Result<(), Wrong> {
    parts.into_iter().try_for_each(|part| part.fits(unit, bounds.clone(), from_end))
}

/// One value, or a range of them, perhaps in steps.
#[derive(Debug, Clone, Copy)]
struct Part {
    offset: usize,
    start: u64,
    stop: Option<u64>,
    step: u64,
}

impl Part {
    /// Years may be written with two digits.
    fn of_year(self) -> Self {
        let full = |year: u64| match year {
            0..=69 => year + 2000,
            70..=99 => year + 1900,
            _ => year,
        };
        Self { start: full(self.start), stop: self.stop.map(full), ..self }
    }

    /// Whether all of it is within its unit's bounds, and a step leads to something.
    fn fits(self, unit: &str, bounds: RangeInclusive<u64>, from_end: bool) -> Result<(), Wrong> {
        let (least, most) = (*bounds.start(), *bounds.end());
        let wrong = |reason: String| Err(Wrong { offset: self.offset, reason });
        if !bounds.contains(&self.start) || self.stop.is_some_and(|it| !bounds.contains(&it)) {
            let whole = if most >= SECOND { most / SECOND } else { most };
            return wrong(format!("has a value for {unit}s that is not from {least} to {whole}"));
        }
        let reaches = match self.stop {
            Some(stop) if stop < self.start => {
                return wrong(format!("has a range of {unit}s that goes backwards"));
            }
            // One that no step fits into is its first value.
            Some(_) => true,
            None if from_end => self.start >= least + self.step,
            None => self.start + self.step <= most,
        };
        if reaches { Ok(()) } else { wrong(format!("has a step of {unit}s that leads nowhere")) }
    }
}

/// A text, and how far it is read.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, word: &str) -> bool {
        let is_next = self.rest().starts_with(word);
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    /// The same, in capitals or not.
    fn eat_word(&mut self, word: &str) -> bool {
        let is_next = self.rest().get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches(' ').len();
    }

    fn digits(&mut self) -> Result<u64, Wrong> {
        let rest = self.rest();
        let end = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, _) = rest.split_at(end);
        if digits.is_empty() {
            return self.wrong(if rest.is_empty() {
                "ends where a number is missing"
            } else {
                "is no number"
            });
        }
        let Ok(number) = digits.parse() else { return self.wrong("is too great") };
        self.at += end;
        Ok(number)
    }

    /// A number; one of seconds in millionths of them, which may be written behind a point.
    fn number(&mut self, in_millionths: bool) -> Result<u64, Wrong> {
        let begin = self.at;
        let mut number = self.digits()?;
        if in_millionths {
            number = number.saturating_mul(SECOND);
            if self.rest().starts_with('.') && !self.rest().starts_with("..") {
                self.at += 1;
                number = number.saturating_add(self.millionths()?);
            }
        }
        match i32::try_from(number) {
            Ok(_) => Ok(number),
            Err(_) => Err(Wrong { offset: begin, reason: "is too great".to_owned() }),
        }
    }

    /// Digits behind a point, rounded.
    fn millionths(&mut self) -> Result<u64, Wrong> {
        let rest = self.rest();
        let count = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
        let Some(digits) = rest.get(..count).filter(|it| !it.is_empty()) else {
            return self.wrong("is no number");
        };
        let number =
            format!("{digits:0<6}").get(..6).and_then(|it| it.parse::<u64>().ok()).unwrap_or_default();
        let rounds_up = digits.as_bytes().get(6).is_some_and(|it| *it >= b'5');
        self.at += count;
        Ok(number + u64::from(rounds_up))
    }

    fn wrong<T>(&self, reason: &str) -> Result<T, Wrong> {
        Err(Wrong { offset: self.at.min(self.text.len()), reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_wrong(text: &str, offset: usize, reason: &str) {
        assert_eq!(check(text), Err(Wrong { offset, reason: reason.to_owned() }), "{text}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        is_wrong("", 0, "names no day and no time");
        is_wrong("someday", 0, "is no day of the week");
        is_wrong("Mon,Someday 03:00", 4, "is no day of the week");
        is_wrong("Fri..Mon", 8, "is a range of days that goes backwards; the week begins on Monday");
        is_wrong("Mon.. 03:00", 5, "is a range of days without an end");
        is_wrong("25:00", 0, "has a value for hours that is not from 0 to 23");
        is_wrong("03:60", 3, "has a value for minutes that is not from 0 to 59");
        is_wrong("*-13-01", 2, "has a value for months that is not from 1 to 12");
        is_wrong("*-*-01 03", 9, "is no time, which has hours and minutes");
        is_wrong("03:00 Europe/", 5, "is no time");
        is_wrong("*:0/0", 4, "is a step of nothing");
        is_wrong("*:*/5", 3, "is no time");
        is_wrong("10", 2, "is no time, which has hours and minutes");
        is_wrong("1h", 1, "does not belong here");
        is_wrong("10-", 3, "ends where a number is missing");
        is_wrong("*:10..5", 2, "has a range of minutes that goes backwards");
    }

    #[test]
    fn nothing_makes_it_stumble() {
        for text in [
            "é",
            "Mon é",
            "@é",
            "1é:00",
            "00:00:00.é",
            " ",
            "  03:00  ",
            "99999999999999999999:00",
            "~",
            "*~",
            "é UTC",
        ] {
            let _ = check(text);
        }
        assert_eq!(check("  03:00  "), Ok(()));
    }
}
