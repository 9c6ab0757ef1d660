-- Product map: clusters of similar offers, named by their words, and a map of the offers.
--
-- needs   out/products.parquet (01_ingest.sql), the default model;
--         :products, the maximum number of offers, and :groups, the number of clusters
-- writes  out/product_map.parquet: offers, their clusters, and their positions on a t-SNE map

\default products 5000
\default groups 12

-- The digests of the offers select them, the same ones in each run.
CREATE OR REPLACE TABLE mapped AS
SELECT docid, title, kmeans(v, :groups) OVER () AS topic, tsne(v) OVER () AS place
FROM (
    SELECT docid, title, embed(title) AS v
    FROM 'out/products.parquet'
    WHERE trim(title) <> ''
    ORDER BY md5(concat(docid, title))
    LIMIT :products
);

COPY (
    SELECT docid, title, topic, name, place['x'] AS x, place['y'] AS y
    FROM mapped
    JOIN (
        SELECT topic, array_to_string(top_terms(title), ', ') AS name
        FROM mapped
        GROUP BY topic
    ) AS named USING (topic)
    ORDER BY topic, docid, title
)
TO 'out/product_map.parquet' OPTIONS (compression 'zstd(3)');

SELECT topic, name, COUNT(*) AS products
FROM 'out/product_map.parquet'
GROUP BY topic, name
ORDER BY topic;
