-- Similar products: the offers nearest in meaning to a few words.
--
-- needs   out/products_with_category.parquet (03_categorize.sql), the default model;
--         :looking_for, the words
-- writes  nothing

\default looking_for something warm to wear on a winter hike

SELECT
    round(ai_similarity(title, :'looking_for'), 3) AS likeness,
    title,
    category
FROM products_with_category
WHERE title IS NOT NULL
ORDER BY likeness DESC NULLS LAST
LIMIT 10;
