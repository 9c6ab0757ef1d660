//! Columns with the names of their tables under subscripts: `t.a[1]`.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr};

/// Makes the names that begin an access one column: the parser reads `t.a[1]` as the
/// field `a` of a column `t`. The engine finds out which of the names is the column.
pub fn qualify_column(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else {
        return;
    };
    let mut names = match root.as_ref() {
        Expr::Identifier(name) => vec![name.clone()],
        Expr::CompoundIdentifier(names) => names.clone(),
        _ => return,
    };
    let first = names.len();
    names.extend(access_chain.iter().map_while(|step| match step {
        AccessExpr::Dot(Expr::Identifier(name)) => Some(name.clone()),
        _ => None,
    }));
    let added = names.len() - first;
    if added > 0 {
        access_chain.drain(..added);
        **root = Expr::CompoundIdentifier(names);
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn leading_names_are_one_column() {
        for (sql, root) in [
            ("t.a[1]", "t.a"),
            ("s.t.a[1][2]", "s.t.a"),
            ("t.a[1].b", "t.a"),
            ("a[1]", "a"),
            ("f(t.a).b[1]", "f(t.a)"),
        ] {
            let parser = Parser::new(&GenericDialect {}).try_with_sql(sql);
            let mut expr = parser.unwrap().parse_expr().unwrap();
            qualify_column(&mut expr);
            let Expr::CompoundFieldAccess { root: found, .. } = &expr else {
                panic!("{sql}: {expr}");
            };
            assert_eq!(found.to_string(), root, "{sql}");
            assert_eq!(expr.to_string(), sql);
        }
    }
}
