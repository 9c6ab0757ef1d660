//! `check_taxonomy([taxonomy] [, table])`: possible faults of a taxonomy.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ident};

use super::arguments::RelationArguments;
use super::columns::{TEXTS, TITLES, called};
use super::exec::{OperationContext, TableOperation};
use super::node::TableOperationNode;
use super::relation::Relation;
use super::signature::{Parameter, ParameterKind, RelationSignature};
use crate::error::to_datafusion;
use crate::options::AiOptions;
use semql_inference::classifier::{Classifier, rank_labels};
use semql_inference::encoding::{ModelInput, product_text};
use semql_inference::vector::{dot, normalize};
use semql_learning::kmeans;
use semql_learning::words::each_word;

/// Rows of the table that are read.
const MAX_ROWS: usize = 1_000;

/// Score below which no label claims a row, unless `ai.min_score` is set.
const DEFAULT_MIN_SCORE: f32 = 0.25;

/// Difference of scores within which two labels compete for a row.
const COMPETING_MARGIN: f32 = 0.03;

/// Maximum number of groups of unclaimed rows, mean rows of a group, and terms that
/// describe one.
const MAX_GROUPS: usize = 8;
const ROWS_PER_GROUP: usize = 3;
const TERMS_PER_GROUP: usize = 5;

static SIGNATURE: RelationSignature = RelationSignature {
    name: "check_taxonomy",
    parameters: &[
        Parameter::optional(
            "taxonomy",
            ParameterKind::Text,
            "the name of a taxonomy; if not given, the one that `ai.taxonomy` names",
        ),
        Parameter::optional(
            "table",
            ParameterKind::Table,
            "a table with a column `title` (or `name`), `text` (or `description`, `body`), or both, of which 1,000 rows are read",
        ),
    ],
    description: "Possible faults of a taxonomy, a row for each. `overlap`: a label and its nearest other label, \
        by the mean vectors of their phrases, with the two nearest phrases; `rows` of the table for \
        which the two compete. `phrase`: a phrase that is nearer to another label than to the other \
        phrases of its label, and so attracts rows of the other label; `rows` that it decides. \
        `unclaimed`: rows of the table that no label fits, in groups described by their most \
        distinctive words; the score is the mean of their best scores.",
    example: "SELECT * FROM check_taxonomy('product_category', products)",
};

#[derive(Debug)]
pub struct CheckTaxonomy;

impl Relation for CheckTaxonomy {
    fn signature(&self) -> &'static RelationSignature {
        &SIGNATURE
    }

    fn plan(&self, mut arguments: RelationArguments, options: &AiOptions) -> Result<LogicalPlan> {
        let taxonomy = arguments
            .text("taxonomy")
            .unwrap_or(&options.settings.taxonomy);
        let mut options = options.clone();
        options.settings.taxonomy = taxonomy.to_string();
        options.runtime.taxonomy(taxonomy).map_err(to_datafusion)?;
        let AiOptions {
            settings, runtime, ..
        } = &options;
        runtime
            .facts_with_cancel(settings, &options.cancel)
            .map_err(to_datafusion)?;
        let input = arguments.table("table").map(first_rows).transpose()?;
        let schema = Arc::new(Schema::new(vec![
            Field::new("finding", DataType::Utf8, false),
            Field::new("label", DataType::Utf8, true),
            Field::new("other", DataType::Utf8, true),
            Field::new("what", DataType::Utf8, false),
            Field::new("score", DataType::Float32, false),
            Field::new("rows", DataType::Int64, true),
        ]));
        TableOperationNode::plan(
            Arc::new(TaxonomyCheck { options }),
            input.into_iter().collect(),
            &schema,
        )
    }
}

