//! Models on a GPU: the WebGPU provider over SwiftShader, a GPU in software, with a
//! tiny model.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::{Done, interrupt, program_with_models, tool};
use crate::serve::server::Server;
use crate::support::{process, skip::skip};

/// Longest wait for the end of a query after Ctrl-C: one batch.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(60);

/// Texts of several lengths, with repeated and empty ones.
const TEXTS: &str = "(SELECT value AS id, CASE WHEN value % 9 > 0 THEN
    array_to_string(array_repeat('red shoes and ' || value % 50, 1 + CAST(value % 6 AS INT)), ' ') ELSE '' END AS title
    FROM generate_series(1, 60))";

/// The environment of the software GPU, and the provider's library.
struct SoftwareGpu {
    variables: Vec<(String, String)>,
    library: String,
}

impl SoftwareGpu {
    /// What `scripts/test_setup.py` has installed; skips the test without it.
    fn find() -> Option<Self> {
        // target/release/deps/main-...
        let test = std::env::current_exe().ok()?;
        let file = test.ancestors().nth(3)?.join("swiftshader/environment");
        let Ok(text) = std::fs::read_to_string(file) else {
            skip("swiftshader");
            return None;
        };
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut variables: Vec<(String, String)> = lines
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let library = variables
            .iter()
            .position(|(name, _)| name == "SEMQL_WEBGPU_LIBRARY")?;
        let (_, library) = variables.swap_remove(library);
        Some(Self { variables, library })
    }

    /// The program with the tiny model on this GPU.
    fn program(&self, folder: &Path) -> Command {
        let mut program = on(folder, "webgpu");
        program.args(["--set", &format!("ai.ep_library={}", self.library)]);
        program.envs(self.variables.iter().cloned());
        program
    }
}

/// A driver in `folder` that loses devices: each after a number of `submits`, in the order
/// of their creation; see `lost_device.c`. Opening a model creates two, for fp16 and fp32.
fn with_driver_that_loses(gpu: &SoftwareGpu, folder: &Path, submits: &str) -> SoftwareGpu {
    let library = folder.join("liblost_device.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webgpu/lost_device.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]);
    let compiled = compiler
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .output()
        .unwrap();
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let manifest = folder.join("lost_device_icd.json");
    let icd = serde_json::json!({"library_path": library, "api_version": "1.0.5"});
    let icd = serde_json::json!({"file_format_version": "1.0.0", "ICD": icd});
    std::fs::write(&manifest, icd.to_string()).unwrap();
    let driver = Path::new(&gpu.library).with_file_name("libvk_swiftshader.so");
    let variables = gpu
        .variables
        .iter()
        .filter(|(name, _)| name != "VK_DRIVER_FILES");
    let own = [
        ("VK_DRIVER_FILES", manifest.display().to_string()),
        ("LOST_DEVICE_DRIVER", driver.display().to_string()),
        ("LOST_DEVICE_SUBMITS", submits.to_string()),
    ];
    let own = own.map(|(name, value)| (name.to_string(), value));
    SoftwareGpu {
        variables: variables.cloned().chain(own).collect(),
        library: gpu.library.clone(),
    }
}

fn tiny_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tiny-bert")
}

/// The program with the tiny model on `device`.
fn on(folder: &Path, device: &str) -> Command {
    let mut program = program_with_models(folder);
    program.args(["--set", &format!("ai.model={}", tiny_model().display())]);
    program.args(["--set", &format!("ai.device={device}")]);
    program
}

fn run(mut program: Command, sql: &str) -> Done {
    process::output(program.args(["--format", "json", "-c", sql])).into()
}

