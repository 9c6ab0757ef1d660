-- Ingest: product offers from any source to compressed Parquet, and a 40% sample.
--
-- needs   :source, a file, glob or URL with the columns docid, title, text
--         (default: the sample; set it with -v source=...)
-- writes  out/products.parquet, out/products_sample.parquet

\default source queries/sample/products.jsonl

COPY (SELECT docid, title, text FROM :'source')
TO 'out/products.parquet' OPTIONS (compression 'zstd(3)');

-- The digest of an offer selects the sample, which is the same in each run.
-- 0x66666666 is 40% of the range of 32 bits.
COPY (
    SELECT docid, title, text
    FROM 'out/products.parquet'
    WHERE left(md5(concat(docid, title)), 8) < '66666666'
)
TO 'out/products_sample.parquet' OPTIONS (compression 'zstd(3)');

SELECT 'products' AS dataset, COUNT(*) AS offers FROM 'out/products.parquet'
UNION ALL
SELECT 'products_sample', COUNT(*) FROM 'out/products_sample.parquet';
