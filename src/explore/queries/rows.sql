-- Samples rows with a title or a text. The sample does not depend on the order of
-- the files.
SELECT row_number() OVER () AS row_id, *
FROM (
  SELECT {id} AS id, {title} AS title, {text} AS text{extra}
  FROM {source}
  WHERE {title} IS NOT NULL OR {text} IS NOT NULL
  ORDER BY md5(concat_ws('|', {id}, {title}, {text}))
  LIMIT {rows}
)
