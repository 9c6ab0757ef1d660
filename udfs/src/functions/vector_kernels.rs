//! `cosine_similarity`, `cosine_distance`, `inner_product` and
//! `array_distance`: similarity and distance of two vectors.
//!
//! The latter three replace DataFusion's functions, which first cast every value to
//! 64 bits, and treat NULL, zero vectors and lengths in the same way.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, ArrowPrimitiveType, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type};
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use semql_inference::vector::{ReferenceVector, VectorElement, cosine, distance, prefetch};

use super::arguments::{all_literal, columnar_result};
use super::vectors::{Vectors, check_same_model, coerce_vectors, vector_value_type};

/// Rows between the current row and the row that is prefetched.
const PREFETCH_ROWS: usize = 2;

type KernelFn<T> = fn(&[T], &ReferenceVector<'_, T>) -> Option<f64>;

/// One function: its name, and its result for two vectors of equal length.
struct VectorKernel {
    name: &'static str,
    aliases: &'static [&'static str],
    measure: Option<CosineMeasure>,
    description: &'static str,
    float32: KernelFn<f32>,
    float64: KernelFn<f64>,
}

const COSINE_SIMILARITY: VectorKernel = VectorKernel {
    name: "cosine_similarity",
    aliases: &[],
    measure: Some(CosineMeasure::Similarity),
    description: "The cosine of the angle between two vectors, -1 to 1; NULL if one vector is zero.",
    float32: cosine,
    float64: cosine,
};

const KERNELS: &[VectorKernel] = &[
    COSINE_SIMILARITY,
    VectorKernel {
        name: "cosine_distance",
        aliases: &[],
        measure: Some(CosineMeasure::Distance),
        description: "1 - `cosine_similarity`: 0 for vectors of the same direction, 2 for opposite vectors.",
        float32: cosine_distance,
        float64: cosine_distance,
    },
    VectorKernel {
        name: "inner_product",
        aliases: &["dot_product"],
        measure: None,
        description: "The sum of the products of the values of two vectors.",
        float32: |a, b| Some(f32::inner_product(a, b.values)),
        float64: |a, b| Some(f64::inner_product(a, b.values)),
    },
    VectorKernel {
        name: "array_distance",
        aliases: &["list_distance"],
        measure: None,
        description: "The Euclidean distance between two vectors.",
        float32: |a, b| Some(distance(a, b.values)),
        float64: |a, b| Some(distance(a, b.values)),
    },
];

fn cosine_distance<T: VectorElement>(a: &[T], b: &ReferenceVector<'_, T>) -> Option<f64> {
    cosine(a, b).map(|cosine| 1.0 - cosine)
}

/// Every function of this file.
pub fn functions() -> Vec<ScalarUDF> {
    let all = KERNELS
        .iter()
        .map(|kernel| VectorKernelUdf::new(kernel).into());
    all.collect()
}

/// Measure of the angle between two vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CosineMeasure {
    Similarity,
    Distance,
}

/// The measure that `function` computes; `None` for other functions, such as one of
/// another library under the same name.
pub fn cosine_measure(function: &ScalarUDF) -> Option<CosineMeasure> {
    function
        .inner()
        .downcast_ref::<VectorKernelUdf>()?
        .kernel
        .measure
}

/// A call of `cosine_similarity`.
pub fn cosine_similarity(v: Expr, w: Expr) -> Expr {
    ScalarUDF::from(VectorKernelUdf::new(&COSINE_SIMILARITY)).call(vec![v, w])
}

const ARGUMENTS: &[&str] = &["v", "w"];

struct VectorKernelUdf {
    kernel: &'static VectorKernel,
    signature: Signature,
    aliases: Vec<String>,
    documentation: LazyLock<Documentation, Box<dyn FnOnce() -> Documentation + Send>>,
}

impl VectorKernelUdf {
    fn new(kernel: &'static VectorKernel) -> Self {
        Self {
            kernel,
            signature: Signature::user_defined(Volatility::Immutable),
            aliases: kernel
                .aliases
                .iter()
                .map(|alias| alias.to_string())
                .collect(),
            documentation: LazyLock::new(Box::new(move || documentation(kernel))),
        }
    }

