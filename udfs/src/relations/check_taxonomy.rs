//! `check_taxonomy([name] [, table])`: what is wrong with a label set.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ident};

use super::columns::{TEXTS, TITLES, called};
use super::node::Tables;
use super::{Arguments, Kind, Operation, Parameter, Relation, Shape, Work};
use crate::inference::{Classifier, Reading, Run, offer, scored};
use crate::learning::kmeans;
use crate::options::AiOptions;
use crate::vector::{dot, normalize};
use crate::words::each_word;

/// Rows of the table that are read.
const SAMPLE: usize = 1_000;

/// Below this score no label claims a row, unless `ai.min_score` says another.
const UNCLAIMED: f32 = 0.25;

/// Two labels that are so near each other compete for a row.
const CLOSE: f32 = 0.03;

/// Groups of rows that no label claims, at most, rows in one at least, and
/// terms that name one.
const GROUPS: usize = 8;
const LEAST_GROUP: usize = 3;
const TERMS: usize = 5;

static SHAPE: Shape = Shape {
    name: "check_taxonomy",
    parameters: &[
        Parameter::optional(
            "taxonomy",
            Kind::Text,
            "the name of a taxonomy; if not given, the one that `ai.taxonomy` names",
        ),
        Parameter::optional(
            "table",
            Kind::Table,
            "a table with a column `title` (or `name`), `text` (or `description`, `body`), or both, of which 1,000 rows are read",
        ),
    ],
    description: "What may be wrong with a taxonomy, a row for each finding. `overlap`: a label and the one that is \
        nearest to it, by their phrases' mean vectors, with the two phrases that are nearest to each other; `rows` of \
        the table for which the two compete. `phrase`: a phrase that without itself would be given to another label, \
        which it is likely to steal from; `rows` that it decides. `unclaimed`: rows of the table that no label fits, in \
        groups that their most telling words name; the score is the mean of their best one.",
    example: "SELECT * FROM check_taxonomy('product_category', products)",
};

#[derive(Debug)]
pub struct CheckTaxonomy;

impl Relation for CheckTaxonomy {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn plan(&self, mut arguments: Arguments, options: &AiOptions) -> Result<LogicalPlan> {
        let taxonomy = arguments
            .text("taxonomy")
            .unwrap_or(&options.settings.taxonomy);
        let mut options = options.clone();
        options.settings.taxonomy = taxonomy.to_string();
        options.runtime.taxonomy(taxonomy)?;
        let AiOptions {
            settings, runtime, ..
        } = &options;
        runtime.facts_with_cancel(settings, &options.cancel)?;
        let input = arguments.table("table").map(sample).transpose()?;
        let schema = Arc::new(Schema::new(vec![
            Field::new("finding", DataType::Utf8, false),
            Field::new("label", DataType::Utf8, true),
            Field::new("other", DataType::Utf8, true),
            Field::new("what", DataType::Utf8, false),
            Field::new("score", DataType::Float32, false),
            Field::new("rows", DataType::Int64, true),
        ]));
        Tables::plan(
            Arc::new(Check { options }),
            input.into_iter().collect(),
            &schema,
        )
    }
}

/// The first rows' titles and texts, whichever there are.
fn sample(table: LogicalPlan) -> Result<LogicalPlan> {
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
        .limit(0, Some(SAMPLE))?
        .build()
}

/// Examines the taxonomy that the settings name.
#[derive(Debug)]
struct Check {
    options: AiOptions,
}

/// One row of the answer.
struct Finding {
    finding: &'static str,
    label: Option<String>,
    other: Option<String>,
    what: String,
    score: f32,
    rows: Option<i64>,
}

/// A row of the table.
struct Offer {
    title: Option<String>,
    text: Option<String>,
    vector: Vec<f32>,
    /// Labels and their scores, best first.
    scores: Vec<(usize, f32)>,
}

