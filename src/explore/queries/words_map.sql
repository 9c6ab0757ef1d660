-- Words that are used alike lie together.
SELECT word, uses, vector, place['x'] AS x, place['y'] AS y
FROM (SELECT *, tsne(vector) OVER () AS place FROM explored_words)
ORDER BY uses DESC, word
