//! `cosine_similarity`, `cosine_distance`, `inner_product` and
//! `array_distance`: how two vectors compare.
//!
//! The latter three stand in place of DataFusion's own, which widen each value
//! of every row to 64 bits first, and treat NULL, zero vectors and lengths as
//! those do.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, ArrowPrimitiveType, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Float64Type};
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use super::arguments::{answer, constant};
use super::vectors::{Vectors, check_space, coerce};
use crate::vector::{Number, Reference, cosine, distance, prefetch};

/// Rows between the one that is compared and the one that is fetched from
/// memory meanwhile.
const AHEAD: usize = 2;

type Of<T> = fn(&[T], &Reference<'_, T>) -> Option<f64>;

/// One function: what it is called, and its figure of two vectors of equal
/// length.
struct Kernel {
    name: &'static str,
    aliases: &'static [&'static str],
    describes: &'static str,
    narrow: Of<f32>,
    wide: Of<f64>,
}

const COSINE_SIMILARITY: Kernel = Kernel {
    name: "cosine_similarity",
    aliases: &[],
    describes: "The cosine of the angle between two vectors, -1 to 1; NULL where one is zero throughout.",
    narrow: cosine,
    wide: cosine,
};

const KERNELS: &[Kernel] = &[
    COSINE_SIMILARITY,
    Kernel {
        name: "cosine_distance",
        aliases: &[],
        describes: "1 - `cosine_similarity`: 0 for vectors of one direction, 2 for opposite ones.",
        narrow: cosine_distance,
        wide: cosine_distance,
    },
    Kernel {
        name: "inner_product",
        aliases: &["dot_product"],
        describes: "The sum of the products of the values of two vectors.",
        narrow: |a, b| Some(f32::inner_product(a, b.values)),
        wide: |a, b| Some(f64::inner_product(a, b.values)),
    },
    Kernel {
        name: "array_distance",
        aliases: &["list_distance"],
        describes: "The Euclidean distance between two vectors.",
        narrow: |a, b| Some(distance(a, b.values)),
        wide: |a, b| Some(distance(a, b.values)),
    },
];

fn cosine_distance<T: Number>(a: &[T], b: &Reference<'_, T>) -> Option<f64> {
    cosine(a, b).map(|cosine| 1.0 - cosine)
}

/// Every function of this file.
pub fn functions() -> Vec<ScalarUDF> {
    let all = KERNELS.iter().map(|kernel| Compare::new(kernel).into());
    all.collect()
}

/// A call of `cosine_similarity`, for plans that semql makes itself.
pub fn cosine_similarity(v: Expr, w: Expr) -> Expr {
    ScalarUDF::from(Compare::new(&COSINE_SIMILARITY)).call(vec![v, w])
}

const ARGUMENTS: &[&str] = &["v", "w"];

struct Compare {
    kernel: &'static Kernel,
    signature: Signature,
    aliases: Vec<String>,
    documentation: LazyLock<Documentation, Box<dyn FnOnce() -> Documentation + Send>>,
}

impl Compare {
    fn new(kernel: &'static Kernel) -> Self {
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

    fn compare<T>(&self, args: &[ColumnarValue], rows: usize, of: Of<T::Native>) -> Result<ArrayRef>
    where
        T: ArrowPrimitiveType,
        T::Native: Number,
    {
        // All figures are the same either way round, and a literal is what a
        // column is compared with.
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
        let literal = literal.then(|| others.get(0).map(Reference::new));
        let mut figures = Float64Array::builder(rows);
        for row in 0..rows {
            if row + AHEAD < rows
                && let Some(soon) = column.get(row + AHEAD)
            {
                prefetch(soon);
            }
            let of_row;
            let reference = match &literal {
                Some(literal) => literal.as_ref(),
                None => {
                    of_row = others.get(row).map(Reference::new);
                    of_row.as_ref()
                }
            };
            let Some((vector, reference)) = column.get(row).zip(reference) else {
                figures.append_null();
                continue;
            };
            if vector.len() != reference.values.len() {
                return exec_err!(
                    "{} compares vectors of equal length, and these have {} and {} values",
                    self.kernel.name,
                    vector.len(),
                    reference.values.len()
                );
            }
            // NaN would come first wherever the largest do.
            figures.append_option(of(vector, reference).filter(|figure| !figure.is_nan()));
        }
        Ok(Arc::new(figures.finish()))
    }
}

fn documentation(kernel: &Kernel) -> Documentation {
    let section = DocSection {
        include: true,
        label: "Vectors",
        description: None,
    };
    let describes = format!(
        "{} NULL where a vector or one of its values is, or where the figure is no number. Vectors of different \
         lengths, or of two models, are an error.",
        kernel.describes
    );
    Documentation::builder(section, describes, format!("{}(v, w)", kernel.name))
        .with_argument(
            "v",
            "A list of numbers; 32-bit and 16-bit floats are the quick ones.",
        )
        .with_argument("w", "Another one.")
        .with_sql_example(format!(
            "```sql\nSELECT title, {}(v, embed('running shoes')) AS figure FROM vectors;\n```",
            kernel.name
        ))
        .build()
}

impl std::fmt::Debug for Compare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kernel.name)
    }
}

impl PartialEq for Compare {
    fn eq(&self, other: &Self) -> bool {
        self.kernel.name == other.kernel.name
    }
}

impl Eq for Compare {}

impl std::hash::Hash for Compare {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.kernel.name.hash(state);
    }
}

impl ScalarUDFImpl for Compare {
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
        coerce(self.kernel.name, ARGUMENTS, given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        check_space(self.kernel.name, args.arg_fields)?;
        Ok(Arc::new(Field::new(
            self.kernel.name,
            DataType::Float64,
            true,
        )))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = constant(&args.args);
        let rows = if constant { 1 } else { args.number_rows };
        let values = args.args.first().map(ColumnarValue::data_type);
        let figures = match values.as_ref().and_then(super::vectors::values_of) {
            Some(DataType::Float32) => {
                self.compare::<Float32Type>(&args.args, rows, self.kernel.narrow)
            }
            _ => self.compare::<Float64Type>(&args.args, rows, self.kernel.wide),
        };
        answer(figures?, constant)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}
