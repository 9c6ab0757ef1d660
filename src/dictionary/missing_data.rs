//! Message for tables of the dictionary without data.

use super::data_stamp::DataStamp;
use super::model::Dictionary;

/// Error message for a table of the dictionary whose data does not exist yet; `None`
/// if it exists or the dictionary has no such table.
pub fn missing_data_message(dictionary: &Dictionary, name: &str) -> Option<String> {
    let location = dictionary.table(name)?.location.as_ref()?;
    if DataStamp::of(location) != DataStamp::Missing {
        return None;
    }
    let file = dictionary
        .path()
        .map(|path| format!(" '{}'", path.display()))
        .unwrap_or_default();
    Some(format!(
        "table '{name}' has no data yet: its location in the data dictionary{file} is '{0}', which \
         does not exist; write it with COPY ... TO '{0}', or correct the location",
        location.resolved
    ))
}
