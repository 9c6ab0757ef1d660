-- Coordinates by PCA: the two directions of the largest variance.
SELECT row_id, id, title, text, category, vector, "cluster", components[1] AS x, components[2] AS y{attributes}
FROM (SELECT *, pca(vector, 2) OVER () AS components FROM explored)
ORDER BY row_id
