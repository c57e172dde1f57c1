// What happens while somebody looks. The stream names what happened; the page then reads itself anew and puts what has
// changed in its place. Never: a field that is being filled in replaced, a dialog closed, a row moved from under a hand.
(() => {
  const { live: address, liveAt: at, livePk: pk, liveSince: since } = document.body.dataset;
  if (!address || !window.EventSource) return;
  const CALM = 600, LATER = 5000, HIDDEN = 4000; // milliseconds
  const customer = at === "customer" ? pk : "";
  const rereads = customer || at === "home" || at === "inbox";
  const served = new WeakMap(); // each block's HTML as the server made it
  const theirs = new WeakSet(); // blocks in which the reader has opened or loaded something
  const page = () => document.getElementById("page");
  const place = () => document.getElementById("live");
  let stream = null, pause = LATER, waiting = 0, anew = 0, hidden = 0, lost = false, reading = false, once_more = false;

  // -- blocks: what lies side by side on a page, each with a name --------------------------------------------------------

  const holds = (block) => block.matches("#page, .am-two, .stack, [data-live-blocks]") && !block.matches("form");
  const bare = (block) => plain(block.outerHTML);
  const plain = (html) => html
    .replace(/(name="(?:csrfmiddlewaretoken|token)" value=)"[^"]*"/g, "$1").replace(/data-live-since="[^"]*"/, "").replace(/\s+/g, " ");

  function named(holder) {
    const seen = new Map();
    return [...holder.children].filter((block) => block.id !== "live" && block.id !== "messages").map((block) => {
      const title = block.id ? `#${block.id}` : block.dataset.liveKey ?? block.querySelector(":scope > header h2")?.textContent.trim()
        ?? block.getAttribute("aria-label") ?? `${block.tagName}.${block.className}`;
      const count = (seen.get(title) ?? 0) + 1;
      seen.set(title, count);
      return [`${title} ${count}`, block];
    });
  }

  function remember(holder) {
    for (const [, block] of named(holder)) holds(block) ? remember(block) : served.set(block, bare(block));
  }

  const dirty = (field) => field.type !== "hidden" && (field.matches("[type=checkbox], [type=radio]") ? field.checked !== field.defaultChecked
    : field.matches("select") ? [...field.options].some((option) => option.selected !== option.defaultSelected) && field.value !== (field.querySelector("option[selected]") ?? field.options[0])?.value
      : field.value !== field.defaultValue);
  const busy = (block) => Boolean(block.querySelector("input:focus, textarea:focus, select:focus, :popover-open"))
    || [...block.querySelectorAll("input, textarea, select")].some(dirty);

  function put(block, fresh) {
    const focused = block.contains(document.activeElement) ? document.activeElement : null;
    const here = block.querySelector(".is-here a")?.getAttribute("href");
    const open = [...block.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent.trim());
    const gone = [...block.querySelectorAll(".am-gone")].map((row) => [row, row.previousElementSibling?.querySelector("a")?.getAttribute("href")]);
    served.set(fresh, bare(fresh));
    block.replaceWith(fresh);
    for (const [row, before] of gone) keep(fresh, row, before);
    for (const summary of fresh.querySelectorAll("details > summary")) summary.parentElement.open ||= open.includes(summary.textContent.trim());
    const found = (href) => href && fresh.querySelector(`a[href="${CSS.escape(href)}"]`);
    found(here)?.closest("[data-row]")?.classList.add("is-here");
    if (focused) (focused.id ? document.getElementById(focused.id) : found(focused.getAttribute("href")))?.focus({ preventScroll: true });
    htmx.process(fresh);
  }

  // A row that a colleague took stays where it was, grey, until the page is left.
  function keep(fresh, row, before) {
    const link = row.querySelector("a")?.getAttribute("href");
    const rows = [...fresh.querySelectorAll("[data-row]")];
    const of = (href) => rows.find((each) => each.querySelector("a")?.getAttribute("href") === href);
    const same = link && of(link);
    if (same) { same.replaceWith(row); return; }
    const above = before && of(before);
    if (above) above.after(row); else rows[0]?.before(row);
  }

  function merge(holder, fresh) {
    const now = new Map(named(holder)), then = named(fresh);
    let left = false, last = null;
    for (const [name, block] of then) {
      const mine = now.get(name);
      if (!mine) {
        if (block.matches('[hx-trigger~="load"]')) continue; // it has loaded what takes its place
        if (!holds(block)) served.set(block, bare(block)); else remember(block);
        if (last) last.after(block); else holder.prepend(block);
        htmx.process(block);
        last = block;
        continue;
      }
      now.delete(name);
      if (holds(mine) && holds(block)) left = merge(mine, block) || left;
      else if (served.has(mine) && served.get(mine) !== bare(block) && !theirs.has(mine)) {
        if (busy(mine)) left = true;
        else { put(mine, block); last = block; continue; }
      }
      last = mine;
    }
    for (const block of now.values()) {
      if (!served.has(block)) continue; // what htmx has put there
      if (busy(block)) left = true; else block.remove();
    }
    return left;
  }

  async function reread() {
    if (reading) { once_more = true; return; }
    reading = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, cache: "no-store" });
      if (!answer.ok || answer.redirected) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("page");
      // A message that waited for the next page is on this one.
      for (const said of fresh?.querySelectorAll("#messages > *") ?? []) document.getElementById("messages")?.append(said);
      if (fresh && page() && merge(page(), document.adoptNode(fresh))) changed();
      load_again();
    } catch { lost = true; } finally {
      reading = false;
      if (once_more) { once_more = false; soon(CALM); }
    }
  }

  // What the page loads after itself (data-later) is asked for again: each holder stays, and takes what differs.
  const given = new WeakMap(), unfolded = new WeakMap();
  const summaries = (holder) => [...holder.querySelectorAll("details[open] > summary")].map((each) => each.textContent.trim());
  let after_all = 0;

  function load_again() {
    clearTimeout(after_all);
    after_all = setTimeout(() => {
      for (const holder of page()?.querySelectorAll("[data-later]") ?? []) busy(holder) ? changed() : htmx.trigger(holder, "again");
    }, 3 * CALM);
  }

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.target.matches("[data-later]")) return;
    const now = plain(detail.serverResponse);
    if (given.get(detail.target) === now) { detail.shouldSwap = false; return; }
    given.set(detail.target, now);
    unfolded.set(detail.target, summaries(detail.target));
  });
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    for (const summary of unfolded.has(detail.target) ? detail.target.querySelectorAll("details > summary") : []) {
      summary.parentElement.open ||= unfolded.get(detail.target).includes(summary.textContent.trim());
    }
  });

  function soon(after) {
    clearTimeout(waiting);
    waiting = setTimeout(reread, after + Math.random() * after / 2);
  }

  // -- words --------------------------------------------------------------------------------------------------------------

  function changed() {
    const old = place().querySelector("[data-live-changed]");
    if (old) return;
    const { changed: text, show } = place().dataset;
    const notice = document.createElement("div");
    notice.className = "am-notice info";
    notice.dataset.liveChanged = "";
    const words = Object.assign(document.createElement("div"), { textContent: text });
    const link = Object.assign(document.createElement("a"), { href: location.href, textContent: show, className: "btn btn-plain btn-sm" });
    notice.append(words, link);
    place().append(notice);
  }

  function present(names) {
    place().querySelector("[data-live-present]")?.remove();
    if (!names.length) return;
    const line = Object.assign(document.createElement("p"), { className: "am-present small", textContent: `${place().dataset.present} ${names.join(", ")}` });
    line.dataset.livePresent = "";
    place().prepend(line);
  }

  async function tell({ what, row }) {
    const answer = await fetch(`${address}${what}/${row}/`, { cache: "no-store" });
    if (!answer.ok) return;
    const { notice, row: href, mark } = await answer.json();
    if (notice && customer) {
      const box = document.createElement("template");
      box.innerHTML = notice;
      const fresh = box.content.firstElementChild;
      fresh.dataset.liveRow = `${what}:${row}`;
      const old = place().querySelector(`[data-live-row="${what}:${row}"]`);
      if (old) old.replaceWith(fresh); else place().append(fresh);
      while (place().querySelectorAll("[data-live-row]").length > 4) place().querySelector("[data-live-row]").remove();
    }
    return mark && href ? grey(href, mark) : false;
  }

  function grey(href, mark) {
    const row = page().querySelector(`a[href="${CSS.escape(href)}"]`)?.closest("[data-row], [data-task], li, tr");
    if (!row) return false;
    row.classList.add("am-gone");
    const badge = row.querySelector(".am-mark") ?? Object.assign(document.createElement("span"), { className: "am-mark badge" });
    badge.textContent = mark;
    (row.querySelector("a[href]").parentElement ?? row).append(badge);
    return true;
  }

  function bell(unread) {
    for (const count of document.querySelectorAll("[data-live-unread]")) {
      count.textContent = unread > 99 ? "99+" : String(unread);
      count.hidden = !unread;
    }
  }

  // -- the stream ---------------------------------------------------------------------------------------------------------

  function open(from) {
    stream?.close();
    const asked = new URLSearchParams({ at, ...(customer && { customer }), ...(from && { since: from }) });
    stream = new EventSource(`${address}?${asked}`);
    stream.addEventListener("bell", (event) => bell(JSON.parse(event.data).unread));
    stream.addEventListener("present", (event) => present(JSON.parse(event.data).names));
    stream.addEventListener("out", () => { stream.close(); location.reload(); });
    stream.addEventListener("again", (event) => { if (rereads) soon(JSON.parse(event.data).calm ? LATER : CALM); });
    stream.addEventListener("happened", async (event) => {
      const told = JSON.parse(event.data);
      const marked = told.words && (told.new || told.what === "task" || told.what === "dispute" || told.what === "attempt") ? await tell(told) : false;
      if (!(at === "home" && marked)) soon(at === "home" ? 3 * CALM : CALM);
    });
    stream.onopen = () => { if (lost && rereads) soon(CALM); lost = false; pause = LATER; };
    stream.onerror = () => {
      lost = true;
      if (stream?.readyState !== EventSource.CLOSED) return; // the browser asks again by itself
      clearTimeout(anew);
      anew = setTimeout(() => document.hidden || open(""), pause);
      pause = Math.min(pause * 2, 300000);
    };
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    clearTimeout(anew);
    if (document.hidden) hidden = setTimeout(() => { stream?.close(); stream = null; }, HIDDEN);
    else if (!stream) { open(""); if (rereads) soon(CALM); }
  });
  window.addEventListener("pagehide", () => stream?.close());
  document.addEventListener("click", (event) => event.target.closest("[data-live-close]")?.closest(".am-notice")?.remove());
  document.addEventListener("click", (event) => { for (const open of document.querySelectorAll(".am-bell[open]")) if (!open.contains(event.target)) open.open = false; });
  document.addEventListener("focusout", () => { if (place()?.querySelector("[data-live-changed]")) soon(CALM); });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    if (target.id === "page" || !page()?.contains(target)) return;
    for (let block = target; block && block !== page(); block = block.parentElement) if (served.has(block)) { theirs.add(block); return; }
  });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.id === "page" && page()) remember(page()); });

  remember(page());
  open(since);
})();
