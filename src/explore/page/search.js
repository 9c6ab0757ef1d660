"use strict";
// Search: by meaning where semql answers, by words in a file.

let searching = 0;

function startSearch() {
  const byMeaning = served && data.meaning;
  const input = element("query");
  input.placeholder = byMeaning ? "Search by meaning: a gift for a runner" : "Search by words";
  element("search-note").textContent = byMeaning
    ? "Finds the " + data.best + " products nearest in meaning."
    : served
      ? "Finds products that have all the words. " + (data.why ?? "")
      : "Finds products that have all the words. The page that semql explore serves searches by meaning.";
  element("search").addEventListener("submit", (event) => {
    event.preventDefault();
    search(input.value.trim());
  });
  // The cross in the field empties it.
  input.addEventListener("input", () => {
    if (input.value === "" && state.found) search("");
  });
}

async function search(text) {
  const mine = ++searching;
  showProblem("");
  if (!text) {
    setFound(null);
    say(rowsOf(state.count) + " shown");
    return;
  }
  let found = null;
  if (served && data.meaning) {
    say("Searching");
    try {
      const answer = await ask("/api/search?q=" + encodeURIComponent(text));
      found = { kind: "meaning", text, ...answer };
    } catch (error) {
      if (mine === searching) showProblem(error.message);
      return;
    }
  } else {
    found = withWords(text);
  }
  if (mine !== searching) return;
  setFound(found);
  say(rowsOf(state.count) + (found.kind === "meaning" ? " nearest in meaning to " : " with the words ") + text);
}

function setFound(found) {
  state.found = found;
  if (found?.kind !== "word") words.chosen = -1;
  changed("filter");
}

function showProblem(message) {
  element("problem").textContent = message;
  element("problem").hidden = !message;
}
