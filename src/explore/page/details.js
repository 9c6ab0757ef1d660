"use strict";
// One product: what it says, and its nearest neighbours.

let asked = 0;

// Shows a row's details and neighbours; -1 for none.
async function choose(row) {
  state.chosen = row;
  state.near = row >= 0 && data.neighbours ? keptNeighbours(row) : null;
  showDetails();
  changed("chosen");
  if (row < 0) return;
  if (data.neighbours || !served) {
    announceChosen();
    return;
  }
  const mine = ++asked;
  try {
    const near = await ask("/api/neighbours?row=" + row);
    if (mine !== asked || state.chosen !== row) return;
    state.near = near;
  } catch (error) {
    if (mine !== asked || state.chosen !== row) return;
    state.near = { rows: [], scores: [], error: error.message };
  }
  showDetails();
  changed("chosen");
  announceChosen();
}

function keptNeighbours(row) {
  const { k, rows, scores } = data.neighbours;
  const part = (list) => list.slice(row * k, row * k + k);
  return { rows: part(rows), scores: part(scores).map((score) => score / 1000) };
}

function announceChosen() {
  const count = state.near?.rows.length ?? 0;
  say(titleOf(state.chosen).slice(0, 160) + (count ? ". " + count + " nearest neighbours are listed under Product" : ""));
}

function fact(name, value, mark) {
  const node = own("span");
  if (mark) node.append(mark);
  node.append(name ? name + ": " + value : value);
  return node;
}

function showDetails() {
  const body = element("details-body");
  const row = state.chosen;
  element("details-title").textContent = "Product";
  if (row < 0) {
    body.replaceChildren(made("p", "empty", "Choose a point on the map or a row of the table."));
    return;
  }
  const facts = made("div", "facts");
  for (const group of data.groups) {
    facts.append(fact(group.one, nameOf(group, group.codes[row]), swatch(group.codes[row], group)));
  }
  if (data.ids[row] !== null) facts.append(fact(data.columns.id, data.ids[row]));
  const parts = [own("h3", "", titleOf(row)), facts];
  if (data.texts[row] && data.titles[row]) parts.push(own("p", "body-text", data.texts[row]));
  if (state.near?.error) {
    parts.push(made("p", "problem", state.near.error));
  } else if (state.near) {
    parts.push(made("h2", "", "Nearest neighbours"), nearList(state.near));
  } else if (served) {
    parts.push(made("p", "empty", "Looking for its neighbours…"));
  }
  body.replaceChildren(...parts);
  body.scrollTop = 0;
}

function nearList(near) {
  const list = made("ol", "near");
  const group = data.groups[state.group];
  near.rows.forEach((row, at) => {
    const button = made("button");
    button.type = "button";
    const mark = group ? swatch(group.codes[row], group) : made("span", "swatch");
    const score = made("span", "score", near.scores[at].toFixed(2));
    score.title = "Cosine similarity";
    button.append(mark, own("span", "name", titleOf(row)), score);
    button.addEventListener("click", () => {
      choose(row);
      element("details-title").focus();
    });
    const item = made("li");
    item.append(button);
    list.append(item);
  });
  return list;
}

function showWord(word, near, count) {
  state.chosen = -1;
  element("details-title").textContent = "Word";
  const list = made("ol", "near");
  near.forEach((name, at) => {
    const button = made("button");
    button.type = "button";
    button.append(made("span", "swatch"), own("span", "name", name), made("span", "score", number(data.words.counts[data.words.near[word][at]])));
    button.addEventListener("click", () => {
      chooseWord(data.words.near[word][at]);
      element("details-title").focus();
    });
    const item = made("li");
    item.append(button);
    list.append(item);
  });
  const facts = made("div", "facts");
  facts.append(fact("", number(data.words.counts[word]) + " times, in " + rowsOf(count)));
  element("details-body").replaceChildren(own("h3", "", data.words.names[word]), facts, made("h2", "", "Words used alike"), list);
  changed("chosen");
}

onChange((what) => {
  if (what === "colour" && data.rows && state.chosen >= 0) showDetails();
});
