//! `pca(v, n) OVER (...)`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float32Builder, ListBuilder};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::ordered_vectors::OrderedVectors;
use super::over_vectors::{OverVectors, Work};
use super::parameters::{Kind, Literals, Parameters};
use crate::learning::pca;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "The first `n` principal components of the vectors of a partition: for each row a list of `n` numbers, how far \
         it is from the mean along the directions in which the vectors differ most. 0 along those beyond which nothing \
         differs; NULL for NULL. Exact, and equal to scikit-learn's `PCA`. All vectors of a partition are in memory.",
        "pca(v, n) OVER (...)",
    )
    .with_argument("v", "Vectors: lists of numbers, equally long in a partition.")
    .with_argument("n", "Literal; how many components, as many as a vector has values at most.")
    .with_sql_example(
        "```sql\nSELECT title, p[1] AS x, p[2] AS y FROM (SELECT title, pca(embed(title), 2) OVER () AS p FROM products);\n```",
    )
    .build()
});

const PARAMETERS: Parameters = Parameters {
    function: "pca",
    list: &[("v", Kind::Vector), ("n", Kind::Whole(1, u32::MAX as i64))],
    required: 2,
};

pub struct Pca;

impl OverVectors for Pca {
    fn parameters(&self) -> &'static Parameters {
        &PARAMETERS
    }

    fn documentation(&self) -> &'static LazyLock<Documentation> {
        &DOC
    }

    fn gives(&self) -> DataType {
        DataType::new_list(DataType::Float32, true)
    }

    fn answers(
        &self,
        vectors: &OrderedVectors,
        literals: &Literals,
        work: &Work<'_>,
    ) -> Result<Option<ArrayRef>> {
        let (wanted, dims) = (literals.whole_or(1, 1), vectors.dims);
        if vectors.count() > 0 && wanted > dims {
            return exec_err!(
                "pca cannot give {wanted} components of vectors with {dims} values: n is {dims} at most here"
            );
        }
        let Some(components) = pca(&vectors.values, dims, wanted, work.watch) else {
            return Ok(None);
        };
        let mut answers = ListBuilder::new(Float32Builder::new());
        for vector in &vectors.of_rows {
            if let Some(vector) = vector {
                let scores = &components.scores[vector * wanted..][..wanted];
                answers.values().append_slice(scores);
            }
            answers.append(vector.is_some());
        }
        Ok(Some(Arc::new(answers.finish())))
    }
}
