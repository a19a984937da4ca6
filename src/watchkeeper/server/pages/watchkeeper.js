// Theme and keys. Everything that is shown comes from the server as text; nothing here makes HTML.
(() => {
  "use strict";
  const THEME = "watchkeeper-theme";
  const NEXT = { system: "dark", dark: "light", light: "system" };
  const SEQUENCE_MS = 1500;
  const ASK_MS = 2000;
  const GO = { n: "/", a: "/accuracy" };
  const root = document.documentElement;
  const own = document.currentScript.src;

  function stored() {
    try {
      return localStorage.getItem(THEME) in NEXT ? localStorage.getItem(THEME) : "system";
    } catch {
      return "system";
    }
  }

  function show(theme) {
    root.dataset.chosen = theme;
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    if (window.Quasar) Quasar.Dark.set(theme === "system" ? "auto" : theme === "dark");
  }

  function choose(theme) {
    try {
      localStorage.setItem(THEME, theme);
    } catch {
      // Without storage it lasts as long as the page.
    }
    show(theme);
  }

  show(stored());
  document.addEventListener("DOMContentLoaded", () => show(root.dataset.chosen));
  window.addEventListener("storage", (event) => event.key === THEME && show(stored()));

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest("[data-wk-theme]")) choose(NEXT[root.dataset.chosen]);
    if (target?.closest("[data-wk-help]")) help();
    if (target instanceof HTMLDialogElement) target.close();
  });

  function help() {
    const dialog = document.getElementById("wk-keys");
    if (!dialog) return;
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }

  // A page that lost its line because its reader signed out elsewhere shows the sign-in page, not what it showed then.
  async function look() {
    if (document.getElementById("popup")?.ariaHidden !== "false") return;
    try {
      const answer = await fetch(own, { method: "HEAD", cache: "no-store" });
      if (answer.status === 401) location.reload();
    } catch {
      // The server is away: the line is tried again, and so is this.
    }
  }
  setInterval(look, ASK_MS);

  let last = null;
  function move(step) {
    const items = [...document.querySelectorAll("[data-wk-item]")].filter((item) => item.offsetParent !== null);
    if (!items.length) return;
    const at = items.findIndex((item) => item === document.activeElement || item.dataset.wkItem === last);
    const next = items[at < 0 ? (step > 0 ? 0 : items.length - 1) : Math.min(Math.max(at + step, 0), items.length - 1)];
    last = next.dataset.wkItem;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  function press(key) {
    const wanted = [...document.querySelectorAll("[data-wk-key]")];
    const found = wanted.find((each) => each.dataset.wkKey === key && !each.disabled);
    found?.click();
    return Boolean(found);
  }

  function isTyping(target) {
    return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
  }

  let began = 0;
  // In the capture phase and stopped: the second key of a sequence must not do what it does alone.
  window.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
      const isSecond = event.timeStamp - began < SEQUENCE_MS && began > 0;
      began = 0;
      let isOurs = true;
      if (event.key === "?") help();
      else if (document.querySelector("dialog[open], .q-dialog")) isOurs = false;
      else if (isSecond && event.key in GO) location.assign(GO[event.key]);
      else if (isSecond) isOurs = false;
      else if (event.key === "g" && !event.repeat) began = event.timeStamp;
      else if (event.key === "j") move(1);
      else if (event.key === "k") move(-1);
      else isOurs = !event.repeat && press(event.key);
      if (!isOurs) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
})();
