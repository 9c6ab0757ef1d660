-- Accuracy: the categories beside the labels that people gave.
--
-- needs   :labelled, a file with the columns title, text and gold
--         (the shipped sample, unless -v labelled=... says otherwise), the default model
-- writes  out/labelled.parquet

\default labelled queries/sample/products.jsonl

COPY (
    SELECT title, gold, categorize(title, text) AS category
    FROM :'labelled'
    WHERE gold IS NOT NULL
)
TO 'out/labelled.parquet';

\i include/accuracy.sql
