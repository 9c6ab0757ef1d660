//! GRANT and REVOKE.

use crate::session::Session;
use crate::statement::outcome::Outcome;

/// Answer to GRANT and REVOKE, which change nothing.
pub fn answer(session: &Session) -> Outcome {
    let who = match session.policy.is_restricted() {
        true => "the options of the server decide what its clients may do",
        false => "this session may do whatever its process may do",
    };
    Outcome::done(format!("privileges of objects are not kept: {who}"))
}
