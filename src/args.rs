//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::duration;
use crate::output::Format;
use crate::policy::{Network, Paths, Policy};

const EXAMPLES: &str = "\
Examples:
  semql                                              a prompt; \\? lists its commands
  semql -c \"SELECT title FROM 'products.jsonl' LIMIT 5\"
  semql -f ingest.sql categorize.sql                 files, one after the other
  semql -v limit=100 -f categorize.sql               :limit, :'limit' in the file
  semql -c 'SUMMARIZE products' --format markdown -o profile.md
  echo 'SELECT 1' | semql --format csv
  semql --set ai.device=cpu --memory-limit 2G -f big.sql
  semql dict check                                   does the data match the dictionary?
  semql dict init products.parquet -o data_dict.yaml a first draft of one
  semql explore products.parquet                     a page with a map, search and SQL
  semql serve                                        for psql, JDBC, BI tools: Postgres' protocol
  semql --cluster host:50050 -f big.sql              the same SQL on several machines
  semql setup                                        ONNX Runtime and the default model

Exit codes:
  0    success
  1    a statement failed, or `dict check` found differences
  2    the command line is wrong, or names a file or lacks a variable that must be there
  3    something is missing on this machine: a model, a library, the dictionary
  130  interrupted with Ctrl-C

Environment:
  SEMQL_HOME          ONNX Runtime, models and what is made of them (~/.local/share/semql)
  SEMQLRC             start-up file (~/.config/semql/semqlrc)
  SEMQL_HISTORY       history of the prompt (~/.local/state/semql/history)
  PAGER, VISUAL, EDITOR, NO_COLOR
";

/// Semantic SQL: SQL over files, with functions that understand text.
///
/// Without -f, -c or piped input, semql opens a prompt.
#[derive(Clone, Debug, Parser)]
#[command(name = "semql", version, after_help = EXAMPLES, args_conflicts_with_subcommands = false)]
pub struct Args {
    /// Runs these files
    #[arg(short, long = "file", value_name = "FILE", num_args = 1..)]
    pub files: Vec<PathBuf>,

    /// Runs this SQL; several statements are separated by ;
    #[arg(short, long = "command", value_name = "SQL", num_args = 1..)]
    pub commands: Vec<String>,

    /// Sets a variable: `:name` and `:'name'` in SQL become its value
    #[arg(short, long = "variable", value_name = "NAME=VALUE", value_parser = pair, global = true)]
    pub variables: Vec<(String, String)>,

    /// How results are written: table, csv, tsv, json, ndjson or markdown
    #[arg(long, value_name = "NAME", value_parser = format, global = true)]
    pub format: Option<Format>,

    /// Writes the results to this file, which appears whole or not at all
    #[arg(short, long, value_name = "FILE", global = true)]
    pub output: Option<PathBuf>,

    /// The data dictionary (./data_dict.yaml, if there is one)
    #[arg(long, value_name = "FILE", global = true)]
    pub data_dict: Option<PathBuf>,

    /// Changes a setting, as `SET key = value` does
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair, global = true)]
    pub settings: Vec<(String, String)>,

    /// The most memory that queries may take: 512M, 2G, ...; they spill to disk beyond
    #[arg(long, value_name = "SIZE", value_parser = size, global = true)]
    pub memory_limit: Option<usize>,

    /// Runs queries in the cluster whose scheduler is there, such as host:50050
    #[arg(long, value_name = "URL", global = true)]
    pub cluster: Option<String>,

    /// Says nothing but errors on standard error
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Does not read the start-up file
    #[arg(long, global = true)]
    pub no_rc: bool,

    #[command(subcommand)]
    pub subcommand: Option<Sub>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Sub {
    /// The data dictionary: compare it with the data, or draft one
    #[command(subcommand)]
    Dict(Dict),
    /// A page to look around in a table: counts, a map by meaning, search, SQL
    Explore(Explore),
    /// The tables and functions over Postgres' wire protocol: psql, JDBC, BI tools
    Serve(Serve),
    /// A scheduler or an executor, for queries on several machines (semql --cluster)
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
    #[command(flatten)]
    Install(Install),
}

#[derive(Clone, Debug, clap::Args)]
pub struct Serve {
    /// Where to listen; port 0 takes any free one
    ///
    /// An address that other machines reach needs --password-file.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5432")]
    pub listen: String,

