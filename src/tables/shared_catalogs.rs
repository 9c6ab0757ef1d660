//! Catalogues that all sessions share, whose schemas can be dropped. The engine's
//! catalogues of files cannot drop them.

use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider};
use datafusion::error::Result;

/// Catalogues with files as tables, over those in memory.
#[derive(Debug)]
pub struct SharedCatalogs {
    files: Arc<dyn CatalogProviderList>,
    memory: Arc<dyn CatalogProviderList>,
}

impl SharedCatalogs {
    pub fn new(files: Arc<dyn CatalogProviderList>, memory: Arc<dyn CatalogProviderList>) -> Self {
        Self { files, memory }
    }
}

impl CatalogProviderList for SharedCatalogs {
    fn register_catalog(
        &self,
        name: String,
        catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        self.files.register_catalog(name, catalog)
    }

    fn catalog_names(&self) -> Vec<String> {
        self.files.catalog_names()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        Some(Arc::new(SharedCatalog {
            files: self.files.catalog(name)?,
            memory: self.memory.catalog(name)?,
        }))
    }
}

#[derive(Debug)]
struct SharedCatalog {
    files: Arc<dyn CatalogProvider>,
    memory: Arc<dyn CatalogProvider>,
}

impl CatalogProvider for SharedCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.files.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.files.schema(name)
    }

    fn register_schema(
        &self,
        name: &str,
        schema: Arc<dyn SchemaProvider>,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.memory.register_schema(name, schema)
    }

    fn deregister_schema(
        &self,
        name: &str,
        cascade: bool,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.memory.deregister_schema(name, cascade)
    }
}
