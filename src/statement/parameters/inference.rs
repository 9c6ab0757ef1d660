//! Types of parameters, from the plan of their statement.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Values};

use super::number;
use crate::error::Result;

/// Types by the numbers of parameters; `None` is a parameter that nothing types.
pub type InferredTypes = BTreeMap<usize, Option<DataType>>;

/// Name of a function, position of an argument, and the type of a parameter there.
type ArgumentType = (&'static str, usize, fn() -> DataType);

/// Functions with parameters of a type that their signatures do not say.
const ARGUMENT_TYPES: &[ArgumentType] = &[
    ("ai_classify", 1, texts),
    ("ai_classify_scores", 1, texts),
    ("ai_classify_multi", 1, texts),
    ("ai_classify_status", 1, texts),
];

fn texts() -> DataType {
    DataType::new_list(DataType::Utf8, true)
}

/// Finds the types of the parameters of a plan. The first use of a parameter decides.
///
/// # Errors
/// Names other than `$1`, `$2`, ...
pub fn infer(plan: &LogicalPlan) -> Result<InferredTypes> {
    let mut found = InferredTypes::new();
    let mut names = Vec::new();
    plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        if let LogicalPlan::Limit(limit) = node {
            for count in [&limit.skip, &limit.fetch].into_iter().flatten() {
                note(&mut found, count, || Some(DataType::Int64));
            }
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Placeholder(placeholder) = expr {
                    names.push(placeholder.id.clone());
                }
                infer_at(&mut found, expr, &schema);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    for name in names {
        found.entry(number::of(&name)?).or_insert(None);
    }
    Ok(found)
}

fn infer_at(found: &mut InferredTypes, expr: &Expr, schema: &DFSchema) {
    match expr {
        Expr::Placeholder(Placeholder {
            field: Some(field), ..
        }) => note(found, expr, || Some(field.data_type().clone())),
        Expr::Cast(cast) => note(found, &cast.expr, || Some(cast.field.data_type().clone())),
        Expr::TryCast(cast) => note(found, &cast.expr, || Some(cast.field.data_type().clone())),
        Expr::ScalarFunction(call) => infer_arguments(found, call, schema),
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
            let results = results.chain(case.else_expr.as_deref()).collect::<Vec<_>>();
            let known = results.iter().find_map(|result| known_type(result, schema));
            for result in results {
                note(found, result, || known.clone());
            }
        }
        _ => {}
    }
}

fn infer_arguments(found: &mut InferredTypes, call: &ScalarFunction, schema: &DFSchema) {
    let name = call.func.name();
    for (function, at, data_type) in ARGUMENT_TYPES {
        if *function == name
            && let Some(argument) = call.args.get(*at)
        {
            note(found, argument, || Some(data_type()));
        }
    }
    // `x = ANY($1)`: a list of the type of `x`, and the other way round.
    if let ("array_has", [list, element]) = (name, call.args.as_slice()) {
        note(found, list, || {
            known_type(element, schema).map(|element| DataType::new_list(element, true))
        });
        note(found, element, || match known_type(list, schema)? {
            DataType::List(element) | DataType::LargeList(element) => {
                Some(element.data_type().clone())
            }
            _ => None,
        });
        return;
    }
    if !call.args.iter().any(is_untyped) {
        return;
    }
    let types = call.args.iter().map(|argument| match is_untyped(argument) {
        true => Some(field_of(DataType::Null)),
        false => argument.get_type(schema).ok().map(field_of),
    });
    let Some(types) = types.collect::<Option<Vec<_>>>() else {
        return;
    };
    let Ok(coerced) = fields_with_udf(&types, call.func.as_ref()) else {
        return;
    };
    for (argument, field) in call.args.iter().zip(coerced) {
        note(found, argument, || Some(field.data_type().clone()));
    }
}

fn field_of(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("", data_type, true))
}

/// Notes the type of an expression that is a parameter without a type.
fn note(found: &mut InferredTypes, expr: &Expr, data_type: impl FnOnce() -> Option<DataType>) {
    let Expr::Placeholder(placeholder) = expr else {
        return;
    };
    let Ok(number) = number::of(&placeholder.id) else {
        return;
    };
    let known = found.entry(number).or_insert(None);
    if known.is_none() {
        *known = data_type()
            .map(plain)
            .filter(|found| *found != DataType::Null);
    }
}

/// Text of any representation is the same to a client.
fn plain(data_type: DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, value) => plain(*value),
        other => other,
    }
}

fn is_untyped(expr: &Expr) -> bool {
    matches!(expr, Expr::Placeholder(Placeholder { field: None, .. }))
}

fn known_type(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    match is_untyped(expr) {
        true => None,
        false => expr.get_type(schema).ok().map(plain),
    }
}

/// Gives the parameters of a plan their types, and the columns those that follow.
///
/// # Errors
/// Types that do not fit their expressions.
pub fn with_types(plan: LogicalPlan, types: &[DataType]) -> EngineResult<LogicalPlan> {
    let typed = plan.transform_up_with_subqueries(|node| {
        let node = node.map_expressions(|expr| {
            expr.transform_up(|expr| {
                let Expr::Placeholder(placeholder) = &expr else {
                    return Ok(Transformed::no(expr));
                };
                let number = number::of(&placeholder.id).unwrap_or(0);
                let Some(data_type) = types.get(number.wrapping_sub(1)) else {
                    return Ok(Transformed::no(expr));
                };
                let field = Arc::new(Field::new("", data_type.clone(), true));
                let id = placeholder.id.clone();
                let typed = Placeholder::new_with_field(id, Some(field));
                Ok(Transformed::yes(Expr::Placeholder(typed)))
            })
        })?;
        node.map_data(|node| match node {
            LogicalPlan::Values(Values { values, .. }) => {
                LogicalPlanBuilder::values(values)?.build()
            }
            other => other.recompute_schema(),
        })
    })?;
    Ok(typed.data)
}
