//! Secret shared by all processes of a cluster.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::num::NonZeroU32;
use std::path::Path;

use ring::pbkdf2;
use semql::ShellError;

/// Environment variable that names the file of the secret.
pub const SECRET_FILE_VARIABLE: &str = "SEMQL_CLUSTER_SECRET_FILE";

/// Length of the seed of an Ed25519 key, in bytes.
pub const SEED_LENGTH: usize = 32;

/// Minimum length of a secret in bytes, without white space around it.
const MIN_SECRET_LENGTH: usize = 16;

/// Maximum size of the file of a secret, in bytes.
const MAX_SECRET_FILE: u64 = 4096;

/// Rounds of PBKDF2, which make each guess of a secret expensive.
const KEY_ITERATIONS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

/// Salt of PBKDF2. Equal secrets have to give equal keys on every machine, so it
/// is a constant.
const KEY_SALT: &[u8] = b"semql cluster 1";

/// Secret of a cluster, which never leaves the process.
pub struct Secret(Vec<u8>);

/// Hides the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Reads the file of `--secret-file`, or else of [`SECRET_FILE_VARIABLE`].
    /// `None` if neither is set.
    ///
    /// # Errors
    /// A file that cannot be read, that other users may read, or whose secret is
    /// too short.
    pub fn find(option: Option<&Path>) -> Result<Option<Self>, ShellError> {
        if let Some(path) = option {
            return Self::read(path, "--secret-file").map(Some);
        }
        match std::env::var_os(SECRET_FILE_VARIABLE) {
            Some(path) if !path.is_empty() => {
                Self::read(Path::new(&path), SECRET_FILE_VARIABLE).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Reads `path`, which `source` names.
    fn read(path: &Path, source: &str) -> Result<Self, ShellError> {
        read_private(path)
            .and_then(|bytes| Self::parse(&bytes))
            .map_err(|why| ShellError::usage(format!("{source} {}: {why}", path.display())))
    }

    /// Parses the content of a file.
    ///
    /// # Errors
    /// A secret that is too short.
    pub fn parse(content: &[u8]) -> Result<Self, String> {
        let secret = content.trim_ascii();
        if secret.len() < MIN_SECRET_LENGTH {
            return Err(format!(
                "the secret has {} bytes, and the minimum is {MIN_SECRET_LENGTH}; \
                 create one with `openssl rand -hex 32`",
                secret.len()
            ));
        }
        Ok(Self(secret.to_vec()))
    }

    /// Seed of the key; equal secrets give equal seeds.
    pub fn seed(&self) -> [u8; SEED_LENGTH] {
        let mut seed = [0; SEED_LENGTH];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            KEY_ITERATIONS,
            KEY_SALT,
            &self.0,
            &mut seed,
        );
        seed
    }
}

/// Content of a regular file that only its owner may read.
fn read_private(path: &Path) -> Result<Vec<u8>, String> {
    let plain = |error: std::io::Error| error.to_string();
    let file = File::open(path).map_err(plain)?;
    let metadata = file.metadata().map_err(plain)?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_string());
    }
    refuse_shared(&metadata)?;
    let mut content = Vec::new();
    file.take(MAX_SECRET_FILE + 1)
        .read_to_end(&mut content)
        .map_err(plain)?;
    if content.len() as u64 > MAX_SECRET_FILE {
        return Err(format!("it is larger than {MAX_SECRET_FILE} bytes"));
    }
    Ok(content)
}

/// Refuses a file that other users may read or write.
#[cfg(unix)]
fn refuse_shared(metadata: &Metadata) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    match metadata.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => Err("other users can read or write it; run `chmod 600` on it".to_string()),
    }
}

#[cfg(not(unix))]
fn refuse_shared(_: &Metadata) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    /// From Python: `hashlib.pbkdf2_hmac('sha256', secret, b'semql cluster 1', 100000)`.
    #[test]
    fn the_seed_is_the_same_in_every_version() {
        let secret = Secret::parse(b" 0123456789abcdef0123456789abcdef\n").unwrap();
        let hex: String = secret.seed().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "4306f5dfd9ecc96a2d9e947f37c524b46632ad93df5a698f296e4bfe608f1283"
        );
        let other = Secret::parse(b"0123456789abcdef0123456789abcdeg").unwrap();
        assert_ne!(secret.seed(), other.seed());
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let secret = Secret::parse(b"0123456789abcdef").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
    }

    #[test]
    fn a_bad_file_is_refused_with_its_reason() {
        let large = "x".repeat(MAX_SECRET_FILE as usize + 1);
        for (content, reason) in [
            ("", "has 0 bytes"),
            ("  0123456789abcde \n", "has 15 bytes"),
            (large.as_str(), "larger than"),
        ] {
            let error = Secret::find(Some(file(content).path())).unwrap_err();
            assert!(error.message.contains(reason), "{}", error.message);
            assert!(error.message.starts_with("--secret-file "));
        }
        assert!(Secret::find(Some(Path::new("/nowhere"))).is_err());
        assert!(Secret::find(Some(std::env::temp_dir().as_path())).is_err());
        let good = file("0123456789abcdef\n");
        assert!(Secret::find(Some(good.path())).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_other_users_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        for mode in [0o640, 0o604, 0o620] {
            let file = file("0123456789abcdef");
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(file.path(), mode).unwrap();
            let error = Secret::find(Some(file.path())).unwrap_err();
            assert!(error.message.contains("chmod 600"), "{}", error.message);
        }
    }
}
