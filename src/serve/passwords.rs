//! File of users and passwords, for SCRAM-SHA-256.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use async_trait::async_trait;
use pgwire::api::auth::sasl::scram::{SCRAM_ITERATIONS, gen_salted_password};
use pgwire::api::auth::{AuthSource, LoginInfo, Password};
use pgwire::error::PgWireResult;

use crate::error::{Result, ShellError, io_reason};
use crate::random;

/// Bytes of salt, as in Postgres.
const SALT_LENGTH: usize = 16;

/// Users and their salted passwords; no plain password is kept.
pub struct Users {
    all: HashMap<String, SaltedPassword>,
    /// Secret for the salts of unknown users, so that a client cannot find out
    /// which users exist.
    unknown_user_secret: [u8; 32],
}

#[derive(Clone)]
struct SaltedPassword {
    salt: Vec<u8>,
    password: Vec<u8>,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users")
            .field("count", &self.all.len())
            .finish()
    }
}

impl Users {
    /// Reads `user:password` lines, without blank ones and those that begin with
    /// `#`.
    ///
    /// # Errors
    /// A file that cannot be read, that other users may read, or that has no
    /// user; a line without a colon, a user or a password; a duplicate user.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong =
            |why: &str| ShellError::usage(format!("--password-file {}: {why}", path.display()));
        refuse_open_file(path).map_err(|why| wrong(&why))?;
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&io_reason(&error)))?;
        let mut all = HashMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim_end_matches('\r');
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            // A password may hold colons, a user may not.
            let Some((user, password)) = text.split_once(':') else {
                return Err(wrong(&format!("line {line} is not `user:password`")));
            };
            let user = user.trim();
            if user.is_empty() || password.is_empty() {
                return Err(wrong(&format!(
                    "line {line} lacks the user or the password"
                )));
            }
            let salted = SaltedPassword::of(password)?;
            if all.insert(user.to_string(), salted).is_some() {
                return Err(wrong(&format!(
                    "line {line} has the user {user} a second time"
                )));
            }
        }
        if all.is_empty() {
            return Err(wrong("it has no user; add a line `user:password`"));
        }
        Ok(Self {
            all,
            unknown_user_secret: random::bytes()?,
        })
    }
}

impl SaltedPassword {
    fn of(password: &str) -> Result<Self> {
        let salt = random::bytes::<SALT_LENGTH>()?.to_vec();
        Ok(Self {
            password: gen_salted_password(password, &salt, SCRAM_ITERATIONS),
            salt,
        })
    }

    /// The same for each call with a name, and not the hash of a password.
    fn of_unknown(secret: &[u8], user: &str) -> Self {
        let mut salt = gen_salted_password(user, secret, 1);
        salt.truncate(SALT_LENGTH);
        Self {
            password: gen_salted_password(user, &salt, 1),
            salt,
        }
    }
}

#[async_trait]
impl AuthSource for Users {
    async fn get_password(&self, login: &LoginInfo) -> PgWireResult<Password> {
        let user = login.user().unwrap_or_default();
        let salted = self.all.get(user).cloned();
        let salted =
            salted.unwrap_or_else(|| SaltedPassword::of_unknown(&self.unknown_user_secret, user));
        Ok(Password::new(Some(salted.salt), salted.password))
    }
}

/// Refuses a file that other users of the machine may read or write.
#[cfg(unix)]
fn refuse_open_file(path: &Path) -> std::result::Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let found = std::fs::metadata(path).map_err(|error| io_reason(&error))?;
    match found.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => Err("other users may read or write it; run `chmod 600` on it".to_string()),
    }
}

#[cfg(not(unix))]
fn refuse_open_file(_: &Path) -> std::result::Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn lines_are_users_and_passwords() {
        let file = file("# staff\n\nada: pass:word \r\ngrace:x\n");
        let users = Users::read(file.path()).unwrap();
        let salted = &users.all["ada"];
        let again = gen_salted_password(" pass:word ", &salted.salt, SCRAM_ITERATIONS);
        assert_eq!(salted.password, again);
        assert!(users.all.contains_key("grace"));
        assert_eq!(format!("{users:?}"), "Users { count: 2 }");
    }

    #[test]
    fn faults_of_a_file_are_reported() {
        for (text, expected) in [
            ("", "has no user"),
            ("ada\n", "line 1 is not"),
            ("\nada:\n", "line 2 lacks"),
            (":x\n", "line 1 lacks"),
            ("a:x\na:y\n", "a second time"),
        ] {
            let error = Users::read(file(text).path()).unwrap_err();
            assert!(
                error.message.contains(expected),
                "{text:?}: {}",
                error.message
            );
        }
        assert!(Users::read(Path::new("/missing")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_other_users_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let file = file("a:x\n");
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(file.path(), mode).unwrap();
        let error = Users::read(file.path()).unwrap_err();
        assert!(error.message.contains("chmod 600"), "{}", error.message);
    }

    #[test]
    fn an_unknown_user_always_gets_the_same_salt() {
        let users = Users::read(file("a:x\n").path()).unwrap();
        let unknown = |user| SaltedPassword::of_unknown(&users.unknown_user_secret, user);
        assert_eq!(unknown("b").salt, unknown("b").salt);
        assert_ne!(unknown("b").salt, unknown("c").salt);
    }
}
