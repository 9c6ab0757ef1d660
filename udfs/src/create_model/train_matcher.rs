//! Trains a matcher on labelled pairs, the rows of a query.

use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use semql_learning::matching::{
    LabelledPairs, LabelledPairsBuilder, LabelledProduct, MatcherInput, TrainedMatcher,
    train_matcher as train,
};
use semql_learning::text_classifier::{FeatureSet, RowVectorizer};

use super::pair_columns::PairColumns;
use super::training_context::TrainingContext;
use crate::blocking::blocking;
use crate::error::{Error, to_datafusion};

/// Trains a matcher on `rows`, whose column `label` is true for pairs of one product.
///
/// # Errors
/// Missing columns, rows that do not fit into the memory pool, too few pairs of either
/// label, those of the encoder; [`Error::Interrupted`] once the query is cancelled.
pub async fn train_matcher(
    context: &TrainingContext<'_>,
    label: &str,
    rows: SendableRecordBatchStream,
) -> Result<TrainedMatcher> {
    let columns = PairColumns::of(&rows.schema(), label).map_err(to_datafusion)?;
    let mut pairs = LabelledPairsBuilder::default();
    context
        .read_rows(rows, |batch| columns.add(batch, &mut pairs))
        .await?;
    blocking(|| fit(context, &pairs.finish(), columns.parts()))
}

fn fit(
    context: &TrainingContext<'_>,
    labelled: &LabelledPairs,
    columns: Vec<String>,
) -> Result<TrainedMatcher> {
    let inference = context.options.inference();
    let products = labelled.products.iter();
    let headlines: Vec<Vec<Option<&str>>> = products
        .map(LabelledProduct::record)
        .map(|record| vec![record.headline()])
        .collect();
    let texts = headlines.iter().flatten().flatten().copied();
    let vectorizer = RowVectorizer::for_training(FeatureSet::Embeddings, &inference, 1, texts);
    let Some(vectorizer) = vectorizer.map_err(to_datafusion)? else {
        return Err(to_datafusion(Error::Setup(
            "a matcher compares the vectors of titles, and the model of `ai.model` gives none; set another".to_string(),
        )));
    };
    let dims = vectorizer.block();
    // As computed, and as they are compared.
    let bytes = 2 * size_of::<f32>() * dims * headlines.len();
    context.memory.try_grow(bytes).map_err(|e| {
        e.context(
            "the vectors of the products do not fit into memory; train on a sample of the pairs",
        )
    })?;
    let vectors = vectorizer.vectors(&headlines, &inference);
    let vectors = vectors.map_err(to_datafusion)?;
    let input = MatcherInput {
        name: context.name,
        columns,
        encoder: vectorizer.source.model.clone(),
        revision: vectorizer.source.revision.clone(),
        vectors: &vectors,
        dims,
    };
    train(labelled, input, &context.progress).map_err(to_datafusion)
}
