-- Accuracy: predicted categories compared with human labels.
--
-- needs   :labelled, a file with the columns title, text and gold
--         (default: the sample; set it with -v labelled=...); the default model
-- writes  out/labelled.parquet, out/shares.parquet, out/shares.svg

\default labelled queries/sample/products.jsonl

COPY (
    SELECT title, gold, categorize(title, text) AS category
    FROM :'labelled'
    WHERE gold IS NOT NULL
)
TO 'out/labelled.parquet';

\i include/accuracy.sql
