//! `catalogue_diff(old, new [, key] [, category])`: what changed between two versions of a
//! table.

use std::sync::Arc;

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit};

use super::arguments::RelationArguments;
use super::columns::{CATEGORIES, is_text};
use super::node::TableOperationNode;
use super::relation::Relation;
use super::row_differences::{CATALOGUE_DIFF, COPIES, RowDifferences};
use super::signature::{Parameter, ParameterKind, RelationSignature};
use crate::options::AiOptions;

/// Usual names of columns with keys, in order of preference.
const KEYS: &[&str] = &["docid", "id", "sku", "key"];

/// Columns of the result beside the key.
const CHANGE: &str = "change";
const COLUMN: &str = "column";
const OLD_VALUE: &str = "old_value";
const NEW_VALUE: &str = "new_value";

/// Prefix of key columns with the name of another column of the result.
const KEY_PREFIX: &str = "key_";

/// Column of the plan below the operation: 1 for a new row, -1 for an old row.
const SIDE: &str = "__side";

static SIGNATURE: RelationSignature = RelationSignature {
    name: CATALOGUE_DIFF,
    parameters: &[
        Parameter::required(
            "old",
            ParameterKind::Table,
            "a table, a 'file' or a query in parentheses",
        ),
        Parameter::required("new", ParameterKind::Table, "another version of it"),
        Parameter::optional(
            "key",
            ParameterKind::Column,
            "the column that names a row, or several: 'shop, sku'; if not given, `docid`, `id`, `sku` or `key`, if \
             both tables have it",
        ),
        Parameter::optional(
            "category",
            ParameterKind::Column,
            "the column whose changes are `moved`; `category` (or `product_category`, `categories`) if both tables \
             have one",
        ),
    ],
    description: "What changed between two versions of a table. A row that only one table has gives one row with \
        `change` `new` or `gone`, and the key. A row of both gives one row for each column that differs: `change` is \
        `moved` for the category and `changed` for others, with the key, the name of the `column`, and `old_value` and \
        `new_value` as text. Columns of only one table are listed first, once, with `change` `new column` or \
        `gone column` and their type. Columns are matched by name in any case, and compared by value after a cast to \
        a common type: NULL equals NULL, and 1 equals 1.0. Lists and structs compare as values. Rows that are equal in \
        both tables never count, however often a key repeats; of the other rows with the same key, the first by their \
        values are compared with the first, and so on. Rows that differ and have no key are `gone` and `new`. \
        Categories that a model predicts are compared where the queries name them: \
        `catalogue_diff((SELECT *, categorize(title, text) AS category FROM a), (...))`.",
    example: "SELECT change, \"column\", count(*) \
        FROM catalogue_diff('monday.parquet', 'tuesday.parquet', key => sku) GROUP BY 1, 2",
};

#[derive(Debug)]
pub struct CatalogueDiff;

impl Relation for CatalogueDiff {
    fn signature(&self) -> &'static RelationSignature {
        &SIGNATURE
    }

    fn plan(&self, mut arguments: RelationArguments, _: &AiOptions) -> Result<LogicalPlan> {
        let old = arguments.required_table("old")?;
        let new = arguments.required_table("new")?;
        let columns = CommonColumns::new(&old, &new)?;
        let keys = columns.keys(arguments.text("key"))?;
        let category = columns.category(arguments.text("category"))?;

        let rows = LogicalPlanBuilder::from(columns.side(old, 0, -1)?)
            .union(columns.side(new, 1, 1)?)?
            .aggregate(columns.names(), [sum(ident(SIDE)).alias(COPIES)])?
            .filter(ident(COPIES).not_eq(lit(0_i64)))?
            .build()?;
        let fields = rows.schema().fields();
        let key_field = |position: &usize| {
            let field = &fields[*position];
            let name = match [CHANGE, COLUMN, OLD_VALUE, NEW_VALUE].contains(&field.name().as_str())
            {
                true => format!("{KEY_PREFIX}{}", field.name()),
                false => field.name().clone(),
            };
            Field::new(name, field.data_type().clone(), true)
        };
        let mut output = vec![Field::new(CHANGE, DataType::Utf8, false)];
        output.extend(keys.iter().map(key_field));
        output.extend(
            [COLUMN, OLD_VALUE, NEW_VALUE].map(|name| Field::new(name, DataType::Utf8, true)),
        );
        let operation = RowDifferences {
            keys,
            category,
            gone_columns: columns.gone,
            new_columns: columns.new,
        };
        TableOperationNode::plan(
            Arc::new(operation),
            vec![rows],
            &Arc::new(Schema::new(output)),
        )
    }
}

/// Columns that both tables have, and those of only one.
struct CommonColumns {
    common: Vec<CommonColumn>,
    gone: Vec<(String, String)>,
    new: Vec<(String, String)>,
}

struct CommonColumn {
    /// Its name in the old and the new table.
    names: [String; 2],
    /// The type that both are cast to.
    data_type: DataType,
}