    fn compare<T>(
        &self,
        args: &[ColumnarValue],
        rows: usize,
        kernel: KernelFn<T::Native>,
    ) -> Result<ArrayRef>
    where
        T: ArrowPrimitiveType,
        T::Native: VectorElement,
    {
        // All kernels are symmetric. The literal, if there is one, goes second.
        let (column, other) = match args {
            [literal @ ColumnarValue::Scalar(_), column] => (column, literal),
            [column, other] => (column, other),
            _ => return internal_err!("{} takes two vectors", self.kernel.name),
        };
        let column = Vectors::<T>::new(&column.to_array(rows)?)?;
        let (others, literal) = match other {
            ColumnarValue::Array(array) => (Vectors::<T>::new(array)?, false),
            ColumnarValue::Scalar(scalar) => (Vectors::new(&scalar.to_array()?)?, true),
        };
        let literal = literal.then(|| others.get(0).map(ReferenceVector::new));
        let mut results = Float64Array::builder(rows);
        for row in 0..rows {
            if row + PREFETCH_ROWS < rows
                && let Some(next) = column.get(row + PREFETCH_ROWS)
            {
                prefetch(next);
            }
            let row_reference;
            let reference = match &literal {
                Some(literal) => literal.as_ref(),
                None => {
                    row_reference = others.get(row).map(ReferenceVector::new);
                    row_reference.as_ref()
                }
            };
            let Some((vector, reference)) = column.get(row).zip(reference) else {
                results.append_null();
                continue;
            };
            if vector.len() != reference.values.len() {
                return exec_err!(
                    "{} compares vectors of equal length, not of {} and {} values",
                    self.kernel.name,
                    vector.len(),
                    reference.values.len()
                );
            }
            // A descending sort would put NaN first.
            results.append_option(kernel(vector, reference).filter(|result| !result.is_nan()));
        }
        Ok(Arc::new(results.finish()))
    }
}

fn documentation(kernel: &VectorKernel) -> Documentation {
    let section = DocSection {
        include: true,
        label: "Vectors",
        description: None,
    };
    let description = format!(
        "{} NULL if a vector or one of its values is NULL, or if the result is NaN. Vectors of different lengths or of \
         two models are an error.",
        kernel.description
    );
    Documentation::builder(section, description, format!("{}(v, w)", kernel.name))
        .with_argument(
            "v",
            "A list of numbers; fastest with 32-bit and 16-bit floats.",
        )
        .with_argument("w", "Another list of numbers.")
        .with_sql_example(format!(
            "```sql\nSELECT title, {}(v, embed('running shoes')) AS result FROM vectors;\n```",
            kernel.name
        ))
        .build()
}

impl std::fmt::Debug for VectorKernelUdf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kernel.name)
    }
}

impl PartialEq for VectorKernelUdf {
    fn eq(&self, other: &Self) -> bool {
        self.kernel.name == other.kernel.name
    }
}

impl Eq for VectorKernelUdf {}

impl std::hash::Hash for VectorKernelUdf {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.kernel.name.hash(state);
    }
}

impl ScalarUDFImpl for VectorKernelUdf {
    fn name(&self) -> &str {
        self.kernel.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        coerce_vectors(self.kernel.name, ARGUMENTS, given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        check_same_model(self.kernel.name, args.arg_fields)?;
        Ok(Arc::new(Field::new(
            self.kernel.name,
            DataType::Float64,
            true,
        )))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let literal = all_literal(&args.args);
        let rows = if literal { 1 } else { args.number_rows };
        let values = args.args.first().map(ColumnarValue::data_type);
        let results = match values.as_ref().and_then(vector_value_type) {
            Some(DataType::Float32) => {
                self.compare::<Float32Type>(&args.args, rows, self.kernel.float32)
            }
            _ => self.compare::<Float64Type>(&args.args, rows, self.kernel.float64),
        };
        columnar_result(results?, literal)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}
