//! Object identifiers of schemas, tables and functions. Those of Postgres' own
//! objects are Postgres'; all others are assigned in the order of their first use.

use std::collections::HashMap;
use std::sync::Mutex;

use semql_udfs::inference::sync::lock;

/// Schema of the catalogue, and its identifier in Postgres.
pub const CATALOG_SCHEMA: &str = "pg_catalog";
pub const CATALOG_SCHEMA_OID: i32 = 11;

/// Schema of the SQL standard's catalogue.
pub const INFORMATION_SCHEMA: &str = "information_schema";
pub const INFORMATION_SCHEMA_OID: i32 = 13283;

/// Schema of new tables.
pub const PUBLIC_SCHEMA: &str = "public";
pub const PUBLIC_SCHEMA_OID: i32 = 2200;

/// Owner of every object: the user of the connection.
pub const OWNER_OID: i32 = 10;

/// First identifier of objects that Postgres lacks.
const FIRST_ASSIGNED: i32 = 16_384;

/// Identifiers of Postgres' catalogue tables. Clients compare `classoid` with them.
const CATALOG_TABLES: &[(&str, i32)] = &[
    ("pg_aggregate", 2600),
    ("pg_am", 2601),
    ("pg_amop", 2602),
    ("pg_amproc", 2603),
    ("pg_attrdef", 2604),
    ("pg_attribute", 1249),
    ("pg_auth_members", 1261),
    ("pg_authid", 1260),
    ("pg_cast", 2605),
    ("pg_class", 1259),
    ("pg_collation", 3456),
    ("pg_constraint", 2606),
    ("pg_conversion", 2607),
    ("pg_database", 1262),
    ("pg_db_role_setting", 2964),
    ("pg_default_acl", 826),
    ("pg_depend", 2608),
    ("pg_description", 2609),
    ("pg_enum", 3501),
    ("pg_event_trigger", 3466),
    ("pg_extension", 3079),
    ("pg_foreign_data_wrapper", 2328),
    ("pg_foreign_server", 1417),
    ("pg_foreign_table", 3118),
    ("pg_index", 2610),
    ("pg_inherits", 2611),
    ("pg_init_privs", 3394),
    ("pg_language", 2612),
    ("pg_largeobject", 2613),
    ("pg_largeobject_metadata", 2995),
    ("pg_namespace", 2615),
    ("pg_opclass", 2616),
    ("pg_operator", 2617),
    ("pg_opfamily", 2753),
    ("pg_partitioned_table", 3350),
    ("pg_policy", 3256),
    ("pg_proc", 1255),
    ("pg_publication", 6104),
    ("pg_publication_namespace", 6237),
    ("pg_publication_rel", 6106),
    ("pg_range", 3541),
    ("pg_rewrite", 2618),
    ("pg_sequence", 2224),
    ("pg_shdepend", 1214),
    ("pg_shdescription", 2396),
    ("pg_statistic", 2619),
    ("pg_statistic_ext", 3381),
    ("pg_subscription", 6100),
    ("pg_tablespace", 1213),
    ("pg_trigger", 2620),
    ("pg_ts_config", 3602),
    ("pg_ts_dict", 3600),
    ("pg_ts_parser", 3601),
    ("pg_ts_template", 3764),
    ("pg_type", 1247),
    ("pg_user_mapping", 1418),
];

/// Identifier of a table of Postgres' catalogue.
pub fn catalog_table(name: &str) -> Option<i32> {
    let mut tables = CATALOG_TABLES.iter();
    tables
        .find(|(table, _)| *table == name)
        .map(|(_, oid)| *oid)
}

/// What an identifier names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OidKey {
    Schema(String),
    /// Schema and name.
    Relation(String, String),
    Function(String),
    /// Part of a relation, such as the rule of a view: schema, relation, part.
    Part(String, String, String),
}

/// Identifiers that were assigned. They stay the same until the server ends.
#[derive(Debug, Default)]
pub struct OidRegistry(Mutex<AssignedOids>);

#[derive(Debug, Default)]
struct AssignedOids {
    by_key: HashMap<OidKey, i32>,
    by_oid: HashMap<i32, OidKey>,
}

impl OidRegistry {
    /// Identifier of an object, assigned at its first use.
    pub fn oid(&self, key: OidKey) -> i32 {
        if let Some(oid) = fixed(&key) {
            return oid;
        }
        let mut assigned = lock(&self.0);
        if let Some(oid) = assigned.by_key.get(&key) {
            return *oid;
        }
        let count = i32::try_from(assigned.by_key.len()).unwrap_or(i32::MAX);
        let oid = FIRST_ASSIGNED.saturating_add(count);
        assigned.by_key.insert(key.clone(), oid);
        assigned.by_oid.insert(oid, key);
        oid
    }

    /// Object with an assigned identifier.
    pub fn key(&self, oid: i32) -> Option<OidKey> {
        lock(&self.0).by_oid.get(&oid).cloned()
    }
}

fn fixed(key: &OidKey) -> Option<i32> {
    match key {
        OidKey::Schema(name) => match name.as_str() {
            CATALOG_SCHEMA => Some(CATALOG_SCHEMA_OID),
            INFORMATION_SCHEMA => Some(INFORMATION_SCHEMA_OID),
            PUBLIC_SCHEMA => Some(PUBLIC_SCHEMA_OID),
            _ => None,
        },
        OidKey::Relation(schema, name) if schema == CATALOG_SCHEMA => catalog_table(name),
        OidKey::Relation(..) | OidKey::Function(_) | OidKey::Part(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_stable_and_distinct() {
        let oids = OidRegistry::default();
        let table = |name: &str| OidKey::Relation("public".into(), name.into());
        let first = oids.oid(table("a"));
        let second = oids.oid(table("b"));
        assert_ne!(first, second);
        assert_eq!(oids.oid(table("a")), first);
        assert_eq!(oids.key(second), Some(table("b")));
        assert_eq!(oids.key(1), None);
    }

    #[test]
    fn objects_of_postgres_keep_their_identifiers() {
        let oids = OidRegistry::default();
        let class = OidKey::Relation("pg_catalog".into(), "pg_class".into());
        assert_eq!(oids.oid(class), 1259);
        assert_eq!(oids.oid(OidKey::Schema("pg_catalog".into())), 11);
        let own = OidKey::Relation("public".into(), "pg_class".into());
        assert!(oids.oid(own) >= FIRST_ASSIGNED);
    }
}
