//! The table of rules for statements about the catalogue.

use std::sync::{Arc, LazyLock};

use datafusion::sql::sqlparser::ast::{Expr, Ident, SelectItem, SetExpr, Statement};
use datafusion_pg_catalog::sql::rules::{
    AliasDuplicatedProjectionRewrite, ResolveUnqualifiedIdentifier, RewritePgCatalogOperator,
    SqlStatementRewriteRule, StripCallableQualifier, StripCollate,
};

use super::expressions::{folded, function_name};
use super::{functions, object_casts, relations, subqueries};

/// Rules of the library, which come first.
static LIBRARY_RULES: LazyLock<Vec<Arc<dyn SqlStatementRewriteRule>>> = LazyLock::new(|| {
    vec![
        Arc::new(AliasDuplicatedProjectionRewrite),
        Arc::new(ResolveUnqualifiedIdentifier),
        Arc::new(StripCallableQualifier),
        Arc::new(StripCollate),
        Arc::new(RewritePgCatalogOperator),
    ]
});

/// Replaces a part of a statement.
type CatalogRule = fn(&mut Statement);

/// Rules, in the order of their application.
const CATALOG_RULES: &[CatalogRule] = &[
    subqueries::replace,
    relations::qualify,
    object_casts::replace,
    functions::replace,
];

/// Applies the rules to a statement about the catalogue. Columns of its result keep
/// their names.
pub fn apply(statement: &mut Statement) {
    let written = select_list(statement).map_or_else(Vec::new, |items| items.clone());
    apply_rules(statement);
    let Some(items) = select_list(statement) else {
        return;
    };
    if items.len() != written.len() {
        return;
    }
    for (item, before) in items.iter_mut().zip(&written) {
        if let (SelectItem::UnnamedExpr(expr), SelectItem::UnnamedExpr(before)) = (&*item, before)
            && expr != before
            && let Some(name) = column_name(before)
            && written.iter().filter(|item| has_name(item, &name)).count() == 1
        {
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: Ident::with_quote('"', name),
            };
        }
    }
}

/// Whether a column has a name, which must differ from those of the others.
fn has_name(item: &SelectItem, name: &str) -> bool {
    match item {
        SelectItem::UnnamedExpr(expr) => column_name(expr).as_deref() == Some(name),
        SelectItem::ExprWithAlias { alias, .. } => folded(alias) == name,
        _ => true,
    }
}

/// The select list of a statement without set operations.
fn select_list(statement: &mut Statement) -> Option<&mut Vec<SelectItem>> {
    let Statement::Query(query) = statement else {
        return None;
    };
    match query.body.as_mut() {
        SetExpr::Select(select) => Some(&mut select.projection),
        _ => None,
    }
}

/// Name that Postgres gives to a column without an alias.
fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(folded(name)),
        Expr::CompoundIdentifier(names) => names.last().map(folded),
        Expr::Function(function) => function_name(function),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => column_name(inner),
        Expr::Cast {
            expr, data_type, ..
        } => column_name(expr).or_else(|| {
            let name = data_type.to_string().to_lowercase();
            name.rsplit('.').next().map(str::to_string)
        }),
        _ => None,
    }
}

fn apply_rules(statement: &mut Statement) {
    for rule in LIBRARY_RULES.iter() {
        *statement = rule.rewrite(statement.clone());
    }
    for rule in CATALOG_RULES {
        rule(statement);
    }
}
