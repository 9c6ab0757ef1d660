"use strict";
// Builds the page once its data has loaded.

async function start() {
  startTheme();
  readToken();
  if (served && !token) {
    fail("This address has no key. Open the one that semql printed, which ends with # and a key.");
    return;
  }
  try {
    setData(await load());
  } catch (error) {
    fail(error.message);
    return;
  }
  document.title = data.source + " · semql";
  element("source").textContent = data.source;
  element("summary").textContent = data.summary;
  element("made").textContent = data.made;
  element("page").hidden = false;
  startMap();
  startWords();
  startSearch();
  startSql();
  changed("colour");
  startTable();
  document.documentElement.dataset.ready = "true";
}

function fail(message) {
  element("summary").textContent = "";
  showProblem(message);
}

start();
