//! `pca(v, n) OVER (...)`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float32Builder, ListBuilder};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_learning::pca;

use super::ordered_vectors::OrderedVectors;
use super::parameters::{ArgumentType, LiteralArguments, Parameters};
use super::vector_window::{VectorWindowFunction, WindowContext};

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "The first `n` principal components of the vectors of a partition: for each row a list of `n` numbers, its \
         distances from the mean along the directions of greatest variance. 0 along directions without variance; NULL \
         for NULL. Exact, and equal to scikit-learn's `PCA`. All vectors of a partition are in memory.",
        "pca(v, n) OVER (...)",
    )
    .with_argument("v", "Vectors: lists of numbers of the same length in a partition.")
    .with_argument("n", "Literal; number of components, at most the number of values in a vector.")
    .with_sql_example(
        "```sql\nSELECT title, p[1] AS x, p[2] AS y FROM (SELECT title, pca(embed(title), 2) OVER () AS p FROM products);\n```",
    )
    .build()
});

const PARAMETERS: Parameters = Parameters {
    function: "pca",
    list: &[
        ("v", ArgumentType::Vector),
        ("n", ArgumentType::Integer(1, u32::MAX as i64)),
    ],
    required: 2,
};

pub struct Pca;

impl VectorWindowFunction for Pca {
    fn parameters(&self) -> &'static Parameters {
        &PARAMETERS
    }

    fn documentation(&self) -> &'static LazyLock<Documentation> {
        &DOC
    }

    fn output_type(&self) -> DataType {
        DataType::new_list(DataType::Float32, true)
    }

    fn compute(
        &self,
        vectors: &OrderedVectors,
        literals: &LiteralArguments,
        context: &WindowContext<'_>,
    ) -> Result<Option<ArrayRef>> {
        let (n, dims) = (literals.usize_or(1, 1), vectors.dims);
        if vectors.count() > 0 && n > dims {
            return exec_err!(
                "pca cannot compute {n} components of vectors with {dims} values: n must be at most {dims}"
            );
        }
        let Some(components) = pca(&vectors.values, dims, n, context.progress) else {
            return Ok(None);
        };
        let mut result = ListBuilder::new(Float32Builder::new());
        for vector in &vectors.row_vectors {
            if let Some(vector) = vector {
                let scores = &components.scores[vector * n..][..n];
                result.values().append_slice(scores);
            }
            result.append(vector.is_some());
        }
        Ok(Some(Arc::new(result.finish())))
    }
}
