-- Word map: word2vec vectors of the most frequent words of titles and texts.
--
-- needs   out/products.parquet (01_ingest.sql);
--         :words, the number of words, and :min_count, their minimum frequency
-- writes  out/word_map.parquet: words, their frequencies, their word2vec vectors and
--         their positions on a t-SNE map

\default words 500
\default min_count 5

COPY (
    SELECT word, count, vector, place['x'] AS x, place['y'] AS y
    FROM (
        SELECT word, count, vector, tsne(vector) OVER () AS place
        FROM (
            SELECT w['word'] AS word, w['count'] AS count, w['vector'] AS vector
            FROM (
                SELECT unnest(word2vec(concat_ws(' ', title, text), 100, 5, :min_count)) AS w
                FROM 'out/products.parquet'
            )
            ORDER BY count DESC, word
            LIMIT :words
        )
    )
    ORDER BY count DESC, word
)
TO 'out/word_map.parquet' OPTIONS (compression 'zstd(3)');

SELECT word, count, round(x, 1) AS x, round(y, 1) AS y
FROM 'out/word_map.parquet'
ORDER BY count DESC, word
LIMIT 10;
