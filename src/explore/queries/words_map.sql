-- Coordinates of the words by t-SNE.
SELECT word, uses, vector, coordinates['x'] AS x, coordinates['y'] AS y
FROM (SELECT *, tsne(vector) OVER () AS coordinates FROM explored_words)
ORDER BY uses DESC, word
