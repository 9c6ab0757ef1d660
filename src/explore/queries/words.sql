-- The most common words and their word2vec vectors.
SELECT word['word'] AS word, word['count'] AS uses, word['vector'] AS vector
FROM (
  SELECT unnest(word2vec(concat_ws('. ', title, text), 50, 5, {min_count})) AS word
  FROM explored
)
WHERE character_length(word['word']) > 2
  AND NOT regexp_like(word['word'], '^[0-9]')
ORDER BY uses DESC, word
LIMIT {words}
