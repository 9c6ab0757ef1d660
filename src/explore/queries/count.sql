-- Counts all rows and those with a title or a text.
SELECT count(*) AS all_rows, count(*) FILTER (WHERE {title} IS NOT NULL OR {text} IS NOT NULL) AS readable
FROM {source}