fn rows(done: &Done) -> Vec<serde_json::Value> {
    assert_eq!(done.code, Some(0), "{}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

fn vector(row: &serde_json::Value) -> Vec<f64> {
    let values = row["v"].as_array().into_iter().flatten();
    values.map(|value| value.as_f64().unwrap()).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn vectors_of_the_gpu_are_those_of_the_cpu() {
    let Some(gpu) = SoftwareGpu::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let sql = format!("SELECT id, embed(title) AS v FROM {TEXTS} ORDER BY id");
    let done = run(gpu.program(folder.path()), &sql);
    let on_gpu = rows(&done);
    let mut cpu = on(folder.path(), "cpu");
    cpu.args(["--set", "ai.precision=fp32"]);
    let on_cpu = rows(&run(cpu, &sql));
    assert_eq!((on_gpu.len(), on_cpu.len()), (60, 60));
    for (gpu, cpu) in on_gpu.iter().zip(&on_cpu) {
        let (gpu, cpu) = (vector(gpu), vector(cpu));
        assert_eq!(gpu.len(), cpu.len());
        assert!(
            gpu.is_empty() || cosine(&gpu, &cpu) >= 0.9999,
            "{gpu:?} {cpu:?}"
        );
    }
    assert_eq!(
        on_gpu.iter().filter(|row| vector(row).is_empty()).count(),
        6
    );
    // SwiftShader has no floats of 16 bits, and the report names what ran where.
    for part in [
        "webgpu:0",
        "nodes on WebGpuExecutionProvider",
        "fp16 does not run",
    ] {
        assert!(done.err.contains(part), "{part} in {}", done.err);
    }
}

#[test]
fn precision_16_fails_on_a_gpu_without_it() {
    let Some(gpu) = SoftwareGpu::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut program = gpu.program(folder.path());
    program.args(["--set", "ai.precision=fp16", "--set", "ai.on_error=fail"]);
    let done = run(program, "SELECT embed('red shoes') AS v");
    assert_ne!(done.code, Some(0), "{}", done.out);
    assert!(done.err.contains("f16"), "{}", done.err);
}

#[test]
fn labels_of_the_gpu_are_those_of_the_cpu_in_both_modes() {
    let Some(gpu) = SoftwareGpu::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for mode in ["exact", "fast"] {
        let sql = format!(
            "SET ai.mode = '{mode}';
             SELECT id, ai_classify(title, ['shoes', 'numbers', 'red']) AS v FROM {TEXTS} ORDER BY id"
        );
        let on_gpu = rows(&run(gpu.program(folder.path()), &sql));
        let mut cpu = on(folder.path(), "cpu");
        cpu.args(["--set", "ai.precision=fp32"]);
        assert_eq!(on_gpu, rows(&run(cpu, &sql)), "{mode}");
    }
}

#[test]
fn a_server_computes_on_the_gpu() {
    let Some(gpu) = SoftwareGpu::find() else {
        return;
    };
    if tool(Command::new("psql").arg("--version")).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut program = gpu.program(folder.path());
    program.args(["serve", "--listen", "127.0.0.1:0"]);
    let (server, _lines) = Server::start_with_log(program, &folder.path().join("serve.log"));
    assert_eq!(
        server.rows("SELECT embed('red shoes') = embed('red shoes')"),
        "t"
    );
    let devices = server.rows("SELECT device, in_use FROM ai_devices() WHERE device = 'webgpu:0'");
    assert_eq!(devices, "webgpu:0|t");
}

#[test]
fn devices_are_listed_and_a_missing_one_is_an_error() {
    let Some(gpu) = SoftwareGpu::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let devices = rows(&run(gpu.program(folder.path()), "SHOW DEVICES"));
    let listed = devices
        .iter()
        .find(|row| row["device"] == "webgpu:0")
        .unwrap();
    assert_eq!(listed["provider"], "WebGpuExecutionProvider");
    assert!(listed["not_available"].is_null(), "{listed}");

    // Without the driver.
    let mut program = on(folder.path(), "webgpu");
    program.args(["--set", &format!("ai.ep_library={}", gpu.library)]);
    program.env("VK_DRIVER_FILES", folder.path());
    let done = run(program, "SELECT embed('red shoes') AS v");
    assert_eq!(done.code, Some(3), "{} {}", done.out, done.err);
    assert!(
        done.err.contains("webgpu:0 is not available"),
        "{}",
        done.err
    );

    let mut program = on(folder.path(), "auto");
    program.args(["--set", &format!("ai.ep_library={}", gpu.library)]);
    program.env("VK_DRIVER_FILES", folder.path());
    let done = run(program, "SELECT embed('red shoes') AS v");
    assert_eq!((done.code, rows(&done).len()), (Some(0), 1), "{}", done.err);
    assert!(done.err.contains("Inference ran on cpu"), "{}", done.err);
}

#[test]
fn a_library_that_is_no_provider_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("libgarbage.so");
    std::fs::write(&garbage, "not a library").unwrap();
    for (library, part) in [
        (garbage.display().to_string(), "does not load"),
        (
            "/nowhere/library.so".to_string(),
            "there is no provider library",
        ),
    ] {
        let mut program = on(folder.path(), "library");
        program.args(["--set", &format!("ai.ep_library={library}")]);
        let done = run(program, "SELECT embed('red shoes') AS v");
        assert_eq!(done.code, Some(3), "{}", done.err);
        assert!(done.err.contains(part), "{}", done.err);
    }
}

#[test]
fn ctrl_c_ends_a_query_on_the_gpu() {
    let Some(gpu) = SoftwareGpu::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut program = gpu.program(folder.path());
    program.args(["--set", "ai.batch_tokens=64", "--format", "csv"]);
    program.args(["-c", "SELECT embed('warm') IS NULL AS warm"]);
    program.args([
        "-c",
        "SELECT count(embed('number ' || value)) FROM generate_series(1, 100000)",
    ]);
    let mut child = program
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let (line, _stdout) = interrupt::next_line(&mut child, std::io::BufReader::new(stdout));
    assert_eq!(line, "warm\n");
    std::thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    let done = interrupt::interrupt(child);
    assert_eq!(done.code, Some(130), "{}", done.err);
    assert!(start.elapsed() < INTERRUPT_TIMEOUT, "{:?}", start.elapsed());
}

#[test]
fn a_lost_device_is_opened_again_within_the_query() {
    let Some(gpu) = SoftwareGpu::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let sql = format!(
        "SELECT id, ai_classify(title, ['shoes', 'numbers', 'red']) AS v FROM {TEXTS} ORDER BY id"
    );
    let gpu = with_driver_that_loses(&gpu, folder.path(), "100,60");
    let mut program = gpu.program(folder.path());
    program.args(["--set", "ai.batch_tokens=64"]);
    let done = run(program, &sql);
    let mut cpu = on(folder.path(), "cpu");
    cpu.args(["--set", "ai.precision=fp32"]);
    assert_eq!(rows(&done), rows(&run(cpu, &sql)));
    assert!(
        done.err.contains("Inference ran on webgpu:0"),
        "{}",
        done.err
    );
    assert!(!done.err.contains("failed in the model"), "{}", done.err);
}

#[test]
fn a_device_that_computes_nothing_is_an_error() {
    let Some(gpu) = SoftwareGpu::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let gpu = with_driver_that_loses(&gpu, folder.path(), "1,1");
    let sql = format!("SELECT count(embed(title)) AS v FROM {TEXTS}");
    let done = run(gpu.program(folder.path()), &sql);
    assert_eq!(done.code, Some(3), "{} {}", done.out, done.err);
    assert!(
        done.err
            .contains("device webgpu:0 does not compute this model"),
        "{}",
        done.err
    );
}

#[test]
fn a_server_opens_the_model_anew_after_its_device_was_given_up() {
    let Some(gpu) = SoftwareGpu::find() else {
        return;
    };
    if tool(Command::new("psql").arg("--version")).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let gpu = with_driver_that_loses(&gpu, folder.path(), "100,60,0,0");
    let mut program = gpu.program(folder.path());
    program.args(["--set", "ai.batch_tokens=64"]);
    program.args(["serve", "--listen", "127.0.0.1:0"]);
    let (server, _lines) = Server::start_with_log(program, &folder.path().join("serve.log"));
    let sql = format!("SELECT count(embed(title)) FROM {TEXTS}");
    let failed = server.run_failing(&sql);
    assert!(
        failed.err.contains("device webgpu:0 does not compute"),
        "{}",
        failed.err
    );
    assert_eq!(server.rows(&sql), "54");
    let devices = server.rows("SELECT device, in_use FROM ai_devices() WHERE device = 'webgpu:0'");
    assert_eq!(devices, "webgpu:0|t");
}
