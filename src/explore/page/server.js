"use strict";
// Requests to the server of the page. The token is the part of the address after
// the #, and is sent in a header only.

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
      // Without storage, a reload needs the address again.
    }
    return;
  }
  try {
    token = sessionStorage.getItem("semql-token") ?? "";
  } catch {
    token = "";
  }
}

// Returns the JSON response of `path`, and throws the message of an error response.
async function fetchJson(path, options = {}) {
  const headers = { "X-Semql-Token": token, ...(options.headers ?? {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("no response from semql; is `semql explore` still running?");
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // The body is not JSON; its text is the message.
  }
  if (!response.ok) throw new Error(answer?.error ?? (text || response.statusText));
  return answer;
}

async function load() {
  if (!served) return JSON.parse(element("data").textContent);
  return fetchJson("/api/data");
}
