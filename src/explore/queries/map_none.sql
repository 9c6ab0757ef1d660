-- Coordinates of too few rows for a projection: a line in the order of rows.
SELECT row_id, id, title, text, category, vector, "cluster", CAST(row_id AS DOUBLE) AS x, CAST(0 AS DOUBLE) AS y{attributes}
FROM explored
ORDER BY row_id
