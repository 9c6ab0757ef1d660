//! Tracking: sends the runs of `CREATE MODEL` to an MLflow server, by its REST API 2.0.
//!
//! It is part of the shell and not of `udfs`, since the policy of the session decides
//! which servers are asked. Nothing is sent unless a statement (`track`) or a setting
//! (`ai.tracking_uri`) names a server.
//!
//! | files | purpose |
//! |---|---|
//! | `target`, `credentials` | Server and experiment of a statement; what may be sent along |
//! | `client`, `error`, `server_message` | Requests, with bounded answers |
//! | `experiment`, `entities`, `entity_name`, `artifact` | What MLflow calls these things |
//! | `tracker` | Asks before the training, sends after it |

mod artifact;
mod client;
mod credentials;
mod entities;
mod entity_name;
mod error;
mod experiment;
mod server_message;
mod target;
mod tracker;

pub use target::TrackingTarget;
pub use tracker::Tracker;
