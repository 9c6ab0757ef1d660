-- Ingest: any source of product offers to compressed Parquet, and a 40% sample.
--
-- needs   :source, a file, glob or URL with the columns docid, title, text
--         (the shipped sample, unless -v source=... says otherwise)
-- writes  out/products.parquet, out/products_sample.parquet

\default source queries/sample/products.jsonl

COPY (SELECT docid, title, text FROM :'source')
TO 'out/products.parquet' OPTIONS (compression 'zstd(3)');

-- The same offers fall into the sample every time: the digest of an offer
-- decides, not a dice. 0x66666666 is 40% of the way through 32 bits.
COPY (
    SELECT docid, title, text
    FROM 'out/products.parquet'
    WHERE left(md5(concat(docid, title)), 8) < '66666666'
)
TO 'out/products_sample.parquet' OPTIONS (compression 'zstd(3)');

SELECT 'products' AS dataset, COUNT(*) AS offers FROM 'out/products.parquet'
UNION ALL
SELECT 'products_sample', COUNT(*) FROM 'out/products_sample.parquet';
