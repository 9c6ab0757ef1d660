//! `tsne(v [, perplexity [, seed]]) OVER (...)`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float32Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::ordered_vectors::OrderedVectors;
use super::over_vectors::{OverVectors, Work};
use super::parameters::{Kind, Literals, Parameters};
use crate::learning::{most_perplexity, tsne};

/// Where none is given and there are rows enough.
const PERPLEXITY: f64 = 30.0;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "A place for each row on a map on which near vectors are near: t-SNE of the vectors of a partition, \
         Struct<x, y>. Equal vectors share a place; NULL for NULL. The same vectors and seed give the same map, in \
         whatever order the rows come and on any number of cores of a kind. All vectors of a partition are in memory; \
         the nearest rows are found by comparing all with all, so that time grows with the square of the rows: tens \
         of thousands take seconds to minutes. Distances between far groups mean little.",
        "tsne(v [, perplexity [, seed]]) OVER (...)",
    )
    .with_argument("v", "Vectors: lists of numbers, equally long in a partition.")
    .with_argument(
        "perplexity",
        "Literal; how many rows count as near to one, at most a third of the others. If not given, 30, or as many as \
         there may be.",
    )
    .with_argument("seed", "Literal; another map by chance than that of `ai.seed`.")
    .with_sql_example(
        "```sql\nSELECT title, m['x'] AS x, m['y'] AS y FROM (SELECT title, tsne(embed(title)) OVER () AS m FROM products);\n```",
    )
    .build()
});

const PARAMETERS: Parameters = Parameters {
    function: "tsne",
    list: &[
        ("v", Kind::Vector),
        ("perplexity", Kind::Positive),
        ("seed", Kind::Whole(0, i64::MAX)),
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

impl OverVectors for TSne {
    fn parameters(&self) -> &'static Parameters {
        &PARAMETERS
    }

    fn documentation(&self) -> &'static LazyLock<Documentation> {
        &DOC
    }

    fn gives(&self) -> DataType {
        DataType::Struct(fields())
    }

    fn answers(
        &self,
        vectors: &OrderedVectors,
        literals: &Literals,
        work: &Work<'_>,
    ) -> Result<Option<ArrayRef>> {
        let count = vectors.count();
        let most = most_perplexity(count);
        let perplexity = literals.positive(1).unwrap_or(PERPLEXITY.min(most));
        // One row has a place whatever is asked of it.
        if count > 1 && perplexity > most {
            return exec_err!(
                "tsne: a perplexity of {perplexity} is too much for {count} vectors, of which a third of the others \
                 can be near to one: {:.1} at most",
                (most * 10.0).floor() / 10.0
            );
        }
        let seed = literals.whole(2).map_or(work.seed, |seed| seed as u64);
        let (distinct, which) = vectors.distinct();
        // Vectors that are there again and again leave fewer to be near to.
        let few = most_perplexity(distinct.len() / vectors.dims.max(1)).max(1.0);
        let Some(places) = tsne(
            &distinct,
            vectors.dims,
            perplexity.min(few),
            seed,
            work.watch,
        ) else {
            return Ok(None);
        };
        let axis = |axis: usize| -> ArrayRef {
            let rows = vectors.of_rows.iter();
            let place = rows.map(|vector| Some(places[which[(*vector)?]][axis]));
            Arc::new(place.collect::<Float32Array>())
        };
        let valid: NullBuffer = vectors.of_rows.iter().map(Option::is_some).collect();
        Ok(Some(Arc::new(StructArray::try_new(
            fields(),
            vec![axis(0), axis(1)],
            Some(valid),
        )?)))
    }
}