/// Titles and texts, as far as the table has them, of its first rows.
fn first_rows(table: LogicalPlan) -> Result<LogicalPlan> {
    let (title, text) = (called(&table, TITLES), called(&table, TEXTS));
    let found = [(title, "title"), (text, "text")].into_iter();
    let found: Vec<_> = found
        .filter_map(|(column, name)| Some(ident(column?).alias(name)))
        .collect();
    if found.is_empty() {
        let names = table.schema().field_names().join(", ");
        return plan_err!(
            "check_taxonomy reads a column title (or name), text (or description, body), or both, and the table has {names}; \
             name them in a query: check_taxonomy('...', (SELECT a AS title, b AS text FROM ...))"
        );
    }
    LogicalPlanBuilder::from(table)
        .project(found)?
        .limit(0, Some(MAX_ROWS))?
        .build()
}

/// Examines the taxonomy that the settings name.
#[derive(Debug)]
struct TaxonomyCheck {
    options: AiOptions,
}

/// One row of the result.
struct Finding {
    finding: &'static str,
    label: Option<String>,
    other: Option<String>,
    what: String,
    score: f32,
    rows: Option<i64>,
}

/// A row of the table with its vector and scores.
struct ScoredRow {
    title: Option<String>,
    text: Option<String>,
    vector: Vec<f32>,
    /// Labels and their scores, best first.
    scores: Vec<(usize, f32)>,
}

impl TableOperation for TaxonomyCheck {
    fn name(&self) -> &'static str {
        SIGNATURE.name
    }

    fn display_arguments(&self) -> String {
        format!("'{}'", self.options.settings.taxonomy)
    }

    fn run(
        &self,
        inputs: Vec<RecordBatch>,
        context: &OperationContext,
    ) -> Result<Vec<RecordBatch>> {
        let AiOptions {
            settings, runtime, ..
        } = &self.options;
        let encoder = runtime
            .encoder_with_cancel(settings, context.cancel_token())
            .map_err(to_datafusion)?;
        let run = runtime
            .encode_context(settings)
            .map_err(to_datafusion)?
            .with_cancel(context.cancel_token());
        let taxonomy = runtime
            .taxonomy(&settings.taxonomy)
            .map_err(to_datafusion)?;
        let classifier = Classifier::new(&taxonomy, &encoder, &run).map_err(to_datafusion)?;
        let mut scored_rows = None;
        if let Some(table) = inputs.first() {
            let texts = texts(table)?;
            let readings: Vec<ModelInput<'_>> = texts
                .iter()
                .flat_map(|(title, text)| product_text::inputs(title.as_deref(), text.as_deref()))
                .collect();
            let vectors = encoder.encode(&readings, &run).map_err(to_datafusion)?;
            context.check()?;
            let read =
                |at: usize| [0, 1].map(|reading| vectors.get(at * product_text::INPUTS + reading));
            let rows_of = texts.iter().enumerate().filter_map(|(at, (title, text))| {
                let (head, rest) = (title.as_deref(), text.as_deref());
                let vector = product_text::vector(head, rest, read(at))?;
                let scores =
                    rank_labels(&classifier.scores(&vector, product_text::head(head, rest)));
                Some(ScoredRow {
                    title: title.clone(),
                    text: text.clone(),
                    vector,
                    scores,
                })
            });
            scored_rows = Some(rows_of.collect::<Vec<_>>());
        }
        let min_score = settings
            .min_score
            .map_or(DEFAULT_MIN_SCORE, |min_score| min_score.get() as f32);
        let mut findings = overlaps(&classifier, scored_rows.as_deref());
        findings.extend(phrases(&classifier, scored_rows.as_deref()));
        if let Some(scored_rows) = &scored_rows {
            findings.extend(unclaimed(scored_rows, min_score, settings.seed, context)?);
        }
        Ok(vec![batch(&findings, context)?])
    }
}

