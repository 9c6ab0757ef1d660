//! Memory of devices, as the system and the drivers state it. ONNX Runtime does not.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Longest wait for the program of NVIDIA's driver.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(5);

/// Folder with the graphics devices of Linux.
const DRM: &str = "/sys/class/drm";

/// A GPU of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gpu {
    /// Its device number on the PCI bus, which GPUs of one product share.
    pci_device: u32,
    /// Its memory.
    bytes: u64,
}

/// Memory in bytes that this process can use: that of the machine, or the limit of its
/// container. `None` where it is unknown.
pub fn machine_memory() -> Option<u64> {
    container_limit().into_iter().chain(machine_total()).min()
}

fn machine_total() -> Option<u64> {
    let memory = fs::read_to_string("/proc/meminfo").ok()?;
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = total.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1 << 10)
}

fn container_limit() -> Option<u64> {
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?;
    limit.trim().parse().ok()
}

/// Memory in bytes of the GPUs with a device number on the PCI bus; `None` if it is
/// unknown or differs between them.
pub(super) fn gpu_memory(pci_device: u32) -> Option<u64> {
    let of_amd = amd(Path::new(DRM));
    let gpus = of_amd.iter().chain(nvidia());
    same(gpus.filter(|gpu| gpu.pci_device == pci_device))
}

/// Memory in bytes of the GPUs of NVIDIA; `None` if it is unknown or differs between them.
pub(super) fn nvidia_memory() -> Option<u64> {
    same(nvidia().iter())
}

fn same<'a>(mut gpus: impl Iterator<Item = &'a Gpu>) -> Option<u64> {
    let bytes = gpus.next()?.bytes;
    gpus.all(|gpu| gpu.bytes == bytes).then_some(bytes)
}

/// The GPUs of NVIDIA's driver, which is asked once in a process.
fn nvidia() -> &'static [Gpu] {
    static GPUS: OnceLock<Vec<Gpu>> = OnceLock::new();
    GPUS.get_or_init(|| {
        let mut program = Command::new("nvidia-smi");
        program.args([
            "--query-gpu=pci.device_id,memory.total",
            "--format=csv,noheader,nounits",
        ]);
        nvidia_gpus(&output(program).unwrap_or_default())
    })
}

/// The GPUs of lines such as `0x233010DE, 143771`: device and vendor, and megabytes.
fn nvidia_gpus(lines: &str) -> Vec<Gpu> {
    let gpu = |line: &str| {
        let (pci, megabytes) = line.split_once(',')?;
        let pci = u32::from_str_radix(pci.trim().strip_prefix("0x")?, 16).ok()?;
        let megabytes: u64 = megabytes.trim().parse().ok()?;
        Some(Gpu {
            pci_device: pci >> 16,
            bytes: megabytes.checked_mul(1 << 20)?,
        })
    };
    lines.lines().filter_map(gpu).collect()
}

/// The GPUs of AMD's driver, which states their memory in files.
fn amd(folder: &Path) -> Vec<Gpu> {
    let cards = fs::read_dir(folder).into_iter().flatten().flatten();
    let gpu = |card: fs::DirEntry| {
        // Connectors, such as card0-DP-1, are in the folder too.
        if card.file_name().to_string_lossy().contains('-') {
            return None;
        }
        let read = |file: &str| fs::read_to_string(card.path().join("device").join(file)).ok();
        let device = read("device")?;
        Some(Gpu {
            pci_device: u32::from_str_radix(device.trim().strip_prefix("0x")?, 16).ok()?,
            bytes: read("mem_info_vram_total")?.trim().parse().ok()?,
        })
    };
    cards.filter_map(gpu).collect()
}

/// What a program writes; `None` if it is not there, fails, or does not end in time.
fn output(mut program: Command) -> Option<String> {
    let program = program.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = program.stderr(Stdio::null()).spawn().ok()?;
    let start = Instant::now();
    // A few lines fit the pipe, so the program does not wait for its reader.
    while child.try_wait().ok()?.is_none() {
        if start.elapsed() > PROGRAM_TIMEOUT {
            child.kill().ok()?;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_memory_of_the_machine_is_known() {
        let bytes = machine_memory().unwrap();
        assert!(bytes > 16 << 20 && bytes <= machine_total().unwrap());
    }

    #[test]
    fn lines_of_the_nvidia_driver_are_read() {
        let lines = "0x233510DE, 143771\n0x2335 10DE, x\n\ngarbage\n0x268410DE, 24564\n";
        let gpus = nvidia_gpus(lines);
        assert_eq!(gpus.len(), 2);
        assert_eq!(same(gpus.iter()), None);
        let one = same(gpus.iter().filter(|gpu| gpu.pci_device == 0x2335));
        assert_eq!(one, Some(143_771 << 20));
        assert!(nvidia_gpus(&format!("0x233510DE, {}", u64::MAX)).is_empty());
    }

    #[test]
    fn files_of_the_amd_driver_are_read() {
        let folder = tempfile::tempdir().unwrap();
        for (card, memory) in [("card0", Some("25753026560\n")), ("card1", None)] {
            let device = folder.path().join(card).join("device");
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("device"), "0x744c\n").unwrap();
            if let Some(memory) = memory {
                fs::write(device.join("mem_info_vram_total"), memory).unwrap();
            }
        }
        fs::create_dir(folder.path().join("card0-DP-1")).unwrap();
        let gpu = Gpu {
            pci_device: 0x744c,
            bytes: 25_753_026_560,
        };
        assert_eq!(amd(folder.path()), [gpu]);
        assert!(amd(&folder.path().join("nowhere")).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_or_is_not_there_has_no_output() {
        let mut echo = Command::new("echo");
        echo.arg("0x233510DE, 1");
        assert_eq!(output(echo).as_deref(), Some("0x233510DE, 1\n"));
        assert_eq!(output(Command::new("false")), None);
        assert_eq!(output(Command::new("/nowhere/program")), None);
    }
}
