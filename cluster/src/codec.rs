//! Serialization of semql's operators and functions in physical plans.
//!
//! Each call is encoded with its settings and its label set
//! ([`semql_udfs::plan_serde`]), so its result does not depend on the settings of the
//! executor.

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
use semql_udfs::plan::{
    ComputedColumn, InferExec, VectorJoinExec, VectorWindowCall, VectorWindowExec,
};
use semql_udfs::plan_serde::{self, CallContext};
use semql_udfs::vector::NeighbourLimit;

use crate::text_scan::TextScanNode;

/// Prefix of semql's nodes, which no node of Ballista has.
const NODE_PREFIX: &[u8] = b"semql\0";

/// Codec of clients, the scheduler and executors.
#[derive(Debug)]
pub struct Codec {
    /// Settings of this machine, and the models of this process.
    options: AiOptions,
    /// Names of the aggregate functions that every process has.
    aggregates: HashSet<String>,
    ballista: BallistaPhysicalExtensionCodec,
}

/// Encoded operator.
#[derive(Clone, PartialEq, Message)]
struct SemqlNode {
    #[prost(oneof = "NodeKind", tags = "1, 2, 3, 4")]
    kind: Option<NodeKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum NodeKind {
    #[prost(message, tag = "1")]
    Infer(InferNode),
    #[prost(message, tag = "2")]
    VectorJoin(Box<VectorJoinNode>),
    #[prost(message, tag = "3")]
    TextScan(TextScanNode),
    #[prost(message, tag = "4")]
    VectorWindow(VectorWindowNode),
}

#[derive(Clone, PartialEq, Message)]
struct InferNode {
    #[prost(message, repeated, tag = "1")]
    columns: Vec<InferColumn>,
    #[prost(message, optional, tag = "2")]
    schema: Option<protobuf::Schema>,
    #[prost(bool, tag = "3")]
    gathered: bool,
}

/// Call, or expression that needs no model.
#[derive(Clone, PartialEq, Message)]
struct InferColumn {
    /// Empty for an expression.
    #[prost(string, tag = "1")]
    function: String,
    #[prost(string, tag = "2")]
    shown: String,
    #[prost(bytes = "vec", tag = "3")]
    context: Vec<u8>,
    /// Arguments of the call, or the expression.
    #[prost(message, repeated, tag = "4")]
    exprs: Vec<PhysicalExprNode>,
}

#[derive(Clone, PartialEq, Message)]
struct VectorJoinNode {
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
    #[prost(uint32, repeated, tag = "6")]
    columns: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct VectorWindowNode {
    #[prost(message, repeated, tag = "1")]
    calls: Vec<WindowCall>,
    #[prost(uint32, repeated, tag = "2")]
    columns: Vec<u32>,
    #[prost(message, optional, tag = "3")]
    schema: Option<protobuf::Schema>,
}

/// Call of a window function over vectors.
#[derive(Clone, PartialEq, Message)]
struct WindowCall {
    #[prost(string, tag = "1")]
    function: String,
    #[prost(bytes = "vec", tag = "2")]
    context: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    args: Vec<PhysicalExprNode>,
}

impl Codec {
    pub fn new(options: AiOptions) -> Self {
        let builtin = all_default_aggregate_functions();
        let semql = semql_udfs::aggregate_functions(&options);
        let functions = builtin.into_iter().chain(semql.into_iter().map(Arc::new));
        Self {
            aggregates: functions
                .map(|function| function.name().to_string())
                .collect(),
            options,
            ballista: BallistaPhysicalExtensionCodec::default(),
        }
    }

    fn encode_infer(&self, infer: &InferExec, encoder: &ExprEncoder<'_>) -> Result<InferNode> {
        let column = |column: &ComputedColumn| match column {
            ComputedColumn::Call(call) => Ok(InferColumn {
                function: call.name().to_string(),
                shown: call.display_name.clone(),
                context: encode_context(&plan_serde::encode_call(call))?,
                exprs: encoder.exprs(&call.args)?,
            }),
            ComputedColumn::Task(task) => plan_err!(
                "{} uses models and attribute sets of this machine only, so a cluster cannot compute it",
                task.display_name
            ),
            ComputedColumn::Plain(expr) => Ok(InferColumn {
                exprs: encoder.exprs(std::slice::from_ref(expr))?,
                ..InferColumn::default()
            }),
        };
        Ok(InferNode {
            columns: infer.columns().iter().map(column).collect::<Result<_>>()?,
            schema: Some(encode_schema(&infer.schema())?),
            gathered: infer.has_single_input(),
        })
    }