impl CommonColumns {
    fn new(old: &LogicalPlan, new: &LogicalPlan) -> Result<Self> {
        let (old, new) = (old.schema().fields(), new.schema().fields());
        let find = |fields: &[FieldRef], name: &str| -> Option<FieldRef> {
            let exact = fields.iter().find(|field| field.name() == name);
            let found = exact.or_else(|| {
                let mut fields = fields.iter();
                fields.find(|field| field.name().eq_ignore_ascii_case(name))
            });
            found.cloned()
        };
        let described = |field: &FieldRef| (field.name().clone(), field.data_type().to_string());
        let (mut common, mut gone) = (Vec::new(), Vec::new());
        for field in old {
            match find(new, field.name()) {
                Some(other) => common.push(CommonColumn::new(field, &other)?),
                None => gone.push(described(field)),
            }
        }
        let only_new = new.iter().filter(|field| find(old, field.name()).is_none());
        let new = only_new.map(described).collect();
        Ok(Self { common, gone, new })
    }

    /// Position of the column of that name in any case.
    fn position(&self, name: &str) -> Option<usize> {
        let exact = self.common.iter().position(|column| column.name() == name);
        exact.or_else(|| {
            let mut columns = self.common.iter();
            columns.position(|column| column.name().eq_ignore_ascii_case(name))
        })
    }

    fn listed(&self) -> String {
        let names: Vec<&str> = self.common.iter().map(CommonColumn::name).collect();
        match names.is_empty() {
            true => "they have no column in common".to_string(),
            false => format!("both tables have {}", names.join(", ")),
        }
    }

    /// Positions of the key columns: those named, or the one with a usual name.
    fn keys(&self, named: Option<&str>) -> Result<Vec<usize>> {
        let Some(named) = named else {
            let mut usual = KEYS.iter().filter_map(|name| self.position(name));
            return match usual.next() {
                Some(key) => Ok(vec![key]),
                None => plan_err!(
                    "{} finds no key: no column of both tables is called {}; name the column whose values name the \
                     rows, or several: key => 'shop, sku'; {}",
                    SIGNATURE.name,
                    KEYS.join(", "),
                    self.listed()
                ),
            };
        };
        if let Some(key) = self.position(named) {
            return Ok(vec![key]);
        }
        let mut keys = Vec::new();
        for name in named.split(',').map(str::trim) {
            match self.position(name) {
                None => {
                    return plan_err!(
                        "{}: the key column '{name}' is not in both tables; {}",
                        SIGNATURE.name,
                        self.listed()
                    );
                }
                Some(key) if keys.contains(&key) => {
                    return plan_err!("{}: the key names '{name}' twice", SIGNATURE.name);
                }
                Some(key) => keys.push(key),
            }
        }
        Ok(keys)
    }

    /// Position of the column of categories.
    fn category(&self, named: Option<&str>) -> Result<Option<usize>> {
        let Some(named) = named else {
            return Ok(CATEGORIES.iter().find_map(|name| self.position(name)));
        };
        match self.position(named) {
            Some(category) => Ok(Some(category)),
            None => plan_err!(
                "{}: the category column '{named}' is not in both tables; {}",
                SIGNATURE.name,
                self.listed()
            ),
        }
    }

    fn names(&self) -> Vec<Expr> {
        let names = self.common.iter().map(|column| ident(column.name()));
        names.collect()
    }

    /// The common columns of one table, cast to the common types, with its `side`.
    fn side(&self, table: LogicalPlan, position: usize, side: i64) -> Result<LogicalPlan> {
        let columns = self.common.iter().map(|column| {
            let value = cast(ident(&column.names[position]), column.data_type.clone());
            value.alias(column.name())
        });
        let columns: Vec<Expr> = columns.chain([lit(side).alias(SIDE)]).collect();
        LogicalPlanBuilder::from(table).project(columns)?.build()
    }
}

impl CommonColumn {
    fn new(old: &FieldRef, new: &FieldRef) -> Result<Self> {
        let (from, to) = (old.data_type(), new.data_type());
        let both_cast =
            |data_type: &DataType| can_cast_types(from, data_type) && can_cast_types(to, data_type);
        let data_type = match (is_text(from), is_text(to)) {
            (false, false) if from == to => Some(from.clone()),
            // Texts are not cast to numbers: not all of them are numbers.
            (false, false) => comparison_coercion(from, to),
            _ => None,
        };
        let data_type = data_type
            .filter(both_cast)
            .or_else(|| both_cast(&DataType::Utf8).then_some(DataType::Utf8));
        match data_type {
            Some(data_type) => Ok(Self {
                names: [old.name().clone(), new.name().clone()],
                data_type,
            }),
            None => plan_err!(
                "{}: the column {} is {from} in one table and {to} in the other, which do not compare; cast one \
                 of them in a query, or leave it out",
                SIGNATURE.name,
                old.name()
            ),
        }
    }

    fn name(&self) -> &str {
        &self.names[1]
    }
}
