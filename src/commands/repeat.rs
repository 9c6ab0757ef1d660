//! Commands on the open or last statement: `\g`, `\gx`, `\watch`, `\p`, `\r`.

use std::time::Duration;

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::output::sink::Sink;
use crate::output::{PagerMode, Style};
use crate::shell::Shell;
use crate::sources::location::expand_home;

/// Time between two runs of `\watch`.
const DEFAULT_WATCH_INTERVAL: Duration = Duration::from_secs(2);

fn statement(shell: &Shell) -> Result<String> {
    shell
        .statement
        .clone()
        .ok_or_else(|| ShellError::query("no statement has run yet"))
}

/// Runs the statement, and writes its result to a file if one is named.
pub async fn go(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let sql = statement(shell)?;
    match call.words.as_slice() {
        [] => shell.run_sql(&sql).await?,
        [name] if name.starts_with('|') => {
            return Err(ShellError::query(
                "\\g writes to a file, not to a program; a script can be piped: semql -f FILE | PROGRAM",
            ));
        }
        [name] => {
            let file = Sink::file(&expand_home(name))?;
            let output = std::mem::replace(&mut shell.sink, file);
            let result = shell.run_sql(&sql).await;
            let file = std::mem::replace(&mut shell.sink, output);
            // After an error, the file is dropped and does not appear.
            result?;
            file.finish()?;
        }
        _ => return Err(ShellError::query("\\g takes one file")),
    }
    Ok(Action::Continue)
}

/// The same with one line for each value.
pub async fn go_expanded(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let expanded = Style {
        expanded: true,
        ..shell.style.clone()
    };
    let style = std::mem::replace(&mut shell.style, expanded);
    let result = go(shell, call).await;
    shell.style = style;
    result
}

/// Drops the open statement.
pub async fn reset(shell: &mut Shell) -> Result<Action> {
    shell.statement_pending = false;
    shell.print_confirmation("The open statement is dropped.");
    Ok(Action::Continue)
}

pub async fn print(shell: &mut Shell) -> Result<Action> {
    let sql = statement(shell)?;
    shell.write_text(&format!("{sql};"))?;
    Ok(Action::Continue)
}

/// Repeats the statement until Ctrl-C, which is an error except at a prompt, or as often
/// as `c=COUNT` says.
pub async fn watch(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let options = WatchOptions::parse(&call.words)?;
    let sql = statement(shell)?;
    let unpaged = Style {
        pager: PagerMode::Off,
        ..shell.style.clone()
    };
    let style = std::mem::replace(&mut shell.style, unpaged);
    let result = repeat(shell, &sql, &options).await;
    shell.style = style;
    result
}

async fn repeat(shell: &mut Shell, sql: &str, options: &WatchOptions) -> Result<Action> {
    let mut runs = 0;
    loop {
        shell.run_sql(sql).await?;
        runs += 1;
        if options.count.is_some_and(|count| runs >= count) {
            return Ok(Action::Continue);
        }
        tokio::select! {
            () = tokio::time::sleep(options.interval) => {}
            interrupted = shell.interrupts.next() => {
                return if shell.interactive { Ok(Action::Continue) } else { Err(interrupted) };
            }
        }
    }
}

/// Arguments of `\watch`.
#[derive(Debug, PartialEq)]
struct WatchOptions {
    interval: Duration,
    /// Number of runs; without end for `None`.
    count: Option<u64>,
}

impl WatchOptions {
    /// Reads `SECONDS`, `i=SECONDS` and `c=COUNT`.
    fn parse(words: &[String]) -> Result<Self> {
        let mut options = Self {
            interval: DEFAULT_WATCH_INTERVAL,
            count: None,
        };
        for word in words {
            match word.split_once('=') {
                Some(("c", count)) => {
                    let count = count.parse().ok().filter(|count| *count > 0);
                    options.count = Some(count.ok_or_else(|| {
                        ShellError::query(format!("'{word}' is not a number of runs, such as c=3"))
                    })?);
                }
                Some(("i", seconds)) => options.interval = interval(seconds)?,
                _ => options.interval = interval(word)?,
            }
        }
        Ok(options)
    }
}

fn interval(text: &str) -> Result<Duration> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(ShellError::query(format!(
            "'{text}' is not a number of seconds"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<WatchOptions> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_string()).collect();
        WatchOptions::parse(&words)
    }

    #[test]
    fn watch_takes_seconds_and_a_count() {
        let options = |seconds: f64, count| WatchOptions {
            interval: Duration::from_secs_f64(seconds),
            count,
        };
        assert_eq!(parse(&[]).unwrap(), options(2.0, None));
        assert_eq!(parse(&["0.5"]).unwrap(), options(0.5, None));
        assert_eq!(parse(&["c=3", "i=1"]).unwrap(), options(1.0, Some(3)));
        for wrong in ["x", "-1", "c=0", "c=x", "i=", "1e9", "nan"] {
            assert!(parse(&[wrong]).is_err(), "{wrong}");
        }
    }
}
