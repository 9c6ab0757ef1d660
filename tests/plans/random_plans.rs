//! Random queries give the same answers with lifted calls and with calls that
//! run where they are written.

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::Result;
use datafusion::prelude::SessionContext;

use super::executed::session;
use crate::support::random::{Random, cases};

const SEED: u64 = 0x5e3a_0017;
const DEFAULT_CASES: usize = 150;

/// Deepest nesting of an expression.
const MAX_DEPTH: usize = 3;

/// A random query, and whether its rows have a total order.
struct RandomQuery {
    sql: String,
    is_ordered: bool,
}

/// Columns that the expressions of a query may use.
#[derive(Clone, Copy)]
struct Scope {
    texts: &'static [&'static str],
    numbers: &'static [&'static str],
    /// Columns that tell all rows apart.
    keys: &'static str,
}

const OFFERS: Scope = Scope {
    texts: &["o.title", "o.text", "o.brand"],
    numbers: &["o.id", "o.price"],
    keys: "o.id",
};

const OFFERS_AND_BRANDS: Scope = Scope {
    texts: &["o.title", "o.text", "b.brand", "b.motto"],
    numbers: &["o.id", "o.price"],
    keys: "o.id, b.brand",
};

const TWO_OFFERS: Scope = Scope {
    texts: &["o.title", "p.title", "o.text"],
    numbers: &["o.id", "p.price"],
    keys: "o.id, p.id",
};

const SUBQUERY: Scope = Scope {
    texts: &["s.title", "s.text"],
    numbers: &["s.id", "s.price"],
    keys: "s.id",
};

/// Writes random queries over the tables of `SETUP`.
struct QueryGenerator {
    random: Random,
}

impl QueryGenerator {
    fn query(&mut self) -> RandomQuery {
        let is_ordered = self.random.one_in(3);
        let sql = match self.random.below(6) {
            _ if is_ordered => self.ordered(),
            0 => self.grouped(),
            1 => self.distinct(),
            2 => self.union(),
            3 => self.windowed(),
            _ => self.plain(),
        };
        RandomQuery { sql, is_ordered }
    }

    fn plain(&mut self) -> String {
        let (source, scope) = self.source();
        let items = self.items(scope);
        let condition = self.where_clause(scope);
        format!("SELECT {items} FROM {source}{condition}")
    }

    fn ordered(&mut self) -> String {
        let query = {
            let (source, scope) = self.source();
            let items = self.items(scope);
            let condition = self.where_clause(scope);
            let key = self.expression(scope, MAX_DEPTH - 1);
            let direction = self.random.pick(&["", " DESC", " NULLS FIRST"]);
            let keys = scope.keys;
            format!("SELECT {items} FROM {source}{condition} ORDER BY {key}{direction}, {keys}")
        };
        match self.random.below(3) {
            0 => query,
            1 => format!("{query} LIMIT {}", self.random.below(5)),
            _ => {
                let offset = self.random.below(4);
                format!("{query} LIMIT {} OFFSET {offset}", self.random.below(5))
            }
        }
    }

    fn grouped(&mut self) -> String {
        let (source, scope) = self.source();
        let group = self.text(scope, MAX_DEPTH - 1);
        let value = self.expression(scope, MAX_DEPTH - 1);
        let filter = match self.random.one_in(2) {
            true => format!(" FILTER (WHERE {})", self.condition(scope, 1)),
            false => String::new(),
        };
        let condition = self.where_clause(scope);
        let having = self.random.pick(&["", " HAVING count(*) > 1"]);
        format!(
            "SELECT {group} AS c0, count(*){filter} AS c1, max({value}) AS c2 \
             FROM {source}{condition} GROUP BY 1{having}"
        )
    }

    fn distinct(&mut self) -> String {
        self.plain().replacen("SELECT", "SELECT DISTINCT", 1)
    }

    fn union(&mut self) -> String {
        let mut sides = Vec::new();
        for _ in 0..2 {
            let (source, scope) = self.source();
            let text = self.text(scope, MAX_DEPTH);
            let condition = self.where_clause(scope);
            sides.push(format!("SELECT {text} AS c0 FROM {source}{condition}"));
        }
        let word = self.random.pick(&["UNION ALL", "UNION", "EXCEPT"]);
        sides.join(&format!(" {word} "))
    }

