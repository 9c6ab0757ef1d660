//! Functions that the session adds to those of Postgres.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Documentation, ReturnFieldArgs, Signature, Volatility};
use semql_udfs::AiOptions;
use semql_udfs::relations::{ParameterKind, RELATIONS};

use super::oids::{CATALOG_SCHEMA, PUBLIC_SCHEMA};
use super::procedure::{Procedure, ProcedureArgument};
use crate::serve::values::wire_type;

/// Types of arguments that a function does not fix: `"any"`.
const ANY_TYPE: i32 = 2276;
const TEXT_TYPE: i32 = 25;
const INT8_TYPE: i32 = 20;
const FLOAT8_TYPE: i32 = 701;
const REGCLASS_TYPE: i32 = 2205;
/// Rows whose columns depend on the arguments.
const RECORD_TYPE: i32 = 2249;
/// Functions of the session, by name. Those of semql are in the schema of new
/// tables, where clients list them.
pub fn of_session(state: &SessionState) -> BTreeMap<String, Procedure> {
    let own = own_names(state);
    let schema = |name: &str| match own.contains(name) {
        true => PUBLIC_SCHEMA,
        false => CATALOG_SCHEMA,
    };
    let mut found = BTreeMap::new();
    for (name, function) in state.scalar_functions() {
        // Functions of other libraries may require more than their documentation.
        let result = own.contains(name).then(|| {
            let types = argument_types(function.signature(), function.documentation());
            let fields = fields(&types);
            let scalars = vec![None; fields.len()];
            function.return_field_from_args(ReturnFieldArgs {
                arg_fields: &fields,
                scalar_arguments: &scalars,
            })
        });
        let result = match result {
            Some(Ok(field)) => type_oid(field.data_type()),
            _ => ANY_TYPE,
        };
        let described = described(
            name,
            "f",
            function.signature(),
            function.documentation(),
            result,
        );
        found.insert(name.clone(), described.in_schema(schema(name)));
    }
    for (name, function) in state.aggregate_functions() {
        let result = own.contains(name).then(|| {
            let types = argument_types(function.signature(), function.documentation());
            function.return_field(&fields(&types))
        });
        let result = match result {
            Some(Ok(field)) => type_oid(field.data_type()),
            _ => ANY_TYPE,
        };
        let described = described(
            name,
            "a",
            function.signature(),
            function.documentation(),
            result,
        );
        found.insert(name.clone(), described.in_schema(schema(name)));
    }
    for (name, function) in state.window_functions() {
        let described = described(
            name,
            "w",
            function.signature(),
            function.documentation(),
            ANY_TYPE,
        );
        found
            .entry(name.clone())
            .or_insert_with(|| described.in_schema(schema(name)));
    }
    for relation in RELATIONS {
        let signature = relation.signature();
        let arguments = signature.parameters.iter().map(|parameter| {
            let type_oid = match parameter.kind {
                ParameterKind::Table => REGCLASS_TYPE,
                ParameterKind::Column | ParameterKind::Text => TEXT_TYPE,
                ParameterKind::Count => INT8_TYPE,
                ParameterKind::Number => FLOAT8_TYPE,
                ParameterKind::Value => ANY_TYPE,
            };
            ProcedureArgument {
                name: parameter.name.to_string(),
                type_oid,
            }
        });
        let procedure = Procedure {
            oid: 0,
            name: signature.name.to_string(),
            schema: PUBLIC_SCHEMA,
            kind: "f".to_string(),
            arguments: arguments.collect(),
            result: RECORD_TYPE,
            returns_set: true,
            volatility: "s",
            description: Some(signature.description.to_string()),
        };
        found.insert(signature.name.to_string(), procedure);
    }
    found
}

/// Names of the functions of semql.
fn own_names(state: &SessionState) -> HashSet<String> {
    let options = state.config_options().extensions.get::<AiOptions>();
    let Some(options) = options else {
        return HashSet::new();
    };
    let mut names = HashSet::new();
    for function in semql_udfs::scalar_functions(options) {
        names.insert(function.name().to_string());
        names.extend(function.aliases().iter().cloned());
    }
    for function in semql_udfs::aggregate_functions(options) {
        names.insert(function.name().to_string());
        names.extend(function.aliases().iter().cloned());
    }
    for function in semql_udfs::window_functions(options) {
        names.insert(function.name().to_string());
        names.extend(function.aliases().iter().cloned());
    }
    names
}

fn described(
    name: &str,
    kind: &str,
    signature: &Signature,
    documentation: Option<&Documentation>,
    result: i32,
) -> Procedure {
    let names = documentation.and_then(|documentation| documentation.arguments.as_ref());
    let fixed = fixed_types(signature, documentation);
    let count = fixed.as_ref().map(Vec::len);
    let count = count.or_else(|| names.map(Vec::len)).unwrap_or(0);
    let arguments = (0..count).map(|at| ProcedureArgument {
        name: names
            .and_then(|names| names.get(at))
            .map_or_else(String::new, |(name, _)| name.clone()),
        type_oid: fixed
            .as_ref()
            .and_then(|types| types.get(at))
            .map_or(ANY_TYPE, type_oid),
    });
    Procedure {
        oid: 0,
        name: name.to_string(),
        schema: CATALOG_SCHEMA,
        kind: kind.to_string(),
        arguments: arguments.collect(),
        result,
        returns_set: false,
        volatility: match signature.volatility {
            Volatility::Immutable => "i",
            Volatility::Stable => "s",
            Volatility::Volatile => "v",
        },
        description: documentation.map(|documentation| documentation.description.clone()),
    }
}

/// Types of the arguments, if the signature fixes as many as are documented.
fn fixed_types(
    signature: &Signature,
    documentation: Option<&Documentation>,
) -> Option<Vec<DataType>> {
    let documented = documentation.and_then(|documentation| documentation.arguments.as_ref());
    let examples = signature.type_signature.get_example_types();
    match documented {
        Some(names) => examples
            .into_iter()
            .find(|types| types.len() == names.len()),
        None => examples.into_iter().next(),
    }
}

/// Types to ask a function about its result: the fixed ones, or texts.
fn argument_types(signature: &Signature, documentation: Option<&Documentation>) -> Vec<DataType> {
    let documented = documentation.and_then(|documentation| documentation.arguments.as_ref());
    fixed_types(signature, documentation)
        .unwrap_or_else(|| vec![DataType::Utf8; documented.map_or(1, Vec::len)])
}

fn fields(types: &[DataType]) -> Vec<FieldRef> {
    let fields = types.iter().enumerate();
    let fields = fields.map(|(at, data_type)| {
        Arc::new(Field::new(
            format!("argument_{at}"),
            data_type.clone(),
            true,
        ))
    });
    fields.collect()
}

fn type_oid(data_type: &DataType) -> i32 {
    let field = Field::new("", data_type.clone(), true);
    let known = wire_type(&field).and_then(|known| i32::try_from(known.oid()).ok());
    known.unwrap_or(TEXT_TYPE)
}
