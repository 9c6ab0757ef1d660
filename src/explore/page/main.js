"use strict";
// Puts the page together once its data is there.

async function start() {
  startTheme();
  readToken();
  if (served && !token) {
    fail("This address lacks its key. Open the one that semql printed when it started; it ends with # and a key.");
    return;
  }
  try {
    receive(await load());
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