    fn windowed(&mut self) -> String {
        let (source, scope) = self.source();
        let partition = self.text(scope, 1);
        let value = self.expression(scope, 1);
        let keys = scope.keys;
        let condition = self.where_clause(scope);
        format!(
            "SELECT {keys}, row_number() OVER (PARTITION BY {partition} ORDER BY {keys}) AS n, \
             max({value}) OVER (PARTITION BY {partition}) AS m FROM {source}{condition}"
        )
    }

    /// Tables of a query, and their columns.
    fn source(&mut self) -> (String, Scope) {
        let offers = match self.random.one_in(3) {
            // The same columns, one of them computed.
            true => {
                let text = self.text(SUBQUERY, 1);
                let condition = self.where_clause(SUBQUERY);
                format!(
                    "(SELECT s.id, s.title, {text} AS text, s.price, s.brand \
                     FROM offers s{condition}) o"
                )
            }
            false => "offers o".to_string(),
        };
        match self.random.below(6) {
            0 => {
                let join = self.random.pick(&["JOIN", "LEFT JOIN"]);
                let condition = self.condition(OFFERS_AND_BRANDS, 1);
                let on = format!("o.brand = b.brand AND {condition}");
                (
                    format!("{offers} {join} brands b ON {on}"),
                    OFFERS_AND_BRANDS,
                )
            }
            1 => {
                let condition = self.condition(OFFERS_AND_BRANDS, 1);
                let source = format!("{offers} JOIN brands b ON {condition}");
                (source, OFFERS_AND_BRANDS)
            }
            2 => {
                let (left, right) = (self.label("o.title"), self.label("p.title"));
                let on = format!("{left} = {right} AND o.id < p.id");
                (format!("{offers} JOIN offers p ON {on}"), TWO_OFFERS)
            }
            _ => (offers, OFFERS),
        }
    }

    fn items(&mut self, scope: Scope) -> String {
        let count = 1 + self.random.below(3);
        let items: Vec<String> = (0..count)
            .map(|at| format!("{} AS c{at}", self.expression(scope, MAX_DEPTH)))
            .collect();
        items.join(", ")
    }

    fn where_clause(&mut self, scope: Scope) -> String {
        match self.random.below(4) {
            0 => String::new(),
            1 => {
                let condition = self.condition(scope, 1);
                format!(" WHERE {condition} AND {}", self.subquery_condition(scope))
            }
            _ => format!(" WHERE {}", self.condition(scope, MAX_DEPTH)),
        }
    }

    fn subquery_condition(&mut self, scope: Scope) -> String {
        let text = self.random.pick(scope.texts);
        let label = self.label(text);
        match self.random.below(3) {
            0 => {
                let not = self.random.pick(&["", "NOT "]);
                let inner = self.label("q.title");
                format!("{label} {not}IN (SELECT {inner} FROM offers q WHERE q.id < 4)")
            }
            1 => format!(
                "EXISTS (SELECT 1 FROM brands q WHERE ai_similarity(q.motto, {text}) > 0.1)"
            ),
            _ => {
                let inner = self.label("q.text");
                format!("{label} <> (SELECT max({inner}) FROM offers q)")
            }
        }
    }

    fn expression(&mut self, scope: Scope, depth: usize) -> String {
        match self.random.below(5) {
            0 => self.number(scope, depth),
            1 => format!("({})", self.condition(scope, depth)),
            _ => self.text(scope, depth),
        }
    }

    /// A call that asks the model for a label.
    fn label(&mut self, text: &str) -> String {
        match self.random.below(3) {
            0 => format!("categorize({text}, {text})"),
            1 => format!("categorize({text}, 'green tea')"),
            _ => format!("ai_classify({text}, ['paper', 'cloth'])"),
        }
    }

    fn text(&mut self, scope: Scope, depth: usize) -> String {
        if depth == 0 {
            return self.random.pick(scope.texts).to_string();
        }
        let inner = self.text(scope, depth - 1);
        match self.random.below(8) {
            0 => inner,
            1 => format!("upper({inner})"),
            2 => format!("({inner} || ' and ' || {})", self.text(scope, depth - 1)),
            3 => format!("coalesce({inner}, {})", self.text(scope, depth - 1)),
            4 => {
                let condition = self.condition(scope, depth - 1);
                let other = self.text(scope, depth - 1);
                format!("CASE WHEN {condition} THEN {inner} ELSE {other} END")
            }
            5 => {
                let other = self.text(scope, depth - 1);
                format!("CASE {inner} WHEN 'Books' THEN 'book' ELSE {other} END")
            }
            _ => self.label(&inner),
        }
    }

