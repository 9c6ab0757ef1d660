"use strict";
// The SQL box: one statement, its rows, and a chart of them.

const sql = { running: null, result: null, chart: null };

function startSql() {
  if (!served) {
    element("sql").querySelector(".examples").remove();
    element("sql-body").replaceChildren(createNode("p", "note", "A page in a file has no SQL engine. `semql explore` serves this page with a SQL box."));
    return;
  }
  const text = element("sql-text");
  const examples = element("sql-examples");
  for (const [at, example] of data.examples.entries()) {
    const option = createNode("option", "", example.title);
    option.value = at;
    examples.append(option);
  }
  text.value = data.examples[0]?.sql ?? "";
  examples.addEventListener("change", () => {
    text.value = data.examples[examples.value].sql;
  });
  element("sql-run").addEventListener("click", runSql);
  element("sql-stop").addEventListener("click", () => sql.running?.abort());
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      runSql();
    }
  });
  element("chart-kind").addEventListener("change", (event) => drawChart(sql.result, sql.chart, event.target.value));
}

async function runSql() {
  if (sql.running) return;
  const running = new AbortController();
  sql.running = running;
  swapButtons("sql-run", "sql-stop");
  announce("Running");
  element("sql-error").hidden = true;
  const begun = performance.now();
  const clock = setInterval(() => {
    element("sql-state").textContent = "Running, " + Math.round((performance.now() - begun) / 1000) + " s";
  }, 1000);
  element("sql-state").textContent = "Running";
  try {
    const result = await fetchJson("/api/sql", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ sql: element("sql-text").value }),
      signal: running.signal,
    });
    const seconds = (performance.now() - begun) / 1000;
    showResult(result);
    const count = number(result.rows.length) + (result.rows.length === 1 ? " row" : " rows");
    const state = result.message || (result.more ? "The first " + count + "; there are more" : count);
    element("sql-state").textContent = state + ", " + seconds.toFixed(2) + " s";
  } catch (error) {
    showResult({ columns: [], rows: [] });
    const stopped = error.name === "AbortError";
    element("sql-state").textContent = stopped ? "Stopped" : "";
    element("sql-error").hidden = stopped;
    element("sql-error").textContent = stopped ? "" : error.message;
  } finally {
    clearInterval(clock);
    sql.running = null;
    swapButtons("sql-stop", "sql-run");
    announce(element("sql-state").textContent);
  }
}

// Enables one of two buttons, and moves the focus from the other one.
function swapButtons(from, to) {
  const focused = document.activeElement === element(from);
  element(to).disabled = false;
  if (focused) element(to).focus();
  element(from).disabled = true;
}

function showResult(result) {
  sql.result = result;
  sql.chart = chartFor(result);
  element("sql-scroll").hidden = result.columns.length === 0;
  const head = createNode("tr");
  for (const column of result.columns) {
    const cell = createDataNode("th", column.number ? "number" : "", column.name);
    cell.scope = "col";
    cell.title = column.type;
    head.append(cell);
  }
  const lines = result.rows.map((row) => {
    const line = createNode("tr");
    row.forEach((value, at) => {
      const kind = value === null ? "null" : result.columns[at].number ? "number" : "";
      line.append(createDataNode("td", kind, value ?? "NULL"));
    });
    return line;
  });
  element("sql-table").tHead.replaceChildren(head);
  element("sql-table").tBodies[0].replaceChildren(...lines);
  element("chart-label").hidden = sql.chart === null;
  element("chart-kind").value = sql.chart?.kind ?? "none";
  drawChart(result, sql.chart, element("chart-kind").value);
}
