-- Coordinates by t-SNE, which keeps neighbours together. It reads the first
-- principal components, since the others are mostly noise.
SELECT row_id, id, title, text, category, vector, "cluster", coordinates['x'] AS x, coordinates['y'] AS y{attributes}
FROM (
  SELECT *, tsne(components) OVER () AS coordinates
  FROM (SELECT *, pca(vector, {components}) OVER () AS components FROM explored)
)
ORDER BY row_id
