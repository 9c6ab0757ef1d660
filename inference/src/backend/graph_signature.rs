//! Inputs and outputs of encoder graphs, and one run of a graph.

use std::borrow::Cow;
use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;

use super::messages::first_line;
use super::{PublishedHead, TokenBatch};
use crate::error::{Error, Result};
use crate::vector::normalize;

/// Names of outputs with one vector per text.
const TEXT_OUTPUTS: &[&str] = &["embedding", "sentence_embedding", "sentence_embeddings"];

/// Names of outputs with one vector per token.
const TOKEN_OUTPUTS: &[&str] = &["token_embeddings", "last_hidden_state"];

/// Inputs and output of a graph.
pub(super) struct GraphSignature {
    inputs: Vec<GraphInput>,
    output: String,
    first_position: i64,
    needs_token_vectors: bool,
}

/// A session of an encoder, with that of its head.
pub(super) struct EncoderSession {
    pub(super) graph: Session,
    /// From token vectors to the vectors of texts; `None` where the graph has it.
    pub(super) head: Option<Session>,
}

#[derive(Clone, Copy, PartialEq)]
enum GraphInput {
    Ids,
    Mask,
    TokenTypes,
    Positions,
}

const INPUTS: &[(&str, GraphInput)] = &[
    ("input_ids", GraphInput::Ids),
    ("attention_mask", GraphInput::Mask),
    ("token_type_ids", GraphInput::TokenTypes),
    ("position_ids", GraphInput::Positions),
];

fn inputs(session: &Session, graph: &Path) -> Result<Vec<GraphInput>> {
    let names: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
    let known: Option<Vec<GraphInput>> = names
        .iter()
        .map(|name| {
            INPUTS
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, input)| *input)
        })
        .collect();
    match known {
        Some(inputs) if inputs.contains(&GraphInput::Ids) => Ok(inputs),
        _ => Err(Error::Setup(format!(
            "{} is not a text encoder: its inputs are {}, and an encoder has input_ids and attention_mask, \
             and optionally token_type_ids and position_ids",
            graph.display(),
            names.join(", ")
        ))),
    }
}

/// The first of `wanted` that the graph has.
fn named_output(names: &[&str], wanted: &[&str]) -> Option<String> {
    let name = wanted.iter().find(|wanted| names.contains(wanted));
    name.map(|name| name.to_string())
}

fn output(session: &Session, graph: &Path, head: Option<&PublishedHead>) -> Result<String> {
    let names: Vec<&str> = session
        .outputs()
        .iter()
        .map(|output| output.name())
        .collect();
    let tokens = || named_output(&names, TOKEN_OUTPUTS);
    let texts = || named_output(&names, TEXT_OUTPUTS);
    let found = match head {
        None => texts(),
        Some(head) if head.required => tokens(),
        Some(head) if head.prefer_token_vectors => tokens().or_else(texts),
        Some(_) => texts().or_else(tokens),
    };
    found
        .or_else(|| (names.len() == 1).then(|| names[0].to_string()))
        .ok_or_else(|| {
            Error::Setup(format!(
                "{} has the outputs {}, and semql needs one of {}",
                graph.display(),
                names.join(", "),
                [TOKEN_OUTPUTS, TEXT_OUTPUTS].concat().join(", ")
            ))
        })
}

impl GraphSignature {
    /// The signature of `session`, a session of `graph`.
    ///
    /// # Errors
    /// [`Error::Setup`] for unknown inputs or outputs.
    pub(super) fn new(
        session: &Session,
        graph: &Path,
        head: Option<&PublishedHead>,
    ) -> Result<Self> {
        Ok(Self {
            inputs: inputs(session, graph)?,
            output: output(session, graph, head)?,
            first_position: head.map_or(0, |head| head.first_position),
            needs_token_vectors: head.is_some_and(|head| head.required),
        })
    }

