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
  const boxes = (root = document) => [...root.querySelectorAll("[data-row] input[type=checkbox]")];
  const chosen = () => boxes().filter((box) => box.checked);
  let place = -1; // of the row that was walked to, when the page is read anew

  function walk(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(here());
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    here()?.classList.remove("is-here");
    next.classList.add("is-here");
    next.querySelector("a")?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    next.querySelector("[data-look]")?.click();
  }

  // Rows are chosen with x, all of them with X; what is done with the chosen is done with the row walked to, where none is.
  function choose(box, on = !box.checked) {
    box.checked = on;
    box.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function count() {
    const number = chosen().length;
    document.querySelectorAll("[data-count]").forEach((each) => { each.value = number; });
    document.querySelector(".am-chosen")?.classList.toggle("is-some", number > 0);
  }

  function mark(key) {
    const box = here()?.querySelector("input[type=checkbox]");
    if (key === "x" && box) choose(box);
    else if (key === "X" && boxes().length) { const on = !boxes().every((each) => each.checked); boxes().forEach((each) => choose(each, on)); }
    else return false;
    return true;
  }

  function press(root, key) {
    const fold = root.querySelector(`[data-key-open="${CSS.escape(key)}"]`);
    if (fold) {
      fold.open = true;
      fold.querySelector("input:not([type=hidden]), select, textarea")?.focus();
      return true;
    }
    const field = root.querySelector(`[data-key-focus="${CSS.escape(key)}"]`);
    if (field) {
      field.focus();
      return true;
    }
    const target = root.querySelector(`[data-key="${CSS.escape(key)}"]`);
    const box = target?.hasAttribute("data-of-chosen") && !chosen().length ? here()?.querySelector("input[type=checkbox]") : null;
    if (box) choose(box, true);
    target?.click();
    return Boolean(target);
  }

  document.addEventListener("keydown", (event) => {
    // Where Enter begins a line, Ctrl or Cmd with it says that it is done.
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
      const ends = event.target.form?.querySelectorAll("button.btn-primary") ?? [];
      if (ends.length === 1) { event.preventDefault(); ends[0].click(); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target)) {
      if (event.key === "Escape") {
        // What is half written outlives one slip of the hand: the first Escape leaves the field, the next one the dialog.
        if (event.target.closest("dialog") && event.target.matches("textarea") && event.target.value !== event.target.defaultValue) event.preventDefault();
        event.target.blur();
      }
      const button = event.key === "Enter" && event.target.id && document.querySelector(`[data-enter-of="${CSS.escape(event.target.id)}"]`);
      if (button) { event.preventDefault(); button.click(); return; }
      // A box to tick takes no letters: the keys of its row go on working.
      if (event.target.type !== "checkbox" || event.key === " " || event.key === "Enter") return;
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
    else if (mark(key)) event.preventDefault();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) boxes(document.getElementById(event.target.dataset.all)).forEach((box) => choose(box, event.target.checked));
    if (event.target.closest("[data-row], [data-all]")) count();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "page") place = rows().indexOf(here());
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
      // Where somebody walked by keyboard, they go on from the same place.
      if (place >= 0 && rows().length) rows()[Math.min(place, rows().length - 1)].classList.add("is-here");
      count();
    }
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id === "act") act.querySelector("[autofocus]")?.focus();
    if (event.detail.target.id === "page") page().querySelector("[autofocus]")?.focus({ preventScroll: true });
  });
  count(); // a page that comes back from the browser's memory may have boxes ticked
  act.addEventListener("close", () => { act.replaceChildren(); });
  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close]");
    if (close && act.open) { event.preventDefault(); act.close(); }
    if (event.target instanceof HTMLDialogElement) event.target.close();
  });
})();
