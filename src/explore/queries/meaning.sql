-- What each row means, and its category; rows that the model could not read
-- are left out.
SELECT CAST(row_number() OVER (ORDER BY row_id) AS BIGINT) - 1 AS row_id, id, title, text, category, vector{more}
FROM (
  SELECT row_id, id, title, text, {category} AS category, {vector} AS vector{more}
  FROM explored
)
WHERE vector IS NOT NULL{known}
ORDER BY row_id
