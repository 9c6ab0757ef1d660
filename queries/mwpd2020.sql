-- Accuracy on MWPD2020 task 2: human GS1 GPC labels mapped to the eight categories.
--
-- needs   :data, validation.jsonl or train.jsonl of the data set; the default model
-- writes  out/labelled.parquet, out/shares.parquet, out/shares.svg
-- use     semql -v data=.../validation.jsonl -f queries/mwpd2020.sql

COPY (
    WITH offers AS (
        SELECT "Name" AS title, "Description" AS text, left(lvl1, 2) AS segment, lvl3 FROM :'data'
    ),
    labelled AS (
        SELECT
            title,
            text,
            CASE
                WHEN segment IN ('51', '53') THEN 'Health, Beauty'
                WHEN segment = '68' AND lvl3 LIKE '%Pre-Recorded or Digital Content Media%' THEN 'Movies, Music'
                WHEN segment IN ('65', '66', '68') THEN 'Electronics, Computers'
                WHEN segment IN ('72', '73', '75') THEN 'Home and Kitchen'
                WHEN segment IN ('63', '64', '67') THEN 'Clothing'
                WHEN segment IN ('71', '74') THEN 'Sports'
                WHEN segment = '62' THEN 'Office'
                WHEN segment = '60' THEN 'Books'
            END AS gold
        FROM offers
    )
    SELECT title, gold, categorize(title, text) AS category
    FROM labelled
    WHERE gold IS NOT NULL
)
TO 'out/labelled.parquet';

\i include/accuracy.sql
