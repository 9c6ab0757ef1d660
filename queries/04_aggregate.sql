-- Aggregate: how many products each category has, and the chart of it.
--
-- needs   out/products_with_category.parquet (03_categorize.sql)
-- writes  nothing

SELECT category, COUNT(*) AS amount_of_products
FROM products_with_category
GROUP BY category
ORDER BY amount_of_products DESC;

\chart bar category amount_of_products
