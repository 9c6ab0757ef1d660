//! `kmeans(v, k [, seed]) OVER (...)`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::ordered_vectors::OrderedVectors;
use super::over_vectors::{OverVectors, Work};
use super::parameters::{Kind, Literals, Parameters};
use crate::learning::kmeans;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "Splits the vectors of a partition into `k` groups, each around its mean, and gives each row the number of its \
         group: 0 is the largest. Fewer groups where fewer vectors differ; NULL for NULL. The same vectors and seed \
         give the same groups, in whatever order the rows come and on any number of cores. All vectors of a partition \
         are in memory, and nearness is Euclidean, which for vectors of unit length orders as cosine does.",
        "kmeans(v, k [, seed]) OVER (...)",
    )
    .with_argument("v", "Vectors: lists of numbers, equally long in a partition.")
    .with_argument("k", "Literal; how many groups, as many as there are vectors at most.")
    .with_argument("seed", "Literal; another split by chance than that of `ai.seed`.")
    .with_sql_example(
        "```sql\nSELECT title, kmeans(embed(title), 8) OVER () AS cluster FROM products;\n```",
    )
    .build()
});

const PARAMETERS: Parameters = Parameters {
    function: "kmeans",
    list: &[
        ("v", Kind::Vector),
        ("k", Kind::Whole(1, u32::MAX as i64)),
        ("seed", Kind::Whole(0, i64::MAX)),
    ],
    required: 2,
};

pub struct KMeans;

impl OverVectors for KMeans {
    fn parameters(&self) -> &'static Parameters {
        &PARAMETERS
    }

    fn documentation(&self) -> &'static LazyLock<Documentation> {
        &DOC
    }

    fn gives(&self) -> DataType {
        DataType::Int64
    }

    fn answers(
        &self,
        vectors: &OrderedVectors,
        literals: &Literals,
        work: &Work<'_>,
    ) -> Result<Option<ArrayRef>> {
        let wanted = literals.whole_or(1, 1);
        let seed = literals.whole(2).map_or(work.seed, |seed| seed as u64);
        let count = vectors.count();
        if count > 0 && wanted > count {
            return exec_err!(
                "kmeans cannot make {wanted} groups of {count} vectors: k is {count} at most here"
            );
        }
        let groups = kmeans(&vectors.values, vectors.dims, wanted, seed, work.watch);
        let Some(groups) = groups else {
            return Ok(None);
        };
        let numbers = by_size(&groups.of_rows);
        let of_row = |vector: &Option<usize>| Some(numbers[groups.of_rows[(*vector)?] as usize]);
        let answers: Int64Array = vectors.of_rows.iter().map(of_row).collect();
        Ok(Some(Arc::new(answers)))
    }
}

/// New numbers for groups, the largest first; among equally large ones the one
/// whose first row comes first.
fn by_size(of_rows: &[u32]) -> Vec<i64> {
    let groups = of_rows.iter().max().map_or(0, |most| *most as usize + 1);
    // Rows in the group, and the first of them.
    let mut sizes = vec![(0u64, usize::MAX); groups];
    for (row, group) in of_rows.iter().enumerate() {
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
    fn the_largest_group_is_the_first() {
        assert_eq!(by_size(&[1, 0, 2, 2, 1, 2]), [2, 1, 0]);
        assert_eq!(by_size(&[1, 0, 0, 1]), [1, 0]);
        assert!(by_size(&[]).is_empty());
    }
}
