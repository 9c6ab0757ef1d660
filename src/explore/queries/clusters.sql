-- Rows that lie together.
SELECT *, CAST(kmeans(vector, {clusters}) OVER () AS VARCHAR) AS "cluster"
FROM explored
ORDER BY row_id
