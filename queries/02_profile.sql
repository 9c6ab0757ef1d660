-- Profile: number of offers, missing values, lengths of texts.
--
-- needs   out/products.parquet (01_ingest.sql)
-- writes  nothing

SUMMARIZE 'out/products.parquet';

SELECT
    COUNT(*) AS offers,
    COUNT(DISTINCT docid) AS docids,
    COUNT(*) FILTER (WHERE coalesce(trim(title), '') = '') AS without_title,
    COUNT(*) FILTER (WHERE coalesce(trim(text), '') = '') AS without_text,
    round(avg(ai_count_tokens(text)), 1) AS mean_tokens,
    max(ai_count_tokens(text)) AS most_tokens
FROM 'out/products.parquet';
