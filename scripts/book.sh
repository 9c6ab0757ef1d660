#!/bin/sh
# Builds the book of docs/ into FOLDER. A warning of mdBook is an error.
#
#   sh scripts/book.sh MDBOOK FOLDER
set -eu
mdbook=$1
folder=$2
# mdBook clears the folder.
mkdir -p "$folder"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "$mdbook" build --dest-dir "$(cd "$folder" && pwd)" 2>"$log" || grep -Eq 'WARN|ERROR' "$log"; then
    cat "$log" >&2
    exit 1
fi
printf 'book: %s/index.html\n' "$folder"
