//! `tsne(v [, perplexity [, seed]]) OVER (...)`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float32Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_learning::{max_perplexity, tsne};

use super::ordered_vectors::OrderedVectors;
use super::parameters::{ArgumentType, LiteralArguments, Parameters};
use super::vector_window::{VectorWindowFunction, WindowContext};

/// Perplexity if the call has none, unless there are too few rows.
const DEFAULT_PERPLEXITY: f64 = 30.0;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "A position for each row on a map that keeps near vectors near: t-SNE of the vectors of a partition, \
         Struct<x, y>. Equal vectors share a position; NULL for NULL. The same vectors and seed give the same map, \
         independent of row order and of the number of cores. All vectors of a partition are in memory. The search for \
         neighbours compares all rows with all others, so that time grows with the square of the rows: tens of \
         thousands take seconds to minutes. Distances between far groups mean little.",
        "tsne(v [, perplexity [, seed]]) OVER (...)",
    )
    .with_argument("v", "Vectors: lists of numbers of the same length in a partition.")
    .with_argument(
        "perplexity",
        "Literal; number of neighbours of a row, at most a third of the other rows. Default: 30, or the maximum.",
    )
    .with_argument("seed", "Literal; random seed in place of `ai.seed`.")
    .with_sql_example(
        "```sql\nSELECT title, m['x'] AS x, m['y'] AS y FROM (SELECT title, tsne(embed(title)) OVER () AS m FROM products);\n```",
    )
    .build()
});

const PARAMETERS: Parameters = Parameters {
    function: "tsne",
    list: &[
        ("v", ArgumentType::Vector),
        ("perplexity", ArgumentType::Positive),
        ("seed", ArgumentType::Integer(0, i64::MAX)),
    ],
    required: 1,
};

pub struct TSne;

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("x", DataType::Float32, true),
        Field::new("y", DataType::Float32, true),
    ])
}

impl VectorWindowFunction for TSne {
    fn parameters(&self) -> &'static Parameters {
        &PARAMETERS
    }

    fn documentation(&self) -> &'static LazyLock<Documentation> {
        &DOC
    }

    fn output_type(&self) -> DataType {
        DataType::Struct(fields())
    }

    fn compute(
        &self,
        vectors: &OrderedVectors,
        literals: &LiteralArguments,
        context: &WindowContext<'_>,
    ) -> Result<Option<ArrayRef>> {
        let count = vectors.count();
        let max = max_perplexity(count);
        let perplexity = literals.positive(1).unwrap_or(DEFAULT_PERPLEXITY.min(max));
        // One row has a place with any perplexity.
        if count > 1 && perplexity > max {
            return exec_err!(
                "tsne: a perplexity of {perplexity} is too high for {count} vectors: it must be at most {:.1}, a third \
                 of the other vectors",
                (max * 10.0).floor() / 10.0
            );
        }
        let seed = literals.integer(2).map_or(context.seed, |seed| seed as u64);
        let (distinct, positions) = vectors.distinct();
        // Duplicates leave fewer neighbours.
        let max_distinct = max_perplexity(distinct.len() / vectors.dims.max(1)).max(1.0);
        let Some(places) = tsne(
            &distinct,
            vectors.dims,
            perplexity.min(max_distinct),
            seed,
            context.progress,
        ) else {
            return Ok(None);
        };
        let axis = |axis: usize| -> ArrayRef {
            let rows = vectors.row_vectors.iter();
            let place = rows.map(|vector| Some(places[positions[(*vector)?]][axis]));
            Arc::new(place.collect::<Float32Array>())
        };
        let valid: NullBuffer = vectors.row_vectors.iter().map(Option::is_some).collect();
        Ok(Some(Arc::new(StructArray::try_new(
            fields(),
            vec![axis(0), axis(1)],
            Some(valid),
        )?)))
    }
}
