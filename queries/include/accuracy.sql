-- Accuracy, macro-F1 and the confusion matrix of out/labelled.parquet, which
-- has the columns gold and category. Read by 05_accuracy.sql and mwpd2020.sql.

WITH
labels AS (SELECT DISTINCT gold AS label FROM 'out/labelled.parquet'),
per_label AS (
    SELECT
        label,
        COUNT(*) FILTER (WHERE gold = label AND category = label) AS hits,
        COUNT(*) FILTER (WHERE gold = label) AS in_gold,
        COUNT(*) FILTER (WHERE category = label) AS predicted
    FROM labels CROSS JOIN 'out/labelled.parquet'
    GROUP BY label
)
SELECT
    SUM(in_gold) AS offers,
    round(SUM(hits) / CAST(SUM(in_gold) AS DOUBLE), 4) AS accuracy,
    round(avg(2.0 * hits / (in_gold + predicted)), 4) AS macro_f1
FROM per_label;

WITH per_label AS (
    SELECT
        label,
        COUNT(*) FILTER (WHERE gold = label AND category = label) AS hits,
        COUNT(*) FILTER (WHERE gold = label) AS in_gold,
        COUNT(*) FILTER (WHERE category = label) AS predicted
    FROM (SELECT DISTINCT gold AS label FROM 'out/labelled.parquet') CROSS JOIN 'out/labelled.parquet'
    GROUP BY label
)
SELECT
    label,
    in_gold AS offers,
    round(CAST(hits AS DOUBLE) / nullif(predicted, 0), 3) AS precision,
    round(CAST(hits AS DOUBLE) / in_gold, 3) AS recall,
    round(2.0 * hits / (in_gold + predicted), 3) AS f1
FROM per_label
ORDER BY offers DESC;

-- Rows are what people said, columns what categorize() said.
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
