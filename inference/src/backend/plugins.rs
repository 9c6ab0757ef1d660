//! Libraries of execution providers, registered once per process.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::device::Device as RuntimeDevice;
use ort::environment::Environment;
use ort::memory::DeviceType;
use serde::Deserialize;

use super::Provider;
use super::messages::first_line;
use super::provider::ProviderFacts;
use crate::error::{Error, Result};
use crate::models::home;
use crate::sync::lock;

/// Maximum size of the file that names a library.
const MAX_MANIFEST_BYTES: u64 = 1 << 16;

/// A registered library, and the names of the providers that it brought.
struct Registered {
    library: PathBuf,
    providers: Vec<String>,
}

static REGISTERED: Mutex<Vec<Registered>> = Mutex::new(Vec::new());

/// `provider.json` in the folder of a provider, written by `semql setup --gpu`.
#[derive(Deserialize)]
struct Manifest {
    /// File name of the library in that folder.
    library: String,
}

/// The library of a plugin: that of `ai.ep_library`, or what `semql setup --gpu`
/// has installed.
///
/// # Errors
/// [`Error::Setup`] if there is none.
pub(super) fn library(facts: &ProviderFacts, setting: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = setting {
        // ONNX Runtime would look for a relative path beside itself.
        return path.canonicalize().map_err(|_| {
            Error::Setup(format!(
                "there is no provider library at {}, the path in the setting ai.ep_library",
                path.display()
            ))
        });
    }
    if facts.provider == Provider::Library {
        return Err(Error::Setup(
            "ai.device = 'library' needs the path of a provider library in ai.ep_library"
                .to_string(),
        ));
    }
    let folder = home().join("providers").join(facts.name);
    let missing = || {
        Error::Setup(format!(
            "its provider is not installed: run `semql setup --gpu`, or name its library in \
             ai.ep_library. There is no provider in {}",
            folder.display()
        ))
    };
    let manifest = folder.join("provider.json");
    if manifest.metadata().map_err(|_| missing())?.len() > MAX_MANIFEST_BYTES {
        return Err(missing());
    }
    let text = std::fs::read(&manifest).map_err(|_| missing())?;
    let Manifest { library } = serde_json::from_slice(&text).map_err(|_| missing())?;
    // A name in the folder, not a path that leads elsewhere.
    let name = Path::new(&library).file_name().ok_or_else(missing)?;
    let library = folder.join(name);
    match library.is_file() {
        true => Ok(library),
        false => Err(missing()),
    }
}

/// The devices of the plugin `facts`, whose library is registered first.
///
/// # Errors
/// [`Error::Setup`] for a library that is missing or does not load.
pub(super) fn devices(
    environment: &'static Environment,
    facts: &ProviderFacts,
    setting: Option<&Path>,
) -> Result<Vec<RuntimeDevice<'static>>> {
    let library = library(facts, setting)?;
    let providers = register(environment, facts.name, &library)?;
    let wanted = |device: &RuntimeDevice<'_>| {
        device.ep().is_ok_and(|name| match facts.runtime_name {
            "" => providers.iter().any(|provider| provider == name),
            wanted => wanted == name,
        })
    };
    Ok(environment.devices().filter(wanted).collect())
}

/// Whether a device is a GPU or an NPU.
pub(super) fn is_accelerator(device: &RuntimeDevice<'_>) -> bool {
    device.hardware_device().ty() != DeviceType::CPU
}

/// Registers `library`, and returns the names of its providers.
fn register(environment: &Environment, name: &str, library: &Path) -> Result<Vec<String>> {
    let mut registered = lock(&REGISTERED);
    if let Some(known) = registered.iter().find(|known| known.library == library) {
        return Ok(known.providers.clone());
    }
    let names = || -> Vec<String> {
        let names = environment.devices().filter_map(|device| device.ep().ok());
        names.map(str::to_string).collect()
    };
    let before = names();
    // A library that is registered under a used name would be refused.
    let unique = format!("semql-{name}-{}", registered.len());
    environment
        .register_ep_library(unique, library)
        .map_err(|e| {
            Error::Setup(format!(
                "the provider library {} does not load: {}",
                library.display(),
                first_line(&e.to_string())
            ))
        })?;
    let mut providers = names();
    providers.retain(|name| !before.contains(name));
    providers.dedup();
    registered.push(Registered {
        library: library.to_path_buf(),
        providers: providers.clone(),
    });
    Ok(providers)
}
