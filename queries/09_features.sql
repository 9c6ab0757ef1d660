-- Features: brand, color, material and other attributes of the offers, taken from their
-- texts by rules; counts, an average weight by category, and a chart.
--
-- needs   out/products_with_category.parquet (03_categorize.sql), the attribute set
--         sample_brands of data_dict.yaml; no model
-- writes  out/products_with_features.parquet, out/colors.svg

-- The rules of the attribute sets products and sample_brands run once for each offer.
CREATE OR REPLACE TABLE extracted AS
SELECT
    docid, title, text, category,
    ai_extract(title, text, ['brand'], 'sample_brands') AS named,
    ai_extract_details(
        title, text,
        ['color', 'material', 'size', 'target_group', 'weight', 'volume', 'storage']
    ) AS found
FROM products_with_category;

-- The first value of each attribute in its canonical form. Weights are in kilograms, volumes
-- in liters, storage in gigabytes.
COPY (
    SELECT
        docid, title, text, category,
        named['brand'] AS brand,
        found['color'][1]['normalized'] AS color,
        found['material'][1]['normalized'] AS material,
        found['size'][1]['normalized'] AS size,
        found['target_group'][1]['normalized'] AS target_group,
        TRY_CAST(split_part(found['weight'][1]['normalized'], ' ', 1) AS DOUBLE) AS weight_kg,
        TRY_CAST(split_part(found['volume'][1]['normalized'], ' ', 1) AS DOUBLE) AS volume_l,
        TRY_CAST(split_part(found['storage'][1]['normalized'], ' ', 1) AS DOUBLE) AS storage_gb
    FROM extracted
)
TO 'out/products_with_features.parquet' OPTIONS (compression 'zstd(3)');

SELECT category, COUNT(weight_kg) AS with_weight, round(avg(weight_kg), 2) AS average_kg
FROM products_with_features
GROUP BY category
HAVING COUNT(weight_kg) > 0
ORDER BY category;

SELECT brand, COUNT(*) AS products
FROM products_with_features
WHERE brand IS NOT NULL
GROUP BY brand
ORDER BY products DESC, brand
LIMIT 12;

SELECT color, COUNT(*) AS products
FROM products_with_features
WHERE color IS NOT NULL
GROUP BY color
ORDER BY products DESC, color
LIMIT 12;

\chart bar color products

COPY (SELECT * FROM _ ORDER BY products DESC, color) TO 'out/colors.svg'
OPTIONS (chart 'bar', x 'color', y 'products', title 'Products by color');
