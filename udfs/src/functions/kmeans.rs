//! `kmeans(v, k [, seed]) OVER (...)`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_learning::kmeans;

use super::ordered_vectors::OrderedVectors;
use super::parameters::{ArgumentType, LiteralArguments, Parameters};
use super::vector_window::{VectorWindowFunction, WindowContext};

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "Splits the vectors of a partition into `k` groups around their means (k-means). The result is the group number \
         of each row: 0 is the largest group. Fewer than `k` distinct vectors make fewer groups; NULL for NULL. The same \
         vectors and seed give the same groups, independent of row order and cores. Distances are Euclidean, which orders \
         vectors of unit length as cosine does. All vectors of a partition are in memory.",
        "kmeans(v, k [, seed]) OVER (...)",
    )
    .with_argument("v", "Vectors: lists of numbers of the same length in a partition.")
    .with_argument("k", "Literal; number of groups, at most the number of vectors.")
    .with_argument("seed", "Literal; random seed in place of `ai.seed`.")
    .with_sql_example(
        "```sql\nSELECT title, kmeans(embed(title), 8) OVER () AS cluster FROM products;\n```",
    )
    .build()
});

const PARAMETERS: Parameters = Parameters {
    function: "kmeans",
    list: &[
        ("v", ArgumentType::Vector),
        ("k", ArgumentType::Integer(1, u32::MAX as i64)),
        ("seed", ArgumentType::Integer(0, i64::MAX)),
    ],
    required: 2,
};

pub struct KMeans;

impl VectorWindowFunction for KMeans {
    fn parameters(&self) -> &'static Parameters {
        &PARAMETERS
    }

    fn documentation(&self) -> &'static LazyLock<Documentation> {
        &DOC
    }

    fn output_type(&self) -> DataType {
        DataType::Int64
    }

    fn compute(
        &self,
        vectors: &OrderedVectors,
        literals: &LiteralArguments,
        context: &WindowContext<'_>,
    ) -> Result<Option<ArrayRef>> {
        let k = literals.usize_or(1, 1);
        let seed = literals.integer(2).map_or(context.seed, |seed| seed as u64);
        let count = vectors.count();
        if count > 0 && k > count {
            return exec_err!(
                "kmeans cannot make {k} groups of {count} vectors: k must be at most {count}"
            );
        }
        let clusters = kmeans(&vectors.values, vectors.dims, k, seed, context.progress);
        let Some(clusters) = clusters else {
            return Ok(None);
        };
        let numbers = by_size(&clusters.assignments);
        let group =
            |vector: &Option<usize>| Some(numbers[clusters.assignments[(*vector)?] as usize]);
        let result: Int64Array = vectors.row_vectors.iter().map(group).collect();
        Ok(Some(Arc::new(result)))
    }
}

/// New numbers of groups, by descending size, then by their first rows.
fn by_size(assignments: &[u32]) -> Vec<i64> {
    let groups = assignments
        .iter()
        .max()
        .map_or(0, |most| *most as usize + 1);
    // Number of rows and first row of each group.
    let mut sizes = vec![(0u64, usize::MAX); groups];
    for (row, group) in assignments.iter().enumerate() {
        let (size, first) = &mut sizes[*group as usize];
        *size += 1;
        *first = row.min(*first);
    }
    let mut order: Vec<usize> = (0..groups).collect();
    order.sort_by_key(|group| (std::cmp::Reverse(sizes[*group].0), sizes[*group].1));
    let mut numbers = vec![0; groups];
    for (number, group) in order.into_iter().enumerate() {
        numbers[group] = number as i64;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_numbered_by_size() {
        assert_eq!(by_size(&[1, 0, 2, 2, 1, 2]), [2, 1, 0]);
        assert_eq!(by_size(&[1, 0, 0, 1]), [1, 0]);
        assert!(by_size(&[]).is_empty());
    }
}
