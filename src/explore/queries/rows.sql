-- The rows that are shown: those that say something, the same ones each time
-- whatever order the files are in.
SELECT row_number() OVER () AS row_id, *
FROM (
  SELECT {id} AS id, {title} AS title, {text} AS text{more}
  FROM {source}
  WHERE {title} IS NOT NULL OR {text} IS NOT NULL
  ORDER BY md5(concat_ws('|', {id}, {title}, {text}))
  LIMIT {rows}
)
