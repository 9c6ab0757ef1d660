//! How semql's operators and functions are written into a plan that goes to
//! another process, and read again.
//!
//! Each call takes its settings and its label set along
//! ([`semql_udfs::carry`]), so that an executor answers as the client would
//! have, whatever its own settings are.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::{internal_datafusion_err, internal_err, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::functions_aggregate::all_default_aggregate_functions;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::{self, PhysicalExprNode};
use prost::Message;
use semql_udfs::AiOptions;
use semql_udfs::carry::{self, Carried};
use semql_udfs::plan::{Computed, InferExec, VectorJoinExec};
use semql_udfs::vector::Keep;

/// What our nodes begin with; no node of Ballista's does.
const OURS: &[u8] = b"semql\0";

/// The codec of all three sides.
#[derive(Debug)]
pub struct Codec {
    /// The settings of this machine, and the models in this process.
    here: AiOptions,
    /// Aggregate functions that every process has.
    known: HashSet<String>,
    ballista: BallistaPhysicalExtensionCodec,
}

/// A node, as it is written.
#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(oneof = "Kind", tags = "1, 2")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Infer(Infer),
    #[prost(message, tag = "2")]
    VectorJoin(Box<VectorJoin>),
}

#[derive(Clone, PartialEq, Message)]
struct Infer {
    #[prost(message, repeated, tag = "1")]
    columns: Vec<Column>,
    #[prost(message, optional, tag = "2")]
    schema: Option<protobuf::Schema>,
    #[prost(bool, tag = "3")]
    gathered: bool,
}

/// A call, or an expression that needs no model.
#[derive(Clone, PartialEq, Message)]
struct Column {
    /// Empty for an expression.
    #[prost(string, tag = "1")]
    function: String,
    #[prost(string, tag = "2")]
    shown: String,
    #[prost(bytes = "vec", tag = "3")]
    carried: Vec<u8>,
    /// The arguments, or the expression.
    #[prost(message, repeated, tag = "4")]
    exprs: Vec<PhysicalExprNode>,
}

#[derive(Clone, PartialEq, Message)]
struct VectorJoin {
    #[prost(message, optional, tag = "1")]
    left: Option<PhysicalExprNode>,
    #[prost(message, optional, tag = "2")]
    right: Option<PhysicalExprNode>,
    #[prost(uint64, optional, tag = "3")]
    nearest: Option<u64>,
    #[prost(float, optional, tag = "4")]
    above: Option<f32>,
    #[prost(message, optional, tag = "5")]
    schema: Option<protobuf::Schema>,
}

impl Codec {
    pub fn new(here: AiOptions) -> Self {
        let engines = all_default_aggregate_functions();
        let known = engines.into_iter().chain(
            semql_udfs::aggregate_functions(&here)
                .into_iter()
                .map(Arc::new),
        );
        Self {
            known: known.map(|function| function.name().to_string()).collect(),
            here,
            ballista: BallistaPhysicalExtensionCodec::default(),
        }
    }

    fn infer(&self, infer: &InferExec, writing: &Writing<'_>) -> Result<Infer> {
        let column = |column: &Computed| match column {
            Computed::Call(call) => Ok(Column {
                function: call.name().to_string(),
                shown: call.shown.clone(),
                carried: written(&carry::call(call))?,
                exprs: writing.exprs(&call.args)?,
            }),
            Computed::Plain(expr) => Ok(Column {
                exprs: writing.exprs(std::slice::from_ref(expr))?,
                ..Column::default()
            }),
        };
        Ok(Infer {
            columns: infer.columns().iter().map(column).collect::<Result<_>>()?,
            schema: Some(schema_written(&infer.schema())?),
            gathered: infer.is_gathered(),
        })
    }

    fn infer_read(
        &self,
        infer: Infer,
        input: &Arc<dyn ExecutionPlan>,
        reading: &Reading<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let over = input.schema();
        let column = |column: Column| -> Result<Computed> {
            let mut exprs = reading.exprs(&column.exprs, &over)?;
            if column.function.is_empty() {
                let expr = exprs.pop().ok_or_else(|| lacks("an expression"))?;
                return Ok(Computed::Plain(expr));
            }
            let carried = read(&column.carried)?;
            let (name, shown) = (&column.function, column.shown);
            let call = carry::arrived_call(name, shown, &carried, exprs, &self.here)?;
            Ok(Computed::Call(Box::new(call)))
        };
        let columns = infer.columns.into_iter().map(column);
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let schema = schema_read(infer.schema)?;
        let exec = InferExec::new(Arc::clone(input), columns, schema);
        Ok(Arc::new(exec.gathered(infer.gathered)))
    }

    fn join(&self, join: &VectorJoinExec, writing: &Writing<'_>) -> Result<VectorJoin> {
        let [left, right] = join.on();
        let (nearest, above) = match join.keep() {
            Keep::Best(most) => (Some(most as u64), None),
            Keep::Above(least) => (None, Some(least)),
        };
        Ok(VectorJoin {
            left: Some(writing.expr(left)?),
            right: Some(writing.expr(right)?),
            nearest,
            above,
            schema: Some(schema_written(&join.schema())?),
        })
    }

