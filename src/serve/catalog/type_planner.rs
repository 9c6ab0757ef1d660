//! Types that only clients of Postgres write.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use arrow_pg::datatypes::PG_OID_ALIAS_KEY;
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType as SqlType};
use datafusion_pg_catalog::pg_catalog::oid_type_planner::PgOidTypePlanner;

use super::column_types;

/// Planner of the library's types, and of `oid[]`. Drivers know that type without
/// asking, so a parameter must have it and not `int4[]`.
#[derive(Debug)]
pub struct CatalogTypePlanner;

impl TypePlanner for CatalogTypePlanner {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        match sql_type {
            SqlType::Array(ArrayElemTypeDef::SquareBracket(element, None)) if is_oid(element) => {
                let metadata = [(PG_OID_ALIAS_KEY.to_string(), "oid".to_string())];
                let element = Field::new_list_field(column_types::data_type("oid"), true)
                    .with_metadata(HashMap::from(metadata));
                let list = DataType::List(Arc::new(element));
                Ok(Some(Arc::new(Field::new("", list, true))))
            }
            other => PgOidTypePlanner.plan_type_field(other),
        }
    }
}

fn is_oid(sql_type: &SqlType) -> bool {
    let SqlType::Custom(name, _) = sql_type else {
        return false;
    };
    let last = name.0.last().and_then(|part| part.as_ident());
    last.is_some_and(|name| name.value.eq_ignore_ascii_case("oid"))
}
