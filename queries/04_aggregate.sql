-- Aggregate: number of products in each category, and its chart, at the prompt and
-- as files.
--
-- needs   out/products_with_category.parquet (03_categorize.sql)
-- writes  out/categories.svg, out/categories.html

SELECT category, COUNT(*) AS amount_of_products
FROM products_with_category
GROUP BY category
ORDER BY amount_of_products DESC;

\chart bar category amount_of_products

COPY (SELECT * FROM _ ORDER BY amount_of_products DESC) TO 'out/categories.svg'
OPTIONS (chart 'bar', x 'category', y 'amount_of_products', title 'Products by category');

COPY (SELECT * FROM _ ORDER BY amount_of_products DESC) TO 'out/categories.html'
OPTIONS (chart 'bar', x 'category', y 'amount_of_products', title 'Products by category');