fn texts(table: &RecordBatch) -> Result<Vec<(Option<String>, Option<String>)>> {
    let column = |name: &str| -> Result<Vec<Option<String>>> {
        let Some(column) = table.column_by_name(name) else {
            return Ok(vec![None; table.num_rows()]);
        };
        let column = cast(column, &DataType::Utf8)?;
        let texts = column.as_string::<i32>().iter();
        let texts = texts.map(|text| text.filter(|text| !text.trim().is_empty()));
        Ok(texts.map(|text| text.map(str::to_string)).collect())
    };
    Ok(column("title")?.into_iter().zip(column("text")?).collect())
}

/// The nearest other label of each label.
fn overlaps(classifier: &Classifier, scored_rows: Option<&[ScoredRow]>) -> Vec<Finding> {
    let labels = classifier.labels.len();
    let mut means: Vec<Vec<f32>> = vec![Vec::new(); labels];
    for at in 0..classifier.phrase_count() {
        let (label, _, vector) = classifier.phrase(at);
        means[label].resize(vector.len(), 0.0);
        means[label]
            .iter_mut()
            .zip(vector)
            .for_each(|(m, v)| *m += v);
    }
    means.iter_mut().for_each(|mean| normalize(mean));
    let mut found: Vec<Finding> = (0..labels)
        .filter_map(|label| {
            let others = (0..labels).filter(|other| *other != label);
            let near = others.map(|other| (other, dot(&means[label], &means[other])));
            let (other, score) = near.max_by(|a, b| a.1.total_cmp(&b.1))?;
            let competing = scored_rows.map(|scored_rows| {
                let of_both = scored_rows.iter().filter(|row| competes(row, label, other));
                of_both.count() as i64
            });
            Some(Finding {
                finding: "overlap",
                label: Some(classifier.labels[label].clone()),
                other: Some(classifier.labels[other].clone()),
                what: nearest_phrases(classifier, label, other),
                score,
                rows: competing,
            })
        })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

/// Whether the two labels are the best of the row, with close scores.
fn competes(row: &ScoredRow, label: usize, other: usize) -> bool {
    let [first, second, ..] = row.scores.as_slice() else {
        return false;
    };
    let best = [first.0, second.0];
    best.contains(&label) && best.contains(&other) && first.1 - second.1 < COMPETING_MARGIN
}

fn nearest_phrases(classifier: &Classifier, label: usize, other: usize) -> String {
    let of = |label: usize| {
        let all = (0..classifier.phrase_count()).map(|at| classifier.phrase(at));
        all.filter(move |(of, ..)| *of == label)
    };
    let pairs = of(label).flat_map(|a| of(other).map(move |b| (dot(a.2, b.2), a.1, b.1)));
    let nearest = pairs.max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or(String::new(), |(_, a, b)| format!("{a} ~ {b}"))
}

/// Phrases that are nearer to another label than to the rest of their own, the most certain
/// first.
fn phrases(classifier: &Classifier, scored_rows: Option<&[ScoredRow]>) -> Vec<Finding> {
    let mut found: Vec<(usize, Finding)> = (0..classifier.phrase_count())
        .filter_map(|at| {
            let (label, text, vector) = classifier.phrase(at);
            let scores = classifier.scores_without(at, vector, None);
            let (other, score) = *rank_labels(&scores).first()?;
            let is_nearer = other != label && score.is_finite();
            is_nearer.then(|| {
                let finding = Finding {
                    finding: "phrase",
                    label: Some(classifier.labels[label].clone()),
                    other: Some(classifier.labels[other].clone()),
                    what: text.to_string(),
                    score: score - scores[label].max(-1.0),
                    rows: None,
                };
                (at, finding)
            })
        })
        .collect();
    found.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    if let Some(scored_rows) = scored_rows {
        for (at, finding) in &mut found {
            let label = classifier.phrase(*at).0;
            let decided = scored_rows.iter().filter(|row| {
                let own = row.scores.first().is_some_and(|best| best.0 == label);
                own && {
                    let head = product_text::head(row.title.as_deref(), row.text.as_deref());
                    let without = classifier.scores_without(*at, &row.vector, head);
                    rank_labels(&without)
                        .first()
                        .is_some_and(|best| best.0 != label)
                }
            });
            finding.rows = Some(decided.count() as i64);
        }
    }
    found.into_iter().map(|(_, finding)| finding).collect()
}

/// Groups of rows that no label fits.
fn unclaimed(
    scored_rows: &[ScoredRow],
    min_score: f32,
    seed: u64,
    context: &OperationContext,
) -> Result<Vec<Finding>> {
    let best = |row: &ScoredRow| row.scores.first().map_or(0.0, |best| best.1);
    let rows: Vec<&ScoredRow> = scored_rows
        .iter()
        .filter(|row| best(row) < min_score)
        .collect();
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let vectors: Vec<f32> = rows.iter().flat_map(|row| &row.vector).copied().collect();
    let count = (rows.len() / ROWS_PER_GROUP).clamp(1, MAX_GROUPS);
    let groups = kmeans(&vectors, first.vector.len(), count, seed, &|| {
        context.is_cancelled()
    });
    let Some(groups) = groups else {
        return Err(to_datafusion(crate::error::Error::Interrupted));
    };
    let mut members: Vec<Vec<&ScoredRow>> = vec![Vec::new(); count];
    for (row, group) in rows.iter().zip(&groups.assignments) {
        members[*group as usize].push(row);
    }
    members.retain(|group| !group.is_empty());
    members.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let rows_with = rows_with(scored_rows.iter());
    let finding = |group: &Vec<&ScoredRow>| Finding {
        finding: "unclaimed",
        label: None,
        other: None,
        what: terms(group, &rows_with, scored_rows.len()),
        score: group.iter().map(|row| best(row)).sum::<f32>() / group.len() as f32,
        rows: Some(group.len() as i64),
    };
    Ok(members.iter().map(finding).collect())
}

/// The number of rows with each word.
fn rows_with<'a>(scored_rows: impl Iterator<Item = &'a ScoredRow>) -> HashMap<String, usize> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut buffer = String::new();
    for row in scored_rows {
        let mut words = Vec::new();
        for text in [&row.title, &row.text].into_iter().flatten() {
            each_word(text, &mut buffer, |word| {
                if word.chars().count() > 2 && !word.chars().any(|c| c.is_ascii_digit()) {
                    words.push(word.to_string());
                }
            });
        }
        words.sort_unstable();
        words.dedup();
        for word in words {
            *counts.entry(word).or_default() += 1;
        }
    }
    counts
}

