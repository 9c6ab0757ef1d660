//! Attributes of texts.

use std::collections::{BTreeMap, HashMap, HashSet};

use semql_inference::progress::ProgressSink;
use semql_inference::{Error, Result};

use super::candidate::{AttributeCandidate, DiscoveredKind, ValueRule};
use super::codes::codes;
use super::counted_words::counted_words;
use super::cues::cues;
use super::definition::definition_yaml;
use super::known_values::KnownValues;
use super::leading_names::leading_names;
use super::measures::measures;
use super::row_groups::{RowGroup, category_groups, cluster_groups};
use super::set_names::set_name;
use super::slot_similarity::slot_phrases;
use super::tokenized_rows::TokenizedRows;
use super::value_sets::{ValueSet, known_sets, merge_sets, value_sets};
use crate::extraction::SourceTexts;
use crate::extraction::rules::AttributeSet;

/// Minimum number of rows with an attribute, and share of the rows of its category.
const MIN_ROWS: usize = 5;
const MIN_COVERAGE: f64 = 0.01;

/// Share of an attribute's rows in one category from which it belongs to the category.
const MIN_CATEGORY_SHARE: f64 = 0.8;

/// Maximum number of attributes, and of example values of each.
const MAX_ATTRIBUTES: usize = 100;
const MAX_EXAMPLES: usize = 20;

/// Texts to examine.
#[derive(Clone, Debug, Default)]
pub struct DiscoverySource<'a> {
    /// By row: its texts, the title first.
    pub rows: Vec<SourceTexts<'a>>,
    /// By row: its category. Without, rows are clustered.
    pub categories: Option<Vec<Option<&'a str>>>,
}

/// Options of [`discover_attributes`].
#[derive(Clone, Debug, Default)]
pub struct DiscoveryOptions {
    /// Number of clusters of rows without categories; `None` chooses one. 1 is no clusters.
    pub clusters: Option<usize>,
    /// Seed of the sample and the clusters.
    pub seed: u64,
    /// Attributes whose values give names to value sets.
    pub known: AttributeSet,
}

/// A value, and the number of sampled rows with it.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueExample {
    pub value: String,
    pub count: u64,
}

/// An attribute that texts have.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscoveredAttribute {
    /// Proposed name, distinct among the attributes of a result.
    pub name: String,
    pub kind: DiscoveredKind,
    /// The category, or the words of the cluster, that has the attribute; `None` if
    /// several have it.
    pub category: Option<String>,
    /// Share of the sampled rows of the category, or of all, with a value.
    pub coverage: f64,
    /// The most frequent values.
    pub values: Vec<ValueExample>,
    /// YAML of the entry below `attributes:`.
    pub definition: String,
}

/// The attributes of texts, by descending number of rows.
///
/// # Errors
/// [`Error::Interrupted`].
pub fn discover_attributes(
    source: &DiscoverySource<'_>,
    options: &DiscoveryOptions,
    progress: &dyn ProgressSink,
) -> Result<Vec<DiscoveredAttribute>> {
    let is_cancelled = || progress.is_cancelled();
    let tokenized = TokenizedRows::new(&source.rows, options.seed);
    let groups = match &source.categories {
        Some(categories) => category_groups(&tokenized, categories),
        None => cluster_groups(&tokenized, options.clusters, options.seed, progress)?,
    };
    let known = KnownValues::new(&options.known);
    let brands = leading_names(&tokenized, &known);
    let names: HashSet<String> = brands.iter().flat_map(brand_words).collect();
    let mut candidates = discover_sets(&tokenized, &groups, &known, &names, progress)?;
    if let Some(brands) = brands {
        add_brands(&mut candidates, brands);
    }
    candidates.extend(measures(&tokenized, &is_cancelled).ok_or(Error::Interrupted)?);
    candidates.extend(counted_words(&tokenized));
    candidates.extend(codes(&tokenized));
    candidates.extend(cues(&tokenized));
    let mut scoped: Vec<(AttributeCandidate, Option<String>, f64)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let (category, coverage) = scope(&candidate, &groups, tokenized.rows.len());
            let is_frequent = candidate.rows.len() >= MIN_ROWS && coverage >= MIN_COVERAGE;
            is_frequent.then_some((candidate, category, coverage))
        })
        .collect();
    scoped.sort_by(|(a, ..), (b, ..)| {
        let by_rows = b.rows.len().cmp(&a.rows.len());
        by_rows.then(a.kind.cmp(&b.kind)).then(a.name.cmp(&b.name))
    });
    scoped.truncate(MAX_ATTRIBUTES);
    let mut uses: HashMap<String, usize> = HashMap::new();
    let attribute = |(mut candidate, category, coverage): (AttributeCandidate, _, f64)| {
        let used = uses.entry(candidate.name.clone()).or_default();
        *used += 1;
        if *used > 1 {
            candidate.name = format!("{}_{used}", candidate.name);
        }
        let values = candidate.value_counts();
        let definition = definition_yaml(&candidate, &values)?;
        let examples = values.into_iter().take(MAX_EXAMPLES);
        Ok(DiscoveredAttribute {
            name: candidate.name,
            kind: candidate.kind,
            category,
            coverage,
            values: examples
                .map(|(value, count)| ValueExample { value, count })
                .collect(),
            definition,
        })
    };
    scoped.into_iter().map(attribute).collect()
}

