#!/bin/sh
# Runs the query files of the pipeline in order, on the sample.
set -eu
semql=$1
rm -rf out
for query in queries/0*.sql; do
    printf '\n-- %s\n' "$query"
    "$semql" --no-rc -f "$query"
done
printf '\nThe results are in out/. Query them with %s\n' "$semql"
