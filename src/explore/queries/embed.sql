-- Adds vectors and categories, and drops rows without a vector.
SELECT CAST(row_number() OVER (ORDER BY row_id) AS BIGINT) - 1 AS row_id, id, title, text, category, vector{extra}
FROM (
  SELECT row_id, id, title, text, {category} AS category, {vector} AS vector{extra}
  FROM explored
)
WHERE vector IS NOT NULL{condition}
ORDER BY row_id