/// The words of brands, which are no values of other attributes.
fn brand_words(brands: &AttributeCandidate) -> Vec<String> {
    let values = brands
        .value_counts()
        .into_iter()
        .map(|(value, _)| value.to_lowercase());
    values
        .flat_map(|value| {
            let words: Vec<String> = value.split(' ').map(str::to_string).collect();
            let is_pair = words.len() == 2;
            let first = words.into_iter().next();
            first.into_iter().chain(is_pair.then_some(value))
        })
        .collect()
}

/// Adds the brands that texts begin with to the known brands that texts have anywhere.
fn add_brands(candidates: &mut Vec<AttributeCandidate>, brands: AttributeCandidate) {
    let known = candidates
        .iter_mut()
        .find(|known| known.name == brands.name);
    match known {
        Some(known) => {
            known.rule = brands.rule;
            known.rows.extend(brands.rows);
        }
        None => candidates.push(brands),
    }
}

/// Closed value sets of all groups.
fn discover_sets(
    tokenized: &TokenizedRows<'_>,
    groups: &[RowGroup],
    known: &KnownValues,
    excluded: &HashSet<String>,
    progress: &dyn ProgressSink,
) -> Result<Vec<AttributeCandidate>> {
    let mut unnamed: Vec<ValueSet> = Vec::new();
    let mut named: BTreeMap<String, ValueSet> = BTreeMap::new();
    for (at, group) in groups.iter().enumerate() {
        progress.step("discover_attributes: group", at + 1, groups.len());
        let slots = slot_phrases(
            tokenized,
            group,
            &|words| excluded.contains(words) && known.attributes_of(words).is_empty(),
            &|| progress.is_cancelled(),
        );
        let slots = slots.ok_or(Error::Interrupted)?;
        unnamed.extend(value_sets(tokenized, &slots, group.rows.len()));
        for (name, set) in known_sets(tokenized, &slots, known) {
            named.entry(name).or_default().extend(set);
        }
    }
    let mut candidates: Vec<AttributeCandidate> = Vec::new();
    for set in merge_sets(unnamed) {
        match known.attribute_of(&set.values) {
            Some(name) => named.entry(name).or_default().extend(set),
            None => candidates.push(candidate(set_name(&set), set)),
        }
    }
    candidates.extend(named.into_iter().map(|(name, set)| candidate(name, set)));
    Ok(candidates)
}

fn candidate(name: String, set: ValueSet) -> AttributeCandidate {
    AttributeCandidate {
        name,
        kind: DiscoveredKind::Values,
        rule: ValueRule::Listed,
        rows: set.rows,
    }
}

