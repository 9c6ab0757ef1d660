//! Window functions over all vectors of a partition, as DataFusion functions.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::function::{
    PartitionEvaluatorArgs, WindowFunctionSimplification, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{
    Documentation, Expr, PartitionEvaluator, Signature, Volatility, WindowFunctionDefinition,
    WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;
use semql_inference::progress::ProgressSink;

use super::ordered_vectors::OrderedVectors;
use super::parameters::{LiteralArguments, Parameters};
use super::planning;
use crate::blocking::blocking;
use crate::error::{Error, to_datafusion};
use crate::options::AiOptions;

/// A window function over all vectors of a partition.
pub trait VectorWindowFunction: Send + Sync + 'static {
    fn parameters(&self) -> &'static Parameters;

    fn documentation(&self) -> &'static LazyLock<Documentation>;

    /// Type of the results.
    fn output_type(&self) -> DataType;

    /// Computes one result for each row, NULL for NULL. `None` once cancelled.
    ///
    /// # Errors
    /// Literals that do not fit the vectors.
    fn compute(
        &self,
        vectors: &OrderedVectors,
        literals: &LiteralArguments,
        context: &WindowContext<'_>,
    ) -> Result<Option<ArrayRef>>;
}

/// Copies of the vectors of a partition in memory: in DataFusion's operator, which
/// reserves nothing for them, in sorted order, and in the algorithm.
const COPIES: usize = 3;

/// Options, seed, progress and cancellation of a call.
pub struct WindowContext<'a> {
    pub options: &'a AiOptions,
    /// The session's seed.
    pub seed: u64,
    pub progress: &'a dyn ProgressSink,
}

/// A [`VectorWindowFunction`] with the options of its session, as a DataFusion function.
#[derive(Clone)]
pub struct VectorWindowUdf {
    function: &'static dyn VectorWindowFunction,
    signature: Signature,
    pub options: AiOptions,
}

impl VectorWindowUdf {
    pub fn new(function: &'static dyn VectorWindowFunction, options: AiOptions) -> Self {
        Self {
            function,
            // Stable, not immutable: results depend on the seed of the session.
            signature: function.parameters().signature(Volatility::Stable),
            options,
        }
    }
}

impl VectorWindowUdf {
    /// One result for each row of `vectors`, as [`VectorWindowFunction::compute`]. `args`
    /// are those of the call.
    ///
    /// # Errors
    /// Those of the function; [`Error::Interrupted`].
    pub fn compute(
        &self,
        vectors: &OrderedVectors,
        args: &[Arc<dyn PhysicalExpr>],
    ) -> Result<ArrayRef> {
        self.compute_with(vectors, &self.function.parameters().literals(args)?)
    }

    fn compute_with(
        &self,
        vectors: &OrderedVectors,
        literals: &LiteralArguments,
    ) -> Result<ArrayRef> {
        let context = WindowContext {
            options: &self.options,
            seed: self.options.settings.seed,
            progress: &self.options.step_progress(),
        };
        let result = self.function.compute(vectors, literals, &context)?;
        result.ok_or_else(|| to_datafusion(Error::Interrupted))
    }
}

impl std::fmt::Debug for VectorWindowUdf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for VectorWindowUdf {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && self.options == other.options
    }
}

impl Eq for VectorWindowUdf {}

impl Hash for VectorWindowUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
        self.options.hash(state);
    }
}

impl WindowUDFImpl for VectorWindowUdf {
    fn name(&self) -> &str {
        self.function.parameters().function
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.function.parameters().coerce(given)
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(
            args.name(),
            self.function.output_type(),
            true,
        )))
    }

    /// Checks the literals before any row is read, and adopts the settings of the
    /// session.
    fn simplify(&self) -> Option<WindowFunctionSimplification> {
        let function = self.clone();
        Some(Box::new(move |mut call, context| {
            function.function.parameters().check(&call.params.args)?;
            let config = context.config_options();
            let options = planning::session_options(config, &function.options);
            let updated = WindowUDF::from(Self::new(function.function, options));
            call.fun = WindowFunctionDefinition::WindowUDF(Arc::new(updated));
            Ok(Expr::WindowFunction(Box::new(call)))
        }))
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(VectorWindowEvaluator {
            function: self.clone(),
            literals: self.function.parameters().literals(args.input_exprs())?,
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.function.documentation())
    }
}

#[derive(Debug)]
struct VectorWindowEvaluator {
    function: VectorWindowUdf,
    literals: LiteralArguments,
}

impl PartitionEvaluator for VectorWindowEvaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let name = self.function.name();
        let size = COPIES * values[0].to_data().get_slice_memory_size()?;
        let pool = self.function.options.memory.as_ref();
        let memory = pool.map(|pool| MemoryConsumer::new(name).register(pool));
        if let Some(memory) = &memory {
            memory.try_grow(size)?;
        }
        blocking(|| {
            let vectors = OrderedVectors::from_column(name, &values[0])?;
            self.function.compute_with(&vectors, &self.literals)
        })
    }
}
