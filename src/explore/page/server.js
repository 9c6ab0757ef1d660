"use strict";
// The way to semql, where this page is served by it. The token came with the
// address, behind the #: it is never sent but in this header.

const served = document.documentElement.dataset.mode === "served";

let token = "";

function readToken() {
  if (!served) return;
  const given = location.hash.slice(1);
  if (/^[0-9a-f]{32}$/.test(given)) {
    token = given;
    history.replaceState(null, "", location.pathname);
    try {
      sessionStorage.setItem("semql-token", token);
    } catch {
      // Without storage the address has to be opened again after a reload.
    }
    return;
  }
  try {
    token = sessionStorage.getItem("semql-token") ?? "";
  } catch {
    token = "";
  }
}

// The answer of `path`; its error as an exception with the server's words.
async function ask(path, options = {}) {
  const headers = { "X-Semql-Token": token, ...(options.headers ?? {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("semql does not answer; is `semql explore` still running?");
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // Not JSON: its text is the message.
  }
  if (!response.ok) throw new Error(answer?.error ?? (text || response.statusText));
  return answer;
}

async function load() {
  if (!served) return JSON.parse(element("data").textContent);
  return ask("/api/data");
}