impl Operation for Check {
    fn name(&self) -> &'static str {
        SHAPE.name
    }

    fn shown(&self) -> String {
        format!("'{}'", self.options.settings.taxonomy)
    }

    fn run(&self, inputs: Vec<RecordBatch>, work: &Work) -> Result<Vec<RecordBatch>> {
        let AiOptions {
            settings, runtime, ..
        } = &self.options;
        let encoder = runtime.encoder_with_cancel(settings, work.cancel_token())?;
        let run = Run::new(runtime, settings)?.with_cancel(work.cancel_token());
        let taxonomy = runtime.taxonomy(&settings.taxonomy)?;
        let classifier = Classifier::new(&taxonomy, &encoder, &run)?;
        let mut offers = None;
        if let Some(table) = inputs.first() {
            let texts = texts(table)?;
            let readings: Vec<Reading<'_>> = texts
                .iter()
                .flat_map(|(title, text)| offer::readings(title.as_deref(), text.as_deref()))
                .collect();
            let vectors = encoder.encode(&readings, &run)?;
            work.check()?;
            let read =
                |at: usize| [0, 1].map(|reading| vectors.get(at * offer::READINGS + reading));
            let offers_of = texts.iter().enumerate().filter_map(|(at, (title, text))| {
                let (head, rest) = (title.as_deref(), text.as_deref());
                let vector = offer::vector(head, rest, read(at))?;
                let scores = scored(&classifier.scores(&vector, offer::head(head, rest)));
                Some(Offer {
                    title: title.clone(),
                    text: text.clone(),
                    vector,
                    scores,
                })
            });
            offers = Some(offers_of.collect::<Vec<_>>());
        }
        let least = settings
            .min_score
            .map_or(UNCLAIMED, |least| least.get() as f32);
        let mut findings = overlaps(&classifier, offers.as_deref());
        findings.extend(phrases(&classifier, offers.as_deref()));
        if let Some(offers) = &offers {
            findings.extend(unclaimed(offers, least, settings.seed, work)?);
        }
        Ok(vec![batch(&findings, work)?])
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

/// For each label the nearest other one.
fn overlaps(classifier: &Classifier, offers: Option<&[Offer]>) -> Vec<Finding> {
    let labels = classifier.labels.len();
    let mut means: Vec<Vec<f32>> = vec![Vec::new(); labels];
    for at in 0..classifier.phrases() {
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
            let competing = offers.map(|offers| {
                let of_both = offers.iter().filter(|offer| competes(offer, label, other));
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

/// Whether the two are the best of the row, one close behind the other.
fn competes(offer: &Offer, label: usize, other: usize) -> bool {
    let [first, second, ..] = offer.scores.as_slice() else {
        return false;
    };
    let best = [first.0, second.0];
    best.contains(&label) && best.contains(&other) && first.1 - second.1 < CLOSE
}

fn nearest_phrases(classifier: &Classifier, label: usize, other: usize) -> String {
    let of = |label: usize| {
        let all = (0..classifier.phrases()).map(|at| classifier.phrase(at));
        all.filter(move |(of, ..)| *of == label)
    };
    let pairs = of(label).flat_map(|a| of(other).map(move |b| (dot(a.2, b.2), a.1, b.1)));
    let nearest = pairs.max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or(String::new(), |(_, a, b)| format!("{a} ~ {b}"))
}

/// Phrases that would be given to another label, the surest first.
fn phrases(classifier: &Classifier, offers: Option<&[Offer]>) -> Vec<Finding> {
    let mut found: Vec<(usize, Finding)> = (0..classifier.phrases())
        .filter_map(|at| {
            let (label, text, vector) = classifier.phrase(at);
            let scores = classifier.scores_without(at, vector, None);
            let (other, score) = *scored(&scores).first()?;
            let stolen = other != label && score.is_finite();
            stolen.then(|| {
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
    if let Some(offers) = offers {
        for (at, finding) in &mut found {
            let label = classifier.phrase(*at).0;
            let decided = offers.iter().filter(|offer| {
                let own = offer.scores.first().is_some_and(|best| best.0 == label);
                own && {
                    let head = offer::head(offer.title.as_deref(), offer.text.as_deref());
                    let without = classifier.scores_without(*at, &offer.vector, head);
                    scored(&without).first().is_some_and(|best| best.0 != label)
                }
            });
            finding.rows = Some(decided.count() as i64);
        }
    }
    found.into_iter().map(|(_, finding)| finding).collect()
}

/// The rows that no label fits, in groups.
fn unclaimed(offers: &[Offer], least: f32, seed: u64, work: &Work) -> Result<Vec<Finding>> {
    let best = |offer: &Offer| offer.scores.first().map_or(0.0, |best| best.1);
    let rows: Vec<&Offer> = offers.iter().filter(|offer| best(offer) < least).collect();
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let vectors: Vec<f32> = rows.iter().flat_map(|row| &row.vector).copied().collect();
    let wanted = (rows.len() / LEAST_GROUP).clamp(1, GROUPS);
    let groups = kmeans(&vectors, first.vector.len(), wanted, seed, &|| {
        work.is_stopped()
    });
    let Some(groups) = groups else {
        return Err(crate::error::Error::Interrupted.into());
    };
    let mut members: Vec<Vec<&Offer>> = vec![Vec::new(); wanted];
    for (row, group) in rows.iter().zip(&groups.of_rows) {
        members[*group as usize].push(row);
    }
    members.retain(|group| !group.is_empty());
    members.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let rows_with = rows_with(offers.iter());
    let finding = |group: &Vec<&Offer>| Finding {
        finding: "unclaimed",
        label: None,
        other: None,
        what: terms(group, &rows_with, offers.len()),
        score: group.iter().map(|offer| best(offer)).sum::<f32>() / group.len() as f32,
        rows: Some(group.len() as i64),
    };
    Ok(members.iter().map(finding).collect())
}

/// In how many of the rows each word is.
fn rows_with<'a>(offers: impl Iterator<Item = &'a Offer>) -> HashMap<String, usize> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut buffer = String::new();
    for offer in offers {
        let mut words = Vec::new();
        for text in [&offer.title, &offer.text].into_iter().flatten() {
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

/// The words that are in more of the group's rows than of all others.
fn terms(group: &[&Offer], all: &HashMap<String, usize>, rows: usize) -> String {
    let own = rows_with(group.iter().copied());
    let mut weighed: Vec<(f32, &String)> = own
        .iter()
        .map(|(word, count)| {
            let rarity = rows as f32 / all.get(word).copied().unwrap_or(1) as f32;
            (*count as f32 * rarity.ln(), word)
        })
        .collect();
    weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let words = weighed.iter().take(TERMS).map(|(_, word)| word.as_str());
    words.collect::<Vec<_>>().join(", ")
}

fn batch(findings: &[Finding], work: &Work) -> Result<RecordBatch> {
    let text = |get: fn(&Finding) -> Option<&str>| -> ArrayRef {
        Arc::new(findings.iter().map(get).collect::<StringArray>())
    };
    let scores: Float32Array = findings.iter().map(|finding| Some(finding.score)).collect();
    let rows: Int64Array = findings.iter().map(|finding| finding.rows).collect();
    Ok(RecordBatch::try_new(
        Arc::clone(&work.schema),
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
