"use strict";
// Search by meaning in a served page, by words in a file.

let lastSearch = 0;

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
  // The clear button of the field ends the search.
  input.addEventListener("input", () => {
    if (input.value === "" && state.found) search("");
  });
}

async function search(text) {
  const searchNumber = ++lastSearch;
  showProblem("");
  if (!text) {
    setFound(null);
    announce(countLabel(state.count) + " shown");
    return;
  }
  let found = null;
  if (served && data.meaning) {
    announce("Searching");
    try {
      const answer = await fetchJson("/api/search?q=" + encodeURIComponent(text));
      found = { kind: "meaning", text, ...answer };
    } catch (error) {
      if (searchNumber === lastSearch) showProblem(error.message);
      return;
    }
  } else {
    found = findWords(text);
  }
  if (searchNumber !== lastSearch) return;
  setFound(found);
  announce(countLabel(state.count) + (found.kind === "meaning" ? " nearest in meaning to " : " with the words ") + text);
}

function setFound(found) {
  state.found = found;
  if (found?.kind !== "word") words.selected = -1;
  changed("filter");
}

function showProblem(message) {
  element("problem").textContent = message;
  element("problem").hidden = !message;
}
