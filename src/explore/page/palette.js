"use strict";
// Colours that colour-blind users can distinguish, in the order of use. Further
// groups share one colour. The map also shows the names of groups, so that colour
// is not the only sign.

const PALETTES = {
  light: ["#183ba7", "#c4410d", "#22979d", "#ba76d2", "#7f9741", "#257a46", "#7653b4", "#7d302d", "#6d2e7c", "#d77111"],
  dark: ["#a8b7fb", "#f75f23", "#3ae6e0", "#aa6e95", "#c3f57f", "#33b67f", "#9878fd", "#c5b917", "#e870ac", "#f9c279"],
};

const REST = { light: "#8a939f", dark: "#7f8997" };

function dark() {
  return document.documentElement.dataset.theme === "dark";
}

function colourOf(code, group) {
  const shade = dark() ? "dark" : "light";
  const none = group && group.names[code] === null;
  return none ? REST[shade] : PALETTES[shade][code] ?? REST[shade];
}

// Number of parts of a group with separate colours.
const MAX_COLOURS = PALETTES.light.length;

function swatch(code, group) {
  const node = createNode("span", "swatch");
  node.style.background = colourOf(code, group);
  return node;
}

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Colour themes in the order of the button; auto follows the system.
const themes = ["auto", "light", "dark"];

function startTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let theme = "auto";
  try {
    theme = localStorage.getItem("semql-theme") ?? "auto";
  } catch {
    // A page from a file may have no storage, so the theme is not remembered.
  }
  if (!themes.includes(theme)) theme = "auto";
  const button = element("theme");
  const show = () => {
    const effective = theme === "auto" ? (system.matches ? "dark" : "light") : theme;
    document.documentElement.dataset.theme = effective;
    button.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[theme];
    button.setAttribute("aria-label", "Colours: " + { auto: "as the system", light: "light", dark: "dark" }[theme]);
    changed("colour");
  };
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try {
      localStorage.setItem("semql-theme", theme);
    } catch {
      // As above.
    }
    show();
  });
  system.addEventListener("change", show);
  show();
}
