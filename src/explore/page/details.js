"use strict";
// The details of one product, and its nearest neighbours.

let lastRequest = 0;

// Shows a row's details and neighbours; -1 for none.
async function selectRow(row) {
  state.selected = row;
  state.near = row >= 0 && data.neighbours ? embeddedNeighbours(row) : null;
  showDetails();
  changed("selected");
  if (row < 0) return;
  if (data.neighbours || !served) {
    announceSelection();
    return;
  }
  const request = ++lastRequest;
  try {
    const near = await fetchJson("/api/neighbours?row=" + row);
    if (request !== lastRequest || state.selected !== row) return;
    state.near = near;
  } catch (error) {
    if (request !== lastRequest || state.selected !== row) return;
    state.near = { rows: [], scores: [], error: error.message };
  }
  showDetails();
  changed("selected");
  announceSelection();
}

function embeddedNeighbours(row) {
  const { k, rows, scores } = data.neighbours;
  const part = (list) => list.slice(row * k, row * k + k);
  return { rows: part(rows), scores: part(scores).map((score) => score / 1000) };
}

function announceSelection() {
  const count = state.near?.rows.length ?? 0;
  announce(titleOf(state.selected).slice(0, 160) + (count ? ". " + count + " nearest neighbours are listed under Product" : ""));
}

function fact(name, value, mark) {
  const node = createDataNode("span");
  if (mark) node.append(mark);
  node.append(name ? name + ": " + value : value);
  return node;
}

function showDetails() {
  const body = element("details-body");
  const row = state.selected;
  element("details-title").textContent = "Product";
  if (row < 0) {
    body.replaceChildren(createNode("p", "empty", "Choose a point on the map or a row of the table."));
    return;
  }
  const facts = createNode("div", "facts");
  for (const group of data.groups.filter((group) => hasPart(group, row))) {
    facts.append(fact(group.one, nameOf(group, group.codes[row]), swatch(group.codes[row], group)));
  }
  if (data.ids[row] !== null) facts.append(fact(data.columns.id, data.ids[row]));
  const parts = [createDataNode("h3", "", titleOf(row)), facts];
  if (data.texts[row] && data.titles[row]) parts.push(createDataNode("p", "body-text", data.texts[row]));
  if (state.near?.error) {
    parts.push(createNode("p", "problem", state.near.error));
  } else if (state.near) {
    parts.push(createNode("h2", "", "Nearest neighbours"), nearList(state.near));
  } else if (served) {
    parts.push(createNode("p", "empty", "Looking for its neighbours…"));
  }
  body.replaceChildren(...parts);
  body.scrollTop = 0;
}

function nearList(near) {
  const list = createNode("ol", "near");
  const group = data.groups[state.group];
  near.rows.forEach((row, at) => {
    const button = createNode("button");
    button.type = "button";
    const mark = group ? swatch(group.codes[row], group) : createNode("span", "swatch");
    const score = createNode("span", "score", near.scores[at].toFixed(2));
    score.title = "Cosine similarity";
    button.append(mark, createDataNode("span", "name", titleOf(row)), score);
    button.addEventListener("click", () => {
      selectRow(row);
      element("details-title").focus();
    });
    const item = createNode("li");
    item.append(button);
    list.append(item);
  });
  return list;
}

function showWord(word, near, count) {
  state.selected = -1;
  element("details-title").textContent = "Word";
  const list = createNode("ol", "near");
  near.forEach((name, at) => {
    const button = createNode("button");
    button.type = "button";
    button.append(createNode("span", "swatch"), createDataNode("span", "name", name), createNode("span", "score", number(data.words.counts[data.words.near[word][at]])));
    button.addEventListener("click", () => {
      selectWord(data.words.near[word][at]);
      element("details-title").focus();
    });
    const item = createNode("li");
    item.append(button);
    list.append(item);
  });
  const facts = createNode("div", "facts");
  facts.append(fact("", number(data.words.counts[word]) + " times, in " + countLabel(count)));
  element("details-body").replaceChildren(createDataNode("h3", "", data.words.names[word]), facts, createNode("h2", "", "Words used alike"), list);
  changed("selected");
}

onChange((what) => {
  if (what === "colour" && data.rows && state.selected >= 0) showDetails();
});
