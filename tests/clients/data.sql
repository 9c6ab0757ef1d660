-- The tables that every client reads, written by semql itself.
COPY (
    SELECT value AS id,
           CASE value % 5
               WHEN 0 THEN 'red shoes' WHEN 1 THEN 'tea pot' WHEN 2 THEN 'pen; "blue"' WHEN 3 THEN 'Fön, weiß'
               ELSE 'garden chair' END || ' ' || value AS title,
           CASE WHEN value % 10 = 0 THEN NULL ELSE 'Offer number ' || value END AS description,
           CAST(value * 1.25 AS DECIMAL(10, 2)) AS price,
           value / 8.0 AS weight,
           value % 3 = 0 AS in_stock,
           arrow_cast(CAST(20454 + value % 365 AS INT), 'Date32') AS added,
           arrow_cast(1000000 * (1767249000 + 60 * value), 'Timestamp(Microsecond, None)') AS updated,
           ['all', CASE WHEN value % 2 = 0 THEN 'even' ELSE 'odd' END] AS tags
    FROM generate_series(1, 500)
) TO 'products.parquet';
COPY (
    SELECT value AS id, value % 500 + 1 AS product_id, value % 7 + 1 AS quantity
    FROM generate_series(1, 2000)
) TO 'orders.csv';