    /// Runs `batch` in `session` and appends its vectors.
    pub(super) fn run(
        &self,
        session: &mut EncoderSession,
        batch: &TokenBatch,
        dims: usize,
        vectors: &mut Vec<f32>,
    ) -> Result<()> {
        let shape = [batch.rows as i64, batch.width as i64];
        let zeros = if self.inputs.contains(&GraphInput::TokenTypes) {
            vec![0; batch.ids.len()]
        } else {
            Vec::new()
        };
        let positions: Vec<i64> = if self.inputs.contains(&GraphInput::Positions) {
            (0..batch.rows)
                .flat_map(|_| 0..batch.width as i64)
                .map(|position| position + self.first_position)
                .collect()
        } else {
            Vec::new()
        };
        let mut bindings: Vec<(&str, ort::session::SessionInputValue<'_>)> =
            Vec::with_capacity(self.inputs.len());
        for (name, input) in INPUTS
            .iter()
            .filter(|(_, input)| self.inputs.contains(input))
        {
            let data: &[i64] = match input {
                GraphInput::Ids => &batch.ids,
                GraphInput::Mask => &batch.mask,
                GraphInput::TokenTypes => &zeros,
                GraphInput::Positions => &positions,
            };
            bindings.push((
                name,
                TensorRef::from_array_view((shape, data))
                    .map_err(failed)?
                    .into(),
            ));
        }
        let outputs = session.graph.run(bindings).map_err(failed)?;
        let (output, data) = floats(&outputs[self.output.as_str()])?;
        let start = vectors.len();
        match (output[..].as_ref(), &mut session.head) {
            ([rows, width], _)
                if !self.needs_token_vectors && (*rows, *width) == (shape[0], dims as i64) =>
            {
                vectors.extend_from_slice(&data);
            }
            ([rows, tokens, hidden], Some(head)) if [*rows, *tokens] == shape => {
                let tokens = [*rows, *tokens, *hidden];
                pool(head, tokens, &data, batch, dims, vectors)?;
            }
            (other, _) => {
                return Err(Error::Setup(format!(
                    "the graph returned a tensor of shape {other:?} instead of {} rows of {dims} values \
                     or of the vectors of {} tokens; \
                     config.json, modules.json and the graph are of different models",
                    batch.rows, batch.width
                )));
            }
        }
        vectors[start..].chunks_exact_mut(dims).for_each(normalize);
        Ok(())
    }
}

/// Runs the head over token vectors.
fn pool(
    head: &mut Session,
    shape: [i64; 3],
    tokens: &[f32],
    batch: &TokenBatch,
    dims: usize,
    vectors: &mut Vec<f32>,
) -> Result<()> {
    let tokens = TensorRef::from_array_view((shape, tokens)).map_err(failed)?;
    let mask = TensorRef::from_array_view(([shape[0], shape[1]], batch.mask.as_slice()));
    let mask = mask.map_err(failed)?;
    let outputs = head
        .run(ort::inputs!["token_embeddings" => tokens, "attention_mask" => mask])
        .map_err(failed)?;
    let (_, data) = floats(&outputs["embedding"])?;
    if data.len() != batch.rows * dims {
        return Err(Error::Setup(
            "the token vectors of the graph have another size than config.json says".to_string(),
        ));
    }
    vectors.extend_from_slice(&data);
    Ok(())
}

/// Shape and values of a tensor of 32-bit or 16-bit floats.
fn floats<'a>(value: &'a ort::value::DynValue) -> Result<(Vec<i64>, Cow<'a, [f32]>)> {
    if let Ok((shape, halves)) = value.try_extract_tensor::<half::f16>() {
        let data = halves.iter().map(|half| half.to_f32()).collect();
        return Ok((shape.to_vec(), Cow::Owned(data)));
    }
    let (shape, data) = value.try_extract_tensor::<f32>().map_err(failed)?;
    Ok((shape.to_vec(), Cow::Borrowed(data)))
}

/// Not a set-up error: the device may be out of memory, and a smaller batch may fit.
fn failed(error: ort::Error) -> Error {
    Error::Failed(format!(
        "inference failed: {}",
        first_line(&error.to_string())
    ))
}