/// The category that has most of the rows of a candidate, and the share of its rows with a
/// value; without one, the share of all rows.
fn scope(
    candidate: &AttributeCandidate,
    groups: &[RowGroup],
    rows: usize,
) -> (Option<String>, f64) {
    let all = candidate.rows.len();
    for group in groups {
        let own = group
            .rows
            .iter()
            .filter(|row| candidate.rows.contains_key(row))
            .count();
        if group.name.is_some() && own as f64 >= MIN_CATEGORY_SHARE * all as f64 {
            return (
                group.name.clone(),
                own as f64 / group.rows.len().max(1) as f64,
            );
        }
    }
    (None, all as f64 / rows.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::Extractor;
    use crate::extraction::rules::{AttributeDefinition, RuleExtractor};

    const BRANDS: [&str; 4] = ["Zyxware", "Acmeton", "Quillo", "Brandex"];
    const COLORS: [&str; 4] = ["Black", "White", "Navy Blue", "Red"];

    fn titles() -> Vec<String> {
        (0..160)
            .map(|row| {
                let (brand, color) = (BRANDS[row % 4], COLORS[row / 4 % 4]);
                match row % 2 {
                    0 => format!(
                        "{brand} leather shoe, {color}, {} kg, AB{row:04}",
                        row % 5 + 1
                    ),
                    _ => format!(
                        "{brand} ground coffee {} g, Roast: {}",
                        row % 7 + 250,
                        row % 3
                    ),
                }
            })
            .collect()
    }

    fn discover(titles: &[String], categories: bool, seed: u64) -> Vec<DiscoveredAttribute> {
        let category = |row| Some(if row % 2 == 0 { "shoes" } else { "coffee" });
        let source = DiscoverySource {
            rows: titles
                .iter()
                .map(|title| vec![Some(title.as_str()), None])
                .collect(),
            categories: categories.then(|| (0..titles.len()).map(category).collect()),
        };
        let options = DiscoveryOptions {
            seed,
            ..DiscoveryOptions::default()
        };
        discover_attributes(&source, &options, &|| false).unwrap()
    }

    #[test]
    fn brands_colors_quantities_codes_and_cues_are_found() {
        let found = discover(&titles(), true, 0);
        let named = |name: &str| {
            let attribute = found.iter().find(|attribute| attribute.name == name);
            attribute.unwrap_or_else(|| panic!("no {name} in {found:#?}"))
        };
        assert_eq!(named("brand").coverage, 1.0);
        assert_eq!(named("weight").kind, DiscoveredKind::Quantity);
        assert_eq!(named("roast").kind, DiscoveredKind::Cue);
        assert_eq!(named("roast").category.as_deref(), Some("coffee"));
        assert_eq!(named("model_number").category.as_deref(), Some("shoes"));
        let colors = found.iter().find(|attribute| {
            let mut values = attribute.values.iter();
            values.any(|example| example.value == "Navy Blue")
        });
        let colors = colors.unwrap_or_else(|| panic!("no colors in {found:#?}"));
        assert_eq!(
            (colors.category.as_deref(), colors.coverage),
            (Some("shoes"), 1.0)
        );
        let definitions = found.iter().map(|attribute| attribute.definition.as_str());
        let definitions: String = definitions.collect();
        let attributes: Vec<AttributeDefinition> = serde_saphyr::from_str(&definitions).unwrap();
        let set = AttributeSet {
            name: "found".to_string(),
            attributes,
            ..AttributeSet::default()
        };
        let rules =
            RuleExtractor::new(&set).unwrap_or_else(|error| panic!("{error}\n{definitions}"));
        assert_eq!(rules.attributes().len(), found.len());
        let names: HashSet<&str> = found
            .iter()
            .map(|attribute| attribute.name.as_str())
            .collect();
        assert_eq!(names.len(), found.len(), "names are distinct");
    }

    #[test]
    fn the_result_is_the_same_in_every_run() {
        let titles = titles();
        assert_eq!(discover(&titles, false, 3), discover(&titles, false, 3));
    }

    #[test]
    fn hostile_texts_and_cancellation() {
        let hostile = [
            String::new(),
            "\u{0}: \u{301}:::".to_string(),
            "ü".repeat(3_000_000),
            "a ".repeat(1_000_000),
            "999999999999999999999999 kg ".repeat(50),
        ];
        assert!(discover(&hostile, true, 0).is_empty());
        assert!(discover(&[], false, 0).is_empty());
        let titles = titles();
        let source = DiscoverySource {
            rows: titles
                .iter()
                .map(|title| vec![Some(title.as_str())])
                .collect(),
            categories: None,
        };
        let options = DiscoveryOptions::default();
        let cancelled = discover_attributes(&source, &options, &|| true);
        assert_eq!(cancelled, Err(Error::Interrupted));
    }
}
