-- Categorize: one label of the taxonomy product_category for each offer.
--
-- needs   out/products.parquet (01_ingest.sql), the default model;
--         :limit, the maximum number of offers (default: all; set it with -v limit=...)
-- writes  out/products_with_category.parquet

\default limit 1000000000

COPY (
    SELECT docid, title, text, categorize(title, text) AS category
    FROM 'out/products.parquet'
    LIMIT :limit
)
TO 'out/products_with_category.parquet' OPTIONS (compression 'zstd(3)');

SELECT title, category FROM products_with_category LIMIT 10;
