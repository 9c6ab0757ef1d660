-- Files that the examples of docs/ and README.md read, made from the sample that ships
-- with semql.

COPY (SELECT docid, title, text FROM 'sample/products.jsonl') TO 'products.parquet';
COPY (SELECT docid, title, text FROM 'sample/products.jsonl' LIMIT 40) TO 'offers.csv';
COPY (SELECT docid, title, text FROM 'sample/products.jsonl' LIMIT 40) TO 'offers/north.jsonl.gz';
COPY (SELECT docid, title, text, 1.5 AS price FROM 'sample/products.jsonl' LIMIT 20) TO 'offers/south.jsonl.gz';

COPY (
    SELECT
        docid, title, text, gold AS category,
        CASE WHEN gold IN ('Books', 'Movies, Music') THEN 'Media' ELSE 'Goods' END AS segment,
        gold AS family,
        coalesce(ai_extract(title, text, ['brand']).brand, '') AS brand,
        coalesce(ai_extract(title, text, ['color']).color, '') AS color
    FROM 'sample/products.jsonl'
    WHERE trim(title) <> ''
) TO 'labelled.parquet';

COPY (SELECT docid, title, text, categorize(title, text) AS category FROM 'products.parquet')
TO 'products_with_category.parquet';

COPY (
    SELECT docid, title, text, category, ai_extract(title, text, ['color']).color AS color
    FROM 'products_with_category.parquet'
) TO 'products_with_features.parquet';

COPY (SELECT docid, title, embed(title) AS v FROM 'products.parquet') TO 'vectors.parquet';

-- Two catalogues of the same things.
COPY (SELECT title AS name, v FROM 'vectors.parquet' WHERE title IS NOT NULL LIMIT 60) TO 'abt.parquet';
COPY (SELECT title AS name, v FROM 'vectors.parquet' WHERE title IS NOT NULL LIMIT 40) TO 'buy.parquet';

COPY (
    SELECT text, rating FROM (VALUES
        ('Fits well, I would buy it again', 5),
        ('Arrived late and the box was broken', 1),
        ('Does the charger work with 110 volts?', 3),
        ('My daughter loves it', 5),
        ('Stopped working after two weeks', 1)
    ) AS reviews(text, rating)
) TO 'reviews.csv';

COPY (
    SELECT 2024 + value % 2 AS year, ['north', 'south'][value % 2 + 1] AS shop, value AS amount
    FROM generate_series(1, 20)
) TO 'sales.parquet';

COPY (SELECT title, 10 AS price FROM 'offers.csv') TO 'shop.csv';

-- Predictions of all rows, and what people say of some.
COPY (
    SELECT category, CASE WHEN value % 3 = 0 THEN gold END AS gold
    FROM (
        SELECT p.category, l.category AS gold, row_number() OVER (ORDER BY docid, title) AS value
        FROM 'products_with_category.parquet' AS p JOIN 'labelled.parquet' AS l USING (docid, title)
    )
) TO 'reviewed_products.parquet';
COPY (
    SELECT 10.0 + value % 7 AS predicted_price, CASE WHEN value % 4 = 0 THEN 9.5 + value % 8 END AS checked_price
    FROM generate_series(1, 200)
) TO 'checked_offers.parquet';

-- Two versions of a catalogue.
COPY (SELECT docid AS sku, title, 10 AS price FROM 'offers.csv' LIMIT 30) TO 'monday.parquet';
COPY (
    SELECT docid AS sku, title, CASE WHEN title LIKE '%size%' THEN 12 ELSE 10 END AS price
    FROM 'offers.csv' OFFSET 5
) TO 'tuesday.parquet';
