// The desk by keyboard, and its dialogs. Everything here also works by click, and most of it without this file.
(() => {
  const home = document.body.dataset.home, customers = document.body.dataset.customers;
  const act = document.getElementById("act"), keys = document.getElementById("keys");
  let leader = 0;

  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const page = () => document.getElementById("page");
  const arrows = () => document.querySelector("[data-arrows]");
  const here = () => document.querySelector("[data-row].is-here");

  function walk(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(here());
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    here()?.classList.remove("is-here");
    next.classList.add("is-here");
    next.querySelector("a")?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  function press(root, key) {
    const fold = root.querySelector(`[data-key-open="${CSS.escape(key)}"]`);
    if (fold) {
      fold.open = true;
      fold.querySelector("input:not([type=hidden]), select, textarea")?.focus();
      return true;
    }
    const target = root.querySelector(`[data-key="${CSS.escape(key)}"]`);
    target?.click();
    return Boolean(target);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const { key } = event;
    const open = document.querySelector("dialog[open]");
    if (open) {
      if (open === act && press(act, key)) event.preventDefault();
      return;
    }
    if (Date.now() - leader < 1500) {
      leader = 0;
      const where = { h: home, c: customers }[key];
      if (where) { event.preventDefault(); location.assign(where); return; }
    }
    if (key === "g") leader = Date.now();
    else if (key === "/") { event.preventDefault(); (document.querySelector("[data-search]") ?? document.getElementById("search"))?.select(); }
    else if (key === "?") keys.showModal();
    else if (key === "ArrowDown" && arrows() && press(page(), "j")) event.preventDefault();
    else if (key === "ArrowUp" && arrows() && press(page(), "k")) event.preventDefault();
    else if (key === "j") { if (!press(page(), key)) walk(1); }
    else if (key === "k") { if (!press(page(), key)) walk(-1); }
    else if (key === "Enter" && event.target.closest("a, button, summary")) return;
    else if (key === "Enter" && here() && event.target === document.body) here().querySelector("a")?.click();
    else if (press(page(), key)) event.preventDefault();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.querySelector(button.dataset.copy);
    field.select();
    try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); } // without HTTPS
    button.textContent = button.dataset.copied;
  });

  // What is there to be copied is chosen whole.
  document.addEventListener("focusin", (event) => event.target.matches("[data-select]") && event.target.select());

  // A fragment for the dialog opens it; a new page closes it.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "act" && !act.open) act.showModal();
    if (event.detail.target.id === "page") {
      if (act.open) act.close();
      document.getElementById("page").focus({ preventScroll: true });
    }
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id === "act") act.querySelector("[autofocus]")?.focus();
  });
  act.addEventListener("close", () => { act.replaceChildren(); });
  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close]");
    if (close && act.open) { event.preventDefault(); act.close(); }
    if (event.target instanceof HTMLDialogElement) event.target.close();
  });
})();
