-- Adds clusters by k-means.
SELECT *, CAST(kmeans(vector, {clusters}) OVER () AS VARCHAR) AS "cluster"
FROM explored
ORDER BY row_id
