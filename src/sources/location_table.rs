//! Tables over the files of a location.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig};
use datafusion::execution::context::SessionState;
use object_store::ObjectMeta;

use super::files::{self, DetectedFiles};
use super::located_files::LocatedFiles;
use super::location::local_path;
use super::partition_values::PartitionColumns;
use super::partitioned_table::{FileOfPartition, PartitionedTable};
use super::scan_group::ScanGroup;
use super::united_table::{TablePart, UnitedTable};
use super::{delta, local_files, remote_files};
use crate::error::{Result, ShellError};

/// Maximum number of locations in the cache of formats.
const MAX_CACHED_FORMATS: usize = 256;

/// Maximum number of groups of files with different columns.
const MAX_GROUPS: usize = 512;

/// Maximum number of files that a message names.
const MAX_NAMED_FILES: usize = 3;

/// Cache of detected formats, with the files that they were detected in. Changed
/// files are sampled again.
#[derive(Default)]
pub struct FormatCache(Mutex<HashMap<String, (Vec<ObjectMeta>, DetectedFiles)>>);

impl FormatCache {
    fn get(&self, location: &str, files: &[ObjectMeta]) -> Option<DetectedFiles> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known_files, detected) = known.get(location)?;
        (known_files == files).then(|| detected.clone())
    }

    fn insert(&self, location: &str, files: Vec<ObjectMeta>, detected: DetectedFiles) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_CACHED_FORMATS {
            known.clear();
        }
        known.insert(location.to_string(), (files, detected));
    }
}

/// Opens the files at `location` as a table.
///
/// Files that one scan reads are one table. Others are a [`UnitedTable`], each part of
/// files with equal columns.
///
/// # Errors
/// No files, an unknown format, a file that cannot be read, or columns that no type
/// holds.
pub async fn open(
    state: &SessionState,
    formats: &FormatCache,
    location: &str,
) -> Result<Arc<dyn TableProvider>> {
    #[cfg(feature = "databases")]
    if let Some(address) = super::databases::address(location)? {
        return super::databases::open(address).await;
    }
    if let Some(table) = delta::open(state, location).await? {
        return Ok(table);
    }
    let found = match local_path(location)? {
        Some(path) => local_files::find(state, location, &path).await?,
        None => remote_files::find(state, location).await?,
    };
    let found = found.without_empty_files();
    let metas = found.metas();
    let detected = match formats.get(location, &metas) {
        Some(detected) => detected,
        None => {
            let detected = files::detect(state, location, &found).await?;
            formats.insert(location, metas, detected.clone());
            detected
        }
    };
    if detected.groups.len() > MAX_GROUPS {
        return Err(ShellError::query(format!(
            "the files of '{location}' have more than {MAX_GROUPS} different sets of columns; \
             read fewer files together"
        )));
    }
    let partitions = PartitionColumns::of(&found.files);
    let tables = LocationTables {
        state,
        location,
        found: &found,
        partitions: &partitions,
    };
    tables.table(&detected)
}

/// Builder of the tables of a location.
struct LocationTables<'a> {
    state: &'a SessionState,
    location: &'a str,
    found: &'a LocatedFiles,
    partitions: &'a PartitionColumns,
}

impl LocationTables<'_> {
    fn table(&self, detected: &DetectedFiles) -> Result<Arc<dyn TableProvider>> {
        let schema = self.table_schema(&detected.schema);
        if let [group] = detected.groups.as_slice() {
            let group = group.without_columns(&self.partitions.fields);
            let table = self.scan_table(&group)?;
            if table.schema().fields() == schema.fields() {
                return Ok(table);
            }
        }
        let mut parts = Vec::with_capacity(detected.groups.len());
        for group in &detected.groups {
            let group = group.without_columns(&self.partitions.fields);
            parts.push(TablePart {
                table: self.scan_table(&group)?,
                files: self.names(&group),
            });
        }
        Ok(Arc::new(UnitedTable::new(schema, parts)))
    }

    /// Columns of the table: those of the files, then those of the partitions.
    fn table_schema(&self, columns: &Schema) -> SchemaRef {
        let taken = |field: &&FieldRef| {
            let partitions = &self.partitions.fields;
            partitions.iter().any(|taken| taken.name() == field.name())
        };
        let own = columns.fields().iter().filter(|field| !taken(field));
        let fields: Vec<FieldRef> = own.chain(&self.partitions.fields).cloned().collect();
        Arc::new(Schema::new_with_metadata(
            fields,
            columns.metadata().clone(),
        ))
    }

    /// Table of the files of a group, with their types.
    fn scan_table(&self, group: &ScanGroup) -> Result<Arc<dyn TableProvider>> {
        let files = group.files.iter().map(|file| &self.found.files[*file]);
        if !self.partitions.is_empty() {
            let files = group.files.iter().map(|file| FileOfPartition {
                meta: self.found.files[*file].meta.clone(),
                values: self.partitions.values[*file].clone(),
            });
            return Ok(Arc::new(PartitionedTable::new(
                self.found.files[0].url.object_store(),
                Arc::clone(&group.format),
                Arc::clone(&group.schema),
                self.partitions.fields.clone(),
                files.collect(),
            )));
        }
        let options = ListingOptions::new(Arc::clone(&group.format)).with_file_extension("");
        let urls = files.map(|file| file.url.clone()).collect();
        let config = ListingTableConfig::new_with_multi_paths(urls)
            .with_listing_options(options)
            .with_schema(Arc::clone(&group.schema));
        let caches = &self.state.runtime_env().cache_manager;
        Ok(Arc::new(
            ListingTable::try_new(config)?.with_cache(caches.get_file_statistic_cache()),
        ))
    }

    /// Names of some files of a group, for messages.
    fn names(&self, group: &ScanGroup) -> String {
        let shown = group.files.iter().take(MAX_NAMED_FILES);
        let shown = shown.map(|file| {
            let file = &self.found.files[*file];
            format!("'{}'", self.found.name_of(self.location, file))
        });
        let mut names = shown.collect::<Vec<_>>().join(", ");
        if group.files.len() > MAX_NAMED_FILES {
            names.push_str(" and others");
        }
        names
    }
}
