//! Window functions that look at all vectors of a partition at once: one file
//! each, and this is what they share.

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

use super::ordered_vectors::OrderedVectors;
use super::parameters::{Literals, Parameters};
use super::planning;
use crate::error::Error;
use crate::options::AiOptions;
use crate::runtime::blocking;
use crate::waiting::Watch;

/// A function over all vectors of a partition.
pub trait OverVectors: Send + Sync + 'static {
    fn parameters(&self) -> &'static Parameters;

    fn documentation(&self) -> &'static LazyLock<Documentation>;

    /// The type of its answers.
    fn gives(&self) -> DataType;

    /// The answer for each row, NULL where the vector is. `None` once nobody
    /// waits for it.
    fn answers(
        &self,
        vectors: &OrderedVectors,
        literals: &Literals,
        work: &Work<'_>,
    ) -> Result<Option<ArrayRef>>;
}

/// How many times the vectors of a partition are in memory: as DataFusion's
/// operator holds them, which charges nobody for them, in the order that they
/// alone decide, and as work changes them.
const COPIES: usize = 3;

/// The circumstances of a function at work.
pub struct Work<'a> {
    /// The session's seed.
    pub seed: u64,
    pub watch: &'a dyn Watch,
}

/// Such a function as DataFusion knows it.
#[derive(Clone)]
pub struct WindowFunction {
    function: &'static dyn OverVectors,
    signature: Signature,
    pub options: AiOptions,
}

impl WindowFunction {
    pub fn new(function: &'static dyn OverVectors, options: AiOptions) -> Self {
        Self {
            function,
            // Stable, not immutable: the answer hangs on the session's seed.
            signature: function.parameters().signature(Volatility::Stable),
            options,
        }
    }
}

impl std::fmt::Debug for WindowFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for WindowFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && self.options == other.options
    }
}

impl Eq for WindowFunction {}

impl Hash for WindowFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
        self.options.hash(state);
    }
}

impl WindowUDFImpl for WindowFunction {
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
            self.function.gives(),
            true,
        )))
    }

    /// Checks the literals before any row is read, and takes the session's
    /// settings in.
    fn simplify(&self) -> Option<WindowFunctionSimplification> {
        let own = self.clone();
        Some(Box::new(move |mut call, context| {
            own.function.parameters().check(&call.params.args)?;
            let options = planning::options(context.config_options(), &own.options);
            let function = WindowUDF::from(Self::new(own.function, options));
            call.fun = WindowFunctionDefinition::WindowUDF(Arc::new(function));
            Ok(Expr::WindowFunction(Box::new(call)))
        }))
    }

    fn partition_evaluator(
        &self,
        args: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator {
            function: self.clone(),
            literals: self.function.parameters().literals(args.input_exprs())?,
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.function.documentation())
    }
}

#[derive(Debug)]
struct Evaluator {
    function: WindowFunction,
    literals: Literals,
}

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let WindowFunction {
            function, options, ..
        } = &self.function;
        let work = Work {
            seed: options.settings.seed,
            watch: &options.watch(),
        };
        let name = function.parameters().function;
        let size = COPIES * values[0].to_data().get_slice_memory_size()?;
        let pool = options.memory.as_ref();
        let memory = pool.map(|pool| MemoryConsumer::new(name).register(pool));
        if let Some(memory) = &memory {
            memory.try_grow(size)?;
        }
        let answers = blocking(|| {
            let vectors = OrderedVectors::read(name, &values[0])?;
            function.answers(&vectors, &self.literals, &work)
        })?;
        answers.ok_or_else(|| Error::Interrupted.into())
    }
}