    fn decode_infer(
        &self,
        infer: InferNode,
        input: &Arc<dyn ExecutionPlan>,
        decoder: &ExprDecoder<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = input.schema();
        let column = |column: InferColumn| -> Result<ComputedColumn> {
            let mut exprs = decoder.exprs(&column.exprs, &schema)?;
            if column.function.is_empty() {
                let expr = exprs.pop().ok_or_else(|| missing("expression"))?;
                return Ok(ComputedColumn::Plain(expr));
            }
            let context = decode_context(&column.context)?;
            let (name, shown) = (&column.function, column.shown);
            let call = plan_serde::decode_call(name, shown, &context, exprs, &self.options)?;
            Ok(ComputedColumn::Call(Box::new(call)))
        };
        let columns = infer.columns.into_iter().map(column);
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let schema = decode_schema(infer.schema)?;
        let exec = InferExec::try_new(Arc::clone(input), columns, schema)?;
        Ok(Arc::new(exec.with_single_input(infer.gathered)))
    }

    fn encode_join(
        &self,
        join: &VectorJoinExec,
        encoder: &ExprEncoder<'_>,
    ) -> Result<VectorJoinNode> {
        let [left, right] = join.on();
        let (nearest, above) = match join.limit() {
            NeighbourLimit::TopK(most) => (Some(most as u64), None),
            NeighbourLimit::Threshold(least) => (None, Some(least)),
        };
        Ok(VectorJoinNode {
            left: Some(encoder.expr(left)?),
            right: Some(encoder.expr(right)?),
            nearest,
            above,
            schema: Some(encode_schema(&join.schema())?),
            columns: join.columns().iter().map(|at| *at as u32).collect(),
        })
    }

    fn decode_join(
        &self,
        join: VectorJoinNode,
        [left, right]: [&Arc<dyn ExecutionPlan>; 2],
        decoder: &ExprDecoder<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let expr = |expr: Option<PhysicalExprNode>, schema: SchemaRef| {
            let expr = expr.ok_or_else(|| missing("vector"))?;
            decoder.expr(&expr, &schema)
        };
        let on = [
            expr(join.left, left.schema())?,
            expr(join.right, right.schema())?,
        ];
        let limit = match (join.nearest, join.above) {
            (Some(most), _) => NeighbourLimit::TopK(most as usize),
            (None, Some(least)) => NeighbourLimit::Threshold(least),
            (None, None) => {
                return Err(missing("pair selection"));
            }
        };
        let sides = [Arc::clone(left), Arc::clone(right)];
        let schema = decode_schema(join.schema)?;
        let columns = join.columns.iter().map(|at| *at as usize).collect();
        let join = VectorJoinExec::try_new(sides, on, limit, columns, schema)?;
        Ok(Arc::new(join))
    }

    fn encode_window(
        &self,
        window: &VectorWindowExec,
        encoder: &ExprEncoder<'_>,
    ) -> Result<VectorWindowNode> {
        let call = |call: &VectorWindowCall| {
            let mut context = Vec::new();
            self.try_encode_udwf(&call.function, &mut context)?;
            Ok(WindowCall {
                function: call.function.name().to_string(),
                context,
                args: encoder.exprs(&call.args)?,
            })
        };
        Ok(VectorWindowNode {
            calls: window.calls().iter().map(call).collect::<Result<_>>()?,
            columns: window.columns().iter().map(|at| *at as u32).collect(),
            schema: Some(encode_schema(&window.schema())?),
        })
    }

    fn decode_window(
        &self,
        window: VectorWindowNode,
        input: &Arc<dyn ExecutionPlan>,
        decoder: &ExprDecoder<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let call = |call: WindowCall| {
            let function = self.try_decode_udwf(&call.function, &call.context)?;
            let args = decoder.exprs(&call.args, &input.schema())?;
            VectorWindowCall::new(&function, &args).ok_or_else(|| missing("vector"))
        };
        let calls = window.calls.into_iter().map(call);
        let calls = calls.collect::<Result<Vec<_>>>()?;
        let schema = decode_schema(window.schema)?;
        let columns = window.columns.iter().map(|at| *at as usize).collect();
        let window = VectorWindowExec::try_new(Arc::clone(input), calls, columns, schema)?;
        Ok(Arc::new(window))
    }
}

impl PhysicalExtensionCodec for Codec {
    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let encoder = ExprEncoder {
            codec: self,
            converter,
        };
        let kind = if let Some(infer) = node.downcast_ref::<InferExec>() {
            NodeKind::Infer(self.encode_infer(infer, &encoder)?)
        } else if let Some(join) = node.downcast_ref::<VectorJoinExec>() {
            NodeKind::VectorJoin(Box::new(self.encode_join(join, &encoder)?))
        } else if let Some(window) = node.downcast_ref::<VectorWindowExec>() {
            NodeKind::VectorWindow(self.encode_window(window, &encoder)?)
        } else if let Some(scan) = TextScanNode::encode_scan(&node, self, converter)? {
            NodeKind::TextScan(scan)
        } else {
            return self.ballista.try_encode(node, buf, converter);
        };
        buf.extend_from_slice(NODE_PREFIX);
        SemqlNode { kind: Some(kind) }
            .encode(buf)
            .map_err(|error| internal_datafusion_err!("cannot encode a plan: {error}"))
    }

    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(node) = buf.strip_prefix(NODE_PREFIX) else {
            return self.ballista.try_decode(buf, inputs, ctx, converter);
        };
        let node = SemqlNode::decode(node)
            .map_err(|error| internal_datafusion_err!("cannot decode a plan: {error}"))?;
        let decoder = ExprDecoder {
            context: PhysicalPlanDecodeContext::new(ctx, self),
            converter,
        };
        match (node.kind, inputs) {
            (Some(NodeKind::Infer(infer)), [input]) => self.decode_infer(infer, input, &decoder),
            (Some(NodeKind::VectorJoin(join)), [left, right]) => {
                self.decode_join(*join, [left, right], &decoder)
            }
            (Some(NodeKind::VectorWindow(window)), [input]) => {
                self.decode_window(window, input, &decoder)
            }
            (Some(NodeKind::TextScan(scan)), []) => scan.decode_scan(&decoder.context, converter),
            _ => internal_err!(
                "cannot decode a plan: unknown node with {} inputs",
                inputs.len()
            ),
        }
    }

