//! Options of all subcommands, and the order of scripts.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::demo::DemoArgs;
use super::dict::DictCommand;
#[cfg(feature = "explore")]
use super::explore::ExploreArgs;
use super::install::InstallCommand;
#[cfg(feature = "serve")]
use super::serve::ServeArgs;
use super::values::{format, pair, size};
use crate::output::OutputFormat;

const NOTES: &str = "\
Examples:
  semql                                              opens a prompt; \\? lists its commands
  semql -c \"SELECT title FROM 'products.jsonl' LIMIT 5\"
  semql -f ingest.sql categorize.sql                 runs files in order
  semql -f queries/                                  runs the files of a folder in order of name
  semql -v limit=100 -f categorize.sql               sets :limit and :'limit' in the file
  semql -c 'SUMMARIZE products' --format markdown -o profile.md
  echo 'SELECT 1' | semql --format csv
  semql --set ai.device=cpu --memory-limit 2G -f big.sql
  semql dict check                                   compares the data with the dictionary
  semql dict init products.parquet -o data_dict.yaml drafts a dictionary
  semql explore products.parquet                     serves a page with a map, search and SQL
  semql serve                                        serves psql, JDBC and BI tools (Postgres protocol)
  semql --cluster host:50050 -f big.sql              runs the same SQL on several machines
  semql setup                                        installs ONNX Runtime and the default model
  semql demo                                         runs the product pipeline on a sample

Exit codes:
  0    success
  1    a statement failed, or `dict check` found differences
  2    the command line is invalid, names a missing file or lacks a variable
  3    a model, a library or the dictionary is missing on this machine
  130  interrupted with Ctrl-C

Environment:
  SEMQL_HOME          ONNX Runtime, models and derived files (~/.local/share/semql)
  SEMQLRC             start-up file (~/.config/semql/semqlrc)
  SEMQL_HISTORY       history of the prompt (~/.local/state/semql/history)
  PSQL_PAGER, PAGER, VISUAL, EDITOR, HISTCONTROL, NO_COLOR
";

/// Notes at the end of the help, without the subcommands that this build lacks.
fn notes() -> String {
    let is_offered = |line: &&str| match line.trim_start() {
        line if line.starts_with("semql explore ") => cfg!(feature = "explore"),
        line if line.starts_with("semql serve ") => cfg!(feature = "serve"),
        _ => true,
    };
    let lines = NOTES.split_inclusive('\n');
    lines.filter(is_offered).collect()
}

/// Semantic SQL: SQL over files, with functions that understand text.
///
/// Without -f, -c or piped input, semql opens a prompt.
#[derive(Clone, Debug, Parser)]
#[command(name = "semql", version, after_help = notes(), args_conflicts_with_subcommands = false)]
pub struct Args {
    /// Runs these files; of a folder, all files *.sql in the order of their names
    #[arg(short, long = "file", value_name = "FILE", num_args = 1..)]
    pub files: Vec<PathBuf>,

    /// Runs this SQL; ; separates statements
    #[arg(short, long = "command", value_name = "SQL", num_args = 1..)]
    pub commands: Vec<String>,

    /// Sets a variable, for `:name` and `:'name'` in SQL
    #[arg(short, long = "variable", value_name = "NAME=VALUE", value_parser = pair, global = true)]
    pub variables: Vec<(String, String)>,

    /// Format of results: table, csv, tsv, json, ndjson or markdown
    #[arg(long, value_name = "NAME", value_parser = format, global = true)]
    pub format: Option<OutputFormat>,

    /// Writes the results to this file, whole or not at all
    #[arg(short, long, value_name = "FILE", global = true)]
    pub output: Option<PathBuf>,

    /// Data dictionary (default: ./data_dict.yaml, if present)
    #[arg(long, value_name = "FILE", global = true)]
    pub data_dict: Option<PathBuf>,

    /// Changes a setting, as `SET key = value` does
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair, global = true)]
    pub settings: Vec<(String, String)>,

    /// Maximum memory of queries: 512M, 2G, ...; beyond it they spill to disk
    #[arg(long, value_name = "SIZE", value_parser = size, global = true)]
    pub memory_limit: Option<usize>,

    /// Runs queries in the cluster with this scheduler, such as host:50050
    #[arg(long, value_name = "URL", global = true)]
    pub cluster: Option<String>,

    /// Prints only errors on standard error
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Skips the start-up file
    #[arg(long, global = true)]
    pub no_rc: bool,

    #[command(subcommand)]
    pub subcommand: Option<CliCommand>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum CliCommand {
    /// Compares the data dictionary with the data, or drafts one
    #[command(subcommand)]
    Dict(DictCommand),
    /// Serves a page to explore a table: counts, a map by meaning, search, SQL
    #[cfg(feature = "explore")]
    Explore(ExploreArgs),
    /// Serves tables and functions over the Postgres protocol: psql, JDBC, BI tools
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    /// Runs a scheduler or an executor, for queries on several machines (semql --cluster)
    #[command(disable_help_flag = true)]
    Cluster {
        /// `scheduler` or `executor`, and its options; `semql cluster --help` lists them
        #[arg(
            value_name = "ARGUMENTS",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        arguments: Vec<OsString>,
    },
    /// Runs the product pipeline on a sample, with set-up: ingest, categorize, search, maps, attributes
    Demo(DemoArgs),
    #[command(flatten)]
    Install(InstallCommand),
}