    fn join_read(
        &self,
        join: VectorJoin,
        [left, right]: [&Arc<dyn ExecutionPlan>; 2],
        reading: &Reading<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let expr = |expr: Option<PhysicalExprNode>, over: SchemaRef| {
            let expr = expr.ok_or_else(|| lacks("a vector"))?;
            reading.expr(&expr, &over)
        };
        let on = [
            expr(join.left, left.schema())?,
            expr(join.right, right.schema())?,
        ];
        let keep = match (join.nearest, join.above) {
            (Some(most), _) => Keep::Best(most as usize),
            (None, Some(least)) => Keep::Above(least),
            (None, None) => return Err(lacks("which pairs to keep")),
        };
        let sides = [Arc::clone(left), Arc::clone(right)];
        let schema = schema_read(join.schema)?;
        Ok(Arc::new(VectorJoinExec::new(sides, on, keep, schema)))
    }
}

impl PhysicalExtensionCodec for Codec {
    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let writing = Writing {
            codec: self,
            converter,
        };
        let kind = if let Some(infer) = node.downcast_ref::<InferExec>() {
            Kind::Infer(self.infer(infer, &writing)?)
        } else if let Some(join) = node.downcast_ref::<VectorJoinExec>() {
            Kind::VectorJoin(Box::new(self.join(join, &writing)?))
        } else {
            return self.ballista.try_encode(node, buf, converter);
        };
        buf.extend_from_slice(OURS);
        Node { kind: Some(kind) }
            .encode(buf)
            .map_err(|error| internal_datafusion_err!("cannot write a plan: {error}"))
    }

    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(ours) = buf.strip_prefix(OURS) else {
            return self.ballista.try_decode(buf, inputs, ctx, converter);
        };
        let node = Node::decode(ours)
            .map_err(|error| internal_datafusion_err!("cannot read a plan: {error}"))?;
        let reading = Reading {
            context: PhysicalPlanDecodeContext::new(ctx, self),
            converter,
        };
        match (node.kind, inputs) {
            (Some(Kind::Infer(infer)), [input]) => self.infer_read(infer, input, &reading),
            (Some(Kind::VectorJoin(join)), [left, right]) => {
                self.join_read(*join, [left, right], &reading)
            }
            _ => internal_err!("cannot read a plan: a node with {} inputs", inputs.len()),
        }
    }

    fn try_encode_udf(&self, function: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        // One without settings is found by its name.
        if let Some(carried) = carry::scalar(function)? {
            buf.extend(written(&carried)?);
        }
        Ok(())
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        Ok(Arc::new(carry::arrived_scalar(
            name,
            &read(buf)?,
            &self.here,
        )?))
    }

    fn try_encode_udaf(&self, function: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        match carry::aggregate(function) {
            Some(carried) => buf.extend(written(&carried)?),
            // Found by its name there, if it is there.
            None if self.known.contains(function.name()) => {}
            None => return plan_err!("{} is a function of this process alone", function.name()),
        }
        Ok(())
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        Ok(Arc::new(carry::arrived_aggregate(
            name,
            &read(buf)?,
            &self.here,
        )?))
    }

    fn try_encode_udwf(&self, function: &WindowUDF, buf: &mut Vec<u8>) -> Result<()> {
        if let Some(carried) = carry::window(function) {
            buf.extend(written(&carried)?);
        }
        Ok(())
    }

    fn try_decode_udwf(&self, name: &str, buf: &[u8]) -> Result<Arc<WindowUDF>> {
        Ok(Arc::new(carry::arrived_window(
            name,
            &read(buf)?,
            &self.here,
        )?))
    }
}

/// Expressions within a node that is being written.
struct Writing<'a> {
    codec: &'a Codec,
    converter: &'a dyn PhysicalProtoConverterExtension,
}

impl Writing<'_> {
    fn expr(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<PhysicalExprNode> {
        self.converter.physical_expr_to_proto(expr, self.codec)
    }

    fn exprs(&self, exprs: &[Arc<dyn PhysicalExpr>]) -> Result<Vec<PhysicalExprNode>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }
}

/// Expressions within a node that is being read.
struct Reading<'a> {
    context: PhysicalPlanDecodeContext<'a>,
    converter: &'a dyn PhysicalProtoConverterExtension,
}

impl Reading<'_> {
    fn expr(&self, expr: &PhysicalExprNode, over: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
        self.converter
            .proto_to_physical_expr(expr, over, &self.context)
    }

    fn exprs(
        &self,
        exprs: &[PhysicalExprNode],
        over: &Schema,
    ) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
        exprs.iter().map(|expr| self.expr(expr, over)).collect()
    }
}

fn written(carried: &Carried) -> Result<Vec<u8>> {
    serde_json::to_vec(carried)
        .map_err(|error| internal_datafusion_err!("cannot write a plan: {error}"))
}

fn read(buf: &[u8]) -> Result<Carried> {
    serde_json::from_slice(buf)
        .map_err(|error| internal_datafusion_err!("cannot read a plan: {error}"))
}

fn schema_written(schema: &SchemaRef) -> Result<protobuf::Schema> {
    Ok(schema.as_ref().try_into()?)
}

fn schema_read(schema: Option<protobuf::Schema>) -> Result<SchemaRef> {
    let schema = schema.ok_or_else(|| lacks("its columns"))?;
    let schema: Schema = (&schema).try_into()?;
    Ok(Arc::new(schema))
}

fn lacks(what: &str) -> DataFusionError {
    internal_datafusion_err!("cannot read a plan: a node lacks {what}")
}
