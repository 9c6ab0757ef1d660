//! Activation functions in standard operators.

use super::builder::GraphBuilder;
use super::proto::AttributeProto;
use crate::models::activation::Activation;

/// Adds `activation` over `x`.
pub(super) fn activate(graph: &mut GraphBuilder, x: &str, activation: Activation) -> String {
    match activation {
        Activation::Identity => x.to_string(),
        Activation::Tanh => graph.op("Tanh", &[x], &[]),
        Activation::Relu => graph.op("Relu", &[x], &[]),
        Activation::Sigmoid => graph.op("Sigmoid", &[x], &[]),
        Activation::Gelu => graph.op("Gelu", &[x], &[]),
        Activation::GeluTanh => {
            let tanh = AttributeProto::text("approximate", "tanh");
            graph.op("Gelu", &[x], &[tanh])
        }
        Activation::Silu => {
            let gate = graph.op("Sigmoid", &[x], &[]);
            graph.op("Mul", &[x, &gate], &[])
        }
    }
}
