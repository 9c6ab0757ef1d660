-- Accuracy, F1 and the confusion matrix of out/labelled.parquet, which has the
-- columns gold and category. Included by 05_accuracy.sql and mwpd2020.sql.

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