    /// Who may connect: `user:password`, one a line, in a file that only its owner reads
    ///
    /// Without it every user of this machine may connect.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// The certificate (PEM); connections without TLS are then turned away
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// The most connections at a time
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_connections: u32,

    /// Texts that may wait for a model before further statements are refused
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub max_queued: u64,

    /// Ends a statement that takes longer, such as 30s; clients may set less
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub statement_timeout: Option<Duration>,

    /// Closes a connection that asks nothing for so long, such as 10m
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub idle_timeout: Option<Duration>,

    /// Time that running statements have to end after SIGTERM
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "5s")]
    pub shutdown_timeout: Duration,

    /// Serves /health and /metrics (Prometheus) over HTTP at this address
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<String>,

    /// Adds the texts of statements, which may hold data, to the log
    #[arg(long)]
    pub log_statements: bool,

    #[command(flatten)]
    pub allow: Allow,
}

/// What the clients of a server may do, besides reading the tables of the
/// dictionary and the files below the working folder.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Allow {
    /// Lets clients read this folder or file too (with --allow-writes, write it)
    #[arg(long, value_name = "PATH")]
    pub allow_path: Vec<PathBuf>,

    /// Lets clients reach these hosts and buckets; every one if none is named
    #[arg(long, value_name = "HOST,...", value_delimiter = ',', num_args = 0..=1, require_equals = true)]
    pub allow_network: Option<Vec<String>>,

    /// Lets clients write: COPY, CREATE, DROP, INSERT, ...
    #[arg(long)]
    pub allow_writes: bool,
}

impl Allow {
    /// The policy of a server whose command is `command`.
    ///
    /// # Errors
    /// A working folder that cannot be found.
    pub fn policy(
        &self,
        command: &'static str,
        statement_timeout: Option<Duration>,
    ) -> crate::error::Result<Policy> {
        let served = std::env::current_dir()?;
        let mut paths = Paths::below([served]);
        for path in &self.allow_path {
            paths.add(path.clone());
        }
        let network = match &self.allow_network {
            None => Network::Hosts(Vec::new()),
            Some(hosts) if hosts.is_empty() => Network::Any,
            Some(hosts) => Network::Hosts(hosts.clone()),
        };
        Ok(Policy::closed(command, paths)
            .with_writes(self.allow_writes)
            .with_network(network)
            .with_statement_timeout(statement_timeout))
    }
}

#[derive(Clone, Debug, Default, clap::Args)]
pub struct Explore {
    /// The data: a file, a glob, a URL, or a table (the dictionary's first one)
    #[arg(value_name = "FILE|TABLE", value_hint = ValueHint::FilePath)]
    pub source: Option<String>,

    /// Writes the page to this file, which needs nothing else, instead of serving it
    #[arg(long, value_name = "FILE.html", conflicts_with_all = ["port", "allow_writes"])]
    pub export: Option<PathBuf>,

    /// The most rows that are shown, always the same ones; up to 50000
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub rows: u32,

    /// The column with titles (title or name)
    #[arg(long, value_name = "COLUMN")]
    pub title: Option<String>,

    /// The column with texts (text, description or body)
    #[arg(long, value_name = "COLUMN")]
    pub text: Option<String>,

    /// The column with identifiers (docid or id)
    #[arg(long, value_name = "COLUMN")]
    pub id: Option<String>,

    /// The column with categories (category or label; without one, categorize gives them)
    #[arg(long, value_name = "COLUMN")]
    pub category: Option<String>,