    fn number(&mut self, scope: Scope, depth: usize) -> String {
        if depth == 0 {
            return self.random.pick(scope.numbers).to_string();
        }
        let text = self.text(scope, depth - 1);
        match self.random.below(4) {
            0 => self.random.pick(scope.numbers).to_string(),
            1 => format!("length({text})"),
            2 => format!("ai_count_tokens({text})"),
            _ => {
                let other = match self.random.one_in(2) {
                    true => "'green tea'".to_string(),
                    false => self.text(scope, depth - 1),
                };
                format!("ai_similarity({text}, {other})")
            }
        }
    }

    fn condition(&mut self, scope: Scope, depth: usize) -> String {
        if depth == 0 {
            let number = self.random.pick(scope.numbers);
            return format!("{number} < {}", 1 + self.random.below(12));
        }
        match self.random.below(8) {
            0 => {
                let (left, right) = self.two_conditions(scope, depth);
                format!("({left} AND {right})")
            }
            1 => {
                let (left, right) = self.two_conditions(scope, depth);
                format!("({left} OR {right})")
            }
            2 => format!("NOT ({})", self.condition(scope, depth - 1)),
            3 => format!("{} IS NULL", self.text(scope, depth - 1)),
            4 => format!("{} IN ('Books', 'paper', 'acme')", self.text(scope, depth)),
            5 => format!("{} <> 'cloth'", self.text(scope, depth)),
            _ => {
                let limit = self.random.pick(&["-2", "0.1", "0.5", "3"]);
                format!("{} > {limit}", self.number(scope, depth))
            }
        }
    }

    fn two_conditions(&mut self, scope: Scope, depth: usize) -> (String, String) {
        let left = self.condition(scope, depth - 1);
        (left, self.condition(scope, depth - 1))
    }
}

/// Rows of a query as text, sorted unless they have a total order.
async fn answer(ctx: &SessionContext, query: &RandomQuery) -> Result<Vec<String>> {
    let batches = ctx.sql(&query.sql).await?.collect().await?;
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns = batch.columns().iter();
        let formatters: Vec<ArrayFormatter<'_>> = columns
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<std::result::Result<_, _>>()?;
        rows.extend((0..batch.num_rows()).map(|row| {
            let cells = formatters.iter().map(|cells| cells.value(row).to_string());
            cells.collect::<Vec<_>>().join(" | ")
        }));
    }
    if !query.is_ordered {
        rows.sort();
    }
    Ok(rows)
}

async fn has_lifted_call(ctx: &SessionContext, query: &RandomQuery) -> bool {
    let state = ctx.state();
    let plan = state.create_logical_plan(&query.sql).await.unwrap();
    let plan = state.optimize(&plan).unwrap();
    plan.display_indent().to_string().contains("Infer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_queries_answer_alike_with_lifted_calls() {
    let mut sessions = Vec::new();
    for partitions in [1, 3] {
        let (plain, _) = session(partitions, false).await;
        let (lifted, _) = session(partitions, true).await;
        sessions.push((partitions, plain, lifted));
    }
    let (mut with_rows, mut with_lifted_calls, mut refused) = (0, 0, 0);
    let count = cases(DEFAULT_CASES);
    for case in 0..count {
        let random = Random::new(SEED + case as u64);
        let query = QueryGenerator { random }.query();
        for (partitions, plain, lifted) in &sessions {
            let about = format!("case {case}, {partitions} partitions: {}", query.sql);
            // DataFusion itself refuses some plans, such as sorted ones of a join.
            let Ok(expected) = answer(plain, &query).await else {
                refused += 1;
                continue;
            };
            with_rows += usize::from(!expected.is_empty());
            with_lifted_calls += usize::from(has_lifted_call(lifted, &query).await);
            match answer(lifted, &query).await {
                Ok(rows) => assert_eq!(rows, expected, "{about}"),
                Err(error) => panic!("{error}\n{about}"),
            }
        }
    }
    let runs = count * sessions.len();
    assert!(2 * with_rows >= runs, "{with_rows} of {runs} have rows");
    assert!(
        2 * with_lifted_calls >= runs,
        "{with_lifted_calls} of {runs} have lifted calls"
    );
    assert!(20 * refused <= runs, "{refused} of {runs} are refused");
}
