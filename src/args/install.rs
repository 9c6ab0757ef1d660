//! Options of the subcommands that install semql on a machine.

use clap::Subcommand;
use clap_complete::Shell;

#[derive(Clone, Debug, Subcommand)]
pub enum InstallCommand {
    /// Installs ONNX Runtime and the default model on this machine, with Python's pip
    Setup(SetupArgs),
    /// Prints a shell's completion script
    Completions {
        /// Shell to complete in
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Prints the manual page
    Man,
}

#[derive(Clone, Debug, Default, clap::Args)]
pub struct SetupArgs {
    /// Installs the execution providers that fit the GPUs of this machine: WebGPU, and CUDA where there is an NVIDIA driver
    #[arg(long)]
    pub gpu: bool,

    /// Installs these execution providers: webgpu, cuda, openvino, mlx
    #[arg(long, value_name = "NAME,...")]
    pub providers: Option<String>,

    /// Installs these drivers of databases: postgresql, sqlite, snowflake, bigquery, flightsql
    #[arg(long, value_name = "NAME,...")]
    pub driver: Option<String>,

    /// Downloads nothing, and fails if a part is missing
    #[arg(long)]
    pub check: bool,
}