    fn try_encode_udf(&self, function: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        // A function without settings is encoded by name alone.
        if let Some(context) = plan_serde::encode_scalar(function)? {
            buf.extend(encode_context(&context)?);
        }
        Ok(())
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        Ok(Arc::new(plan_serde::decode_scalar(
            name,
            &decode_context(buf)?,
            &self.options,
        )?))
    }

    fn try_encode_udaf(&self, function: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        match plan_serde::encode_aggregate(function) {
            Some(context) => buf.extend(encode_context(&context)?),
            // The other process looks it up by name.
            None if self.aggregates.contains(function.name()) => {}
            None => {
                return plan_err!(
                    "the function {} exists in this process only",
                    function.name()
                );
            }
        }
        Ok(())
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        Ok(Arc::new(plan_serde::decode_aggregate(
            name,
            &decode_context(buf)?,
            &self.options,
        )?))
    }

    fn try_encode_udwf(&self, function: &WindowUDF, buf: &mut Vec<u8>) -> Result<()> {
        if let Some(context) = plan_serde::encode_window(function) {
            buf.extend(encode_context(&context)?);
        }
        Ok(())
    }

    fn try_decode_udwf(&self, name: &str, buf: &[u8]) -> Result<Arc<WindowUDF>> {
        Ok(Arc::new(plan_serde::decode_window(
            name,
            &decode_context(buf)?,
            &self.options,
        )?))
    }
}

/// Encoder of the expressions of a node.
struct ExprEncoder<'a> {
    codec: &'a Codec,
    converter: &'a dyn PhysicalProtoConverterExtension,
}

impl ExprEncoder<'_> {
    fn expr(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<PhysicalExprNode> {
        self.converter.physical_expr_to_proto(expr, self.codec)
    }

    fn exprs(&self, exprs: &[Arc<dyn PhysicalExpr>]) -> Result<Vec<PhysicalExprNode>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }
}

/// Decoder of the expressions of a node.
struct ExprDecoder<'a> {
    context: PhysicalPlanDecodeContext<'a>,
    converter: &'a dyn PhysicalProtoConverterExtension,
}

impl ExprDecoder<'_> {
    fn expr(&self, expr: &PhysicalExprNode, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
        self.converter
            .proto_to_physical_expr(expr, schema, &self.context)
    }

    fn exprs(
        &self,
        exprs: &[PhysicalExprNode],
        schema: &Schema,
    ) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
        exprs.iter().map(|expr| self.expr(expr, schema)).collect()
    }
}

fn encode_context(context: &CallContext) -> Result<Vec<u8>> {
    serde_json::to_vec(context)
        .map_err(|error| internal_datafusion_err!("cannot encode a plan: {error}"))
}

fn decode_context(buf: &[u8]) -> Result<CallContext> {
    serde_json::from_slice(buf)
        .map_err(|error| internal_datafusion_err!("cannot decode a plan: {error}"))
}

fn encode_schema(schema: &SchemaRef) -> Result<protobuf::Schema> {
    Ok(schema.as_ref().try_into()?)
}

fn decode_schema(schema: Option<protobuf::Schema>) -> Result<SchemaRef> {
    let schema = schema.ok_or_else(|| missing("schema"))?;
    let schema: Schema = (&schema).try_into()?;
    Ok(Arc::new(schema))
}

fn missing(what: &str) -> DataFusionError {
    internal_datafusion_err!("cannot decode a plan: a node has no {what}")
}
