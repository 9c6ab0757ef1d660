-- Similar products: the offers nearest in meaning to a few words.
--
-- needs   out/products_with_category.parquet (03_categorize.sql), the default model;
--         :looking_for, the words
-- writes  nothing

\default looking_for something warm to wear on a winter hike

SELECT
    round(score, 3) AS likeness,
    title,
    category
FROM vector_search(products_with_category, :'looking_for', k => 10, column => title);
