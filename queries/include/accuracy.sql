-- Accuracy, F1 and the confusion matrix of out/labelled.parquet, which has the
-- columns title, gold and category, and the shares that 100 reviewed rows give.
-- Included by 05_accuracy.sql and mwpd2020.sql. Writes
-- out/shares.parquet and out/shares.svg.

SELECT
    COUNT(*) AS offers,
    round(accuracy(category, gold), 4) AS accuracy,
    round(macro_f1(category, gold), 4) AS macro_f1,
    round(weighted_f1(category, gold), 4) AS weighted_f1,
    round(cohen_kappa(category, gold), 4) AS kappa
FROM 'out/labelled.parquet';

WITH cells AS (
    SELECT cell['label'] AS label, cell['predicted'] AS predicted, cell['count'] AS offers
    FROM (SELECT unnest(confusion_matrix(category, gold)) AS cell FROM 'out/labelled.parquet')
),
predictions AS (SELECT predicted AS label, SUM(offers) AS offers FROM cells GROUP BY predicted)
SELECT
    cells.label,
    SUM(cells.offers) AS offers,
    round(SUM(cells.offers) FILTER (WHERE cells.predicted = cells.label) / CAST(MAX(predictions.offers) AS DOUBLE), 3) AS precision,
    round(SUM(cells.offers) FILTER (WHERE cells.predicted = cells.label) / CAST(SUM(cells.offers) AS DOUBLE), 3) AS recall
FROM cells LEFT JOIN predictions ON predictions.label = cells.label
GROUP BY cells.label
ORDER BY offers DESC;

-- Rows are human labels, columns are predictions of categorize().
SELECT
    gold,
    COUNT(*) FILTER (WHERE category = 'Health, Beauty') AS health,
    COUNT(*) FILTER (WHERE category = 'Electronics, Computers') AS electronics,
    COUNT(*) FILTER (WHERE category = 'Home and Kitchen') AS home,
    COUNT(*) FILTER (WHERE category = 'Clothing') AS clothing,
    COUNT(*) FILTER (WHERE category = 'Sports') AS sports,
    COUNT(*) FILTER (WHERE category = 'Office') AS office,
    COUNT(*) FILTER (WHERE category = 'Movies, Music') AS movies,
    COUNT(*) FILTER (WHERE category = 'Books') AS books
FROM 'out/labelled.parquet'
GROUP BY gold
ORDER BY COUNT(*) DESC;

-- The figures with 95 % intervals, if the rows are a random sample.
SELECT
    round(accuracy_interval(category, gold)['low'], 4) AS accuracy_low,
    round(accuracy_interval(category, gold)['high'], 4) AS accuracy_high,
    round(macro_f1_interval(category, gold)['low'], 4) AS macro_f1_low,
    round(macro_f1_interval(category, gold)['high'], 4) AS macro_f1_high
FROM 'out/labelled.parquet';

-- The share of each category, as if only 100 random rows had been reviewed.
COPY (
    WITH rows_in_random_order AS (
        SELECT category, gold, row_number() OVER (ORDER BY md5(coalesce(title, '')), title, gold) AS place
        FROM 'out/labelled.parquet'
    ),
    estimates AS (
        SELECT unnest(estimate_shares(category, CASE WHEN place <= 100 THEN gold END)) AS s FROM rows_in_random_order
    )
    SELECT
        s['label'] AS category,
        round(s['share'], 4) AS share,
        round(s['low'], 4) AS low,
        round(s['high'], 4) AS high,
        round(s['predicted_share'], 4) AS predicted_share
    FROM estimates
    ORDER BY share DESC
)
TO 'out/shares.parquet';

SELECT * FROM 'out/shares.parquet';
\chart bar

COPY (SELECT category, share, low, high FROM 'out/shares.parquet')
TO 'out/shares.svg' OPTIONS (chart 'bar', title 'Shares of categories, from 100 reviewed rows');
