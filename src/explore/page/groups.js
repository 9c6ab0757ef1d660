"use strict";
// The counts of categories and clusters, as bars that filter.

function showGroups() {
  const choice = element("group-choice");
  choice.replaceChildren();
  data.groups.forEach((group, at) => {
    const button = createNode("button", "", group.one);
    button.type = "button";
    button.setAttribute("aria-pressed", String(at === state.group));
    button.addEventListener("click", () => {
      state.group = at;
      changed("colour");
    });
    choice.append(button);
  });
  choice.hidden = data.groups.length < 2;
  showBars();
}

// Counts the rows that pass the other filters, so that bars reflect a search too.
function countsNow(at) {
  const group = data.groups[at];
  if (!filtered()) return group.counts;
  const counts = new Uint32Array(group.names.length);
  const { selectedCodes, found, area } = state;
  const inSearch = found && new Set(found.rows);
  for (let row = 0; row < data.rows; row++) {
    if (inSearch && !inSearch.has(row)) continue;
    if (area && (data.x[row] < area.x0 || data.x[row] > area.x1 || data.y[row] < area.y0 || data.y[row] > area.y1)) continue;
    const others = data.groups.every((other, it) => it === at || selectedCodes[it].size === 0 || selectedCodes[it].has(other.codes[row]));
    if (others) counts[group.codes[row]] += 1;
  }
  return counts;
}

function showBars() {
  const group = data.groups[state.group];
  const list = element("bars");
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.code : null;
  list.replaceChildren();
  element("groups-note").textContent = group ? "Choose one or more to filter the products." : "This table has no categories.";
  if (!group) return;
  const counts = countsNow(state.group);
  // Rows without a value can be most of them, so they do not set the scale.
  const most = Math.max(1, ...counts.filter((_, code) => group.names[code] !== null));
  group.names.forEach((name, code) => {
    const pressed = state.selectedCodes[state.group].has(code);
    const button = createNode("button");
    button.type = "button";
    button.dataset.code = code;
    button.setAttribute("aria-pressed", String(pressed));
    const fill = createNode("span", "fill");
    fill.style.width = Math.min(100, (100 * counts[code]) / most) + "%";
    fill.hidden = counts[code] === 0;
    fill.style.background = colourOf(code, group);
    const track = createNode("span", "track");
    track.append(fill);
    const label = createDataNode("span", "name", nameOf(group, code));
    label.title = nameOf(group, code);
    button.append(swatch(code, group), label, createNode("span", "count", number(counts[code])), track);
    button.addEventListener("click", () => toggleCode(state.group, code));
    const item = createNode("li");
    item.append(button);
    list.append(item);
    if (focused === String(code)) button.focus();
  });
}

onChange((what) => {
  if (what === "colour" && data.rows) showGroups();
  if (what === "filter") showBars();
});
