-- A map on which neighbours stay neighbours. What the vectors say is in their
-- first components; the rest is noise that only costs time.
SELECT row_id, id, title, text, category, vector, "cluster", place['x'] AS x, place['y'] AS y
FROM (
  SELECT *, tsne(components) OVER () AS place
  FROM (SELECT *, pca(vector, {components}) OVER () AS components FROM explored)
)
ORDER BY row_id
