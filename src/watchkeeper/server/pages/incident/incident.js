// Links to evidence: what is folded away is opened first. Nothing here makes HTML.
(() => {
  "use strict";
  function reveal() {
    const id = location.hash.slice(1);
    if (!/^[A-Za-z][\w-]{0,40}$/.test(id)) return false;
    const target = document.getElementById(id);
    if (!target) return false;
    for (let each = target; each; each = each.parentElement) if (each instanceof HTMLDetailsElement) each.open = true;
    document.querySelectorAll("[data-wk-found]").forEach((each) => delete each.dataset.wkFound);
    target.dataset.wkFound = "";
    target.scrollIntoView({ block: "start" });
    return true;
  }
  window.addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a.wk-cite-link") : null;
    if (link && link.hash === location.hash) setTimeout(reveal);
  });
  // The page is made after it was loaded: look for a while.
  let looks = 0;
  const wait = setInterval(() => {
    looks += 1;
    if (!location.hash || looks > 50 || reveal()) clearInterval(wait);
  }, 100);
})();
