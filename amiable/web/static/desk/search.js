// The search box by keyboard: arrows walk through what was found, Enter opens it, Escape closes the list.
(() => {
  const box = document.getElementById("search"), list = document.getElementById("found");
  if (!box || !list) return;
  let at = -1;
  const hits = () => [...list.querySelectorAll("[role=option]")];

  function show(open) {
    list.hidden = !open;
    box.setAttribute("aria-expanded", String(open && hits().length > 0));
    if (!open) point(-1);
  }

  function point(to) {
    at = to;
    hits().forEach((hit, place) => hit.setAttribute("aria-selected", String(place === at)));
    const here = hits()[at];
    if (here) { box.setAttribute("aria-activedescendant", here.id); here.scrollIntoView({ block: "nearest" }); }
    else box.removeAttribute("aria-activedescendant");
  }

  box.addEventListener("keydown", (event) => {
    const all = hits();
    // The first Escape closes the list and keeps the words; the next one empties the box, as boxes do.
    if (event.key === "Escape") { if (!list.hidden) event.preventDefault(); show(false); return; }
    if (list.hidden || !all.length || event.isComposing) return;
    if (event.key === "ArrowDown") { event.preventDefault(); point((at + 1) % all.length); }
    else if (event.key === "ArrowUp") { event.preventDefault(); point((at - 1 + all.length) % all.length); }
    else if (event.key === "Enter" && at >= 0) { event.preventDefault(); location.assign(all[at].href); }
  });
  box.addEventListener("input", () => { if (box.value.trim().length < 2) show(false); });
  box.addEventListener("focus", () => { if (hits().length && box.value.trim().length > 1) show(true); });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === list) { point(-1); show(document.activeElement === box && box.value.trim().length > 1); }
  });
  document.addEventListener("click", (event) => { if (!event.target.closest(".am-search")) show(false); });
})();
