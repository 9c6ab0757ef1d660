#!/bin/sh
# Runs the saved pipeline, one query file after the other, on the shipped sample.
set -eu
semql=$1
rm -rf out
for query in queries/0*.sql; do
    printf '\n-- %s\n' "$query"
    "$semql" --no-rc -f "$query"
done
printf '\nThe results are in out/. Open a prompt on them with %s\n' "$semql"