    /// How many clusters (by the number of rows)
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(2..=100))]
    pub clusters: Option<u32>,

    /// What draws the map (t-SNE; PCA is faster and shows less)
    #[arg(long, value_name = "NAME")]
    pub map: Option<MapKind>,

    /// The port on this machine; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 7878)]
    pub port: u16,

    /// Ends a statement of the page that takes longer, such as 30s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub statement_timeout: Option<Duration>,

    #[command(flatten)]
    pub allow: Allow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MapKind {
    Tsne,
    Pca,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Dict {
    /// Lists every difference between the dictionary and the data; exit code 1 if there is one
    Check,
    /// Writes the first draft of a dictionary from a data file
    Init {
        /// The data: a file, a glob or a URL
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        source: String,
    },
}

/// What puts semql on a machine.
#[derive(Clone, Debug, Subcommand)]
pub enum Install {
    /// Brings ONNX Runtime and the default model to this machine, with Python's pip
    Setup(Setup),
    /// Prints a shell's completion script
    Completions {
        /// Which shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Prints the manual page
    Man,
}

#[derive(Clone, Debug, Default, clap::Args)]
pub struct Setup {
    /// ONNX Runtime's build for NVIDIA GPUs, for CUDA 13 and cuDNN 9; it runs on the CPU too
    #[arg(long)]
    pub gpu: bool,

    /// Fetches nothing, and fails if anything is missing
    #[arg(long)]
    pub check: bool,
}

/// A `-f` or `-c`, in the order of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    File(PathBuf),
    Command(String),
}

/// Reads a command line, whose first word is the program's name.
///
/// # Errors
/// A usage error; help and the version, where they are asked for.
pub fn parse_from(
    line: impl IntoIterator<Item = OsString>,
) -> Result<(Args, Vec<Work>), clap::Error> {
    let matches = Args::command().try_get_matches_from(line)?;
    let args = Args::from_arg_matches(&matches)?;
    let work = in_order(&args, &matches);
    Ok((args, work))
}

fn in_order(args: &Args, matches: &ArgMatches) -> Vec<Work> {
    let places = |id: &str| matches.indices_of(id).into_iter().flatten();
    let files = places("files").zip(args.files.iter().cloned().map(Work::File));
    let commands = places("commands").zip(args.commands.iter().cloned().map(Work::Command));
    let mut work: Vec<(usize, Work)> = files.chain(commands).collect();
    work.sort_by_key(|(place, _)| *place);
    work.into_iter().map(|(_, work)| work).collect()
}

/// `NAME=VALUE`.
///
/// # Errors
/// What it should look like.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_string(), value.to_string()))
        }
        _ => Err("it should look like name=value".to_string()),
    }
}

fn format(text: &str) -> Result<Format, String> {
    text.parse()
        .map_err(|error: crate::error::ShellError| error.message)
}

/// Bytes, from a number with an optional K, M, G or T (or KB, KiB, ...).
///
/// # Errors
/// What it should look like.
pub fn size(text: &str) -> Result<usize, String> {
    let wrong = || "it should be a size such as 512M or 2G".to_string();
    let upper = text.trim().to_uppercase();
    let split = upper
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(upper.len());
    let (number, unit) = upper.split_at(split);
    let scale = match unit.trim().trim_end_matches('B').trim_end_matches('I') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let bytes = number * f64::from(2u32).powi(scale);
    if bytes < 1.0 || bytes > 2f64.powi(50) {
        return Err(wrong());
    }
    Ok(bytes as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str]) -> Result<(Args, Vec<Work>), clap::Error> {
        parse_from(
            std::iter::once("semql")
                .chain(line.iter().copied())
                .map(OsString::from),
        )
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn files_and_commands_run_in_the_order_given() {
        let (_, work) = read(&["-c", "A", "-f", "b.sql", "c.sql", "-q", "-c", "D"]).unwrap();
        let file = |name: &str| Work::File(name.into());
        let command = |sql: &str| Work::Command(sql.into());
        assert_eq!(
            work,
            [command("A"), file("b.sql"), file("c.sql"), command("D")]
        );
    }

    #[test]
    fn options_may_follow_a_subcommand() {
        let (args, _) =
            read(&["dict", "check", "--data-dict", "d.yaml", "--format", "json"]).unwrap();
        assert_eq!(args.data_dict, Some("d.yaml".into()));
        assert_eq!(args.format, Some(Format::Json));
        assert!(matches!(args.subcommand, Some(Sub::Dict(Dict::Check))));
    }

    #[test]
    fn what_follows_cluster_is_left_alone() {
        let (args, _) = read(&["cluster", "executor", "--set", "a=b", "--help"]).unwrap();
        let Some(Sub::Cluster { arguments }) = args.subcommand else {
            panic!("{args:?}");
        };
        assert_eq!(arguments, ["executor", "--set", "a=b", "--help"]);
        let (args, _) = read(&["--cluster", "host:1", "-c", "SELECT 1"]).unwrap();
        assert_eq!(args.cluster.as_deref(), Some("host:1"));
    }

    #[test]
    fn sizes() {
        assert_eq!(size("2G"), Ok(2 << 30));
        assert_eq!(size("1.5 MiB"), Ok(3 << 19));
        assert_eq!(size("100"), Ok(100));
        for wrong in ["", "G", "-1G", "2X", "0", "1e3"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_keep_their_equals_signs() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(pair("a").is_err());
        assert!(pair("=a").is_err());
    }
}
