//! Rows of a call as input of a student.

use crate::functions::{BatchArguments, LabelClassifier};
use semql_learning::{MAX_TEXTS, StudentRow};

/// The rows of a call as input of a student.
pub fn student_rows<'a>(
    function: &dyn LabelClassifier,
    call: &'a BatchArguments,
) -> Vec<StudentRow<'a>> {
    let row = |row: usize| StudentRow {
        texts: std::array::from_fn(|at| (at < call.texts.len()).then(|| call.text(at, row))?),
        head: function.head(call, row),
    };
    (0..call.rows).map(row).collect()
}

const _: () = assert!(MAX_TEXTS >= semql_inference::encoding::product_text::INPUTS);
