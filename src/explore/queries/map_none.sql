-- One or two rows have no map: they lie side by side.
SELECT row_id, id, title, text, category, vector, "cluster", CAST(row_id AS DOUBLE) AS x, CAST(0 AS DOUBLE) AS y
FROM explored
ORDER BY row_id