/// The words that distinguish the group from all rows.
fn terms(group: &[&ScoredRow], all: &HashMap<String, usize>, rows: usize) -> String {
    let own = rows_with(group.iter().copied());
    let mut weighed: Vec<(f32, &String)> = own
        .iter()
        .map(|(word, count)| {
            let rarity = rows as f32 / all.get(word).copied().unwrap_or(1) as f32;
            (*count as f32 * rarity.ln(), word)
        })
        .collect();
    weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let words = weighed
        .iter()
        .take(TERMS_PER_GROUP)
        .map(|(_, word)| word.as_str());
    words.collect::<Vec<_>>().join(", ")
}

fn batch(findings: &[Finding], context: &OperationContext) -> Result<RecordBatch> {
    let text = |get: fn(&Finding) -> Option<&str>| -> ArrayRef {
        Arc::new(findings.iter().map(get).collect::<StringArray>())
    };
    let scores: Float32Array = findings.iter().map(|finding| Some(finding.score)).collect();
    let rows: Int64Array = findings.iter().map(|finding| finding.rows).collect();
    Ok(RecordBatch::try_new(
        Arc::clone(&context.schema),
        vec![
            text(|finding| Some(finding.finding)),
            text(|finding| finding.label.as_deref()),
            text(|finding| finding.other.as_deref()),
            text(|finding| Some(&finding.what)),
            Arc::new(scores),
            Arc::new(rows),
        ],
    )?)
}
