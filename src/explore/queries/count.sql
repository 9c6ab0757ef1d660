-- How many rows there are, and how many say something.
SELECT count(*) AS all_rows, count(*) FILTER (WHERE {title} IS NOT NULL OR {text} IS NOT NULL) AS readable
FROM {source}
