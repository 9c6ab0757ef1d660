-- Similar products: the offers most similar in meaning to a query text.
--
-- needs   out/products_with_category.parquet (03_categorize.sql), the default model;
--         :looking_for, the query text
-- writes  nothing

\default looking_for something warm to wear on a winter hike

SELECT
    round(score, 3) AS likeness,
    title,
    category
FROM vector_search(products_with_category, :'looking_for', k => 10, column => title);