/// Script of the command line, a `-f` or `-c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptArg {
    File(PathBuf),
    Command(String),
}

/// Parses a command line, including the program's name, and returns the scripts
/// in its order.
///
/// # Errors
/// A usage error; the texts of --help and --version.
pub fn parse_from(
    line: impl IntoIterator<Item = OsString>,
) -> Result<(Args, Vec<ScriptArg>), clap::Error> {
    let matches = Args::command().try_get_matches_from(with_attached_comments(line))?;
    let args = Args::from_arg_matches(&matches)?;
    let scripts = scripts_in_order(&args, &matches);
    Ok((args, scripts))
}

/// Options whose value is SQL.
const SQL_OPTIONS: &[&str] = &["-c", "-qc", "--command"];

/// Attaches SQL that starts with a comment to its option, also behind other SQL.
/// `-c '-- text'` would be taken for an option otherwise.
fn with_attached_comments(line: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut command = Args::command();
    command.build();
    let is_comment = |argument: &OsString| {
        let Some(text) = argument.to_str().and_then(|text| text.strip_prefix("--")) else {
            return false;
        };
        let name = text.split(|c: char| c.is_whitespace() || c == '=').next();
        let mut options = command.get_arguments().filter_map(clap::Arg::get_long);
        !options.any(|option| Some(option) == name)
    };
    let is_sql_option = |argument: &OsString| SQL_OPTIONS.iter().any(|it| argument == *it);
    let is_option = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"-");
    let mut attached: Vec<OsString> = Vec::new();
    // Whether the arguments are SQL, up to the next option, and whether one of them is
    // attached. Clap takes no further values then.
    let (mut in_sql, mut in_attached) = (false, false);
    for argument in line {
        if in_sql && (is_comment(&argument) || (in_attached && !is_option(&argument))) {
            let before = attached.pop_if(|last| is_sql_option(last));
            let mut option = before.unwrap_or_else(|| OsString::from("-c"));
            option.push("=");
            option.push(argument);
            attached.push(option);
            in_attached = true;
            continue;
        }
        in_sql = is_sql_option(&argument) || (in_sql && !is_option(&argument));
        in_attached = false;
        attached.push(argument);
    }
    attached
}

fn scripts_in_order(args: &Args, matches: &ArgMatches) -> Vec<ScriptArg> {
    let positions = |id: &str| matches.indices_of(id).into_iter().flatten();
    let files = positions("files").zip(args.files.iter().cloned().map(ScriptArg::File));
    let commands = positions("commands").zip(args.commands.iter().cloned().map(ScriptArg::Command));
    let mut scripts: Vec<(usize, ScriptArg)> = files.chain(commands).collect();
    scripts.sort_by_key(|(position, _)| *position);
    scripts.into_iter().map(|(_, script)| script).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<(Args, Vec<ScriptArg>), clap::Error> {
        parse_from(
            std::iter::once("semql")
                .chain(line.iter().copied())
                .map(OsString::from),
        )
    }

    #[test]
    fn the_definition_is_valid() {
        Args::command().debug_assert();
    }

    #[test]
    fn files_and_commands_run_in_the_order_given() {
        let (_, scripts) = parse(&["-c", "A", "-f", "b.sql", "c.sql", "-q", "-c", "D"]).unwrap();
        let file = |name: &str| ScriptArg::File(name.into());
        let command = |sql: &str| ScriptArg::Command(sql.into());
        assert_eq!(
            scripts,
            [command("A"), file("b.sql"), file("c.sql"), command("D")]
        );
    }

    #[test]
    fn sql_may_start_with_a_comment() {
        for option in ["-c", "-qc", "--command"] {
            let (args, scripts) = parse(&[option, "-- one; = two", "--format", "csv"]).unwrap();
            assert_eq!(scripts, [ScriptArg::Command("-- one; = two".into())]);
            assert_eq!(args.format, Some(OutputFormat::Csv));
        }
        let command = |sql: &str| ScriptArg::Command(sql.into());
        let (_, scripts) = parse(&["-c", "A", "-- one", "B", "--", "-q", "-c", ""]).unwrap();
        let expected = ["A", "-- one", "B", "--", ""].map(command);
        assert_eq!(scripts, expected);
        assert!(parse(&["-c", "--format", "csv"]).is_err());
        assert!(parse(&["--unknown"]).is_err());
    }

    #[test]
    fn options_may_follow_a_subcommand() {
        let (args, _) =
            parse(&["dict", "check", "--data-dict", "d.yaml", "--format", "json"]).unwrap();
        assert_eq!(args.data_dict, Some("d.yaml".into()));
        assert_eq!(args.format, Some(OutputFormat::Json));
        assert!(matches!(
            args.subcommand,
            Some(CliCommand::Dict(DictCommand::Check))
        ));
    }

    #[test]
    fn arguments_of_cluster_are_not_parsed() {
        let (args, _) = parse(&["cluster", "executor", "--set", "a=b", "--help"]).unwrap();
        let Some(CliCommand::Cluster { arguments }) = args.subcommand else {
            panic!("{args:?}");
        };
        assert_eq!(arguments, ["executor", "--set", "a=b", "--help"]);
        let (args, _) = parse(&["--cluster", "host:1", "-c", "SELECT 1"]).unwrap();
        assert_eq!(args.cluster.as_deref(), Some("host:1"));
    }
}
