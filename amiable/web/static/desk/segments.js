// The editor of segments, and of a campaign's filter: conditions as rows, order by buttons or Alt and arrows, a preview
// after every change; and the search on the page of facts. Without this file conditions are text and the buttons go to the server.
(() => {
  const find = document.getElementById("find-fact");
  find?.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of document.querySelectorAll(find.dataset.find)) {
      const said = card.dataset.words.toLowerCase();
      card.hidden = !words.every((word) => said.includes(word));
      shown += !card.hidden;
    }
    document.getElementById("find-none").hidden = shown > 0;
  });

  const form = document.querySelector("form[data-rows]");
  if (!form) return;
  const list = form.querySelector("[data-list]");
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const facts = new Map(read("segment-facts").map((fact) => [fact.name, fact]));
  const words = Object.fromEntries([...document.querySelectorAll("[data-word]")].map((word) => [word.dataset.word, word.textContent]));
  const copy = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
  const state = new WeakMap(); // of a segment: its rows, or null where only text can say it
  const numbers = ["=", "<>", "<", "<=", ">", ">=", "known", "unknown"];
  const signs = { text: ["=", "<>", "in", "contains"], yes: ["yes", "no"] };
  const changed = () => htmx.trigger(document.body, "conditions-changed");
  const cards = () => [...form.querySelectorAll("[data-segment]")];
  const option = (value, label) => new Option(label, value);

  // -- what rows say as text
  const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
  function rowText({ fact, sign, value }) {
    const { unit } = facts.get(fact);
    if (sign === "yes") return fact;
    if (sign === "no") return `NOT ${fact}`;
    if (sign === "known") return `${fact} IS NOT NULL`;
    if (sign === "unknown") return `${fact} IS NULL`;
    if (sign === "in") return `${fact} IN (${value.split(",").map((each) => quoted(each.trim())).join(", ")})`;
    if (sign === "contains") return `${fact} ILIKE ${quoted(`%${value.replace(/[%_]/g, "")}%`)}`;
    if (unit === "text") return `${fact} ${sign} ${quoted(value)}`;
    const number = unit === "share" && value !== "" ? String(+(value / 100).toFixed(6)) : value;
    return `${fact} ${sign} ${number}`;
  }
  function text(rows) {
    const blocks = rows.blocks.filter((block) => block.length);
    const parts = blocks.map((block) => {
      const said = block.map(rowText).join(rows.all ? " OR " : " AND ");
      return rows.all && block.length > 1 && blocks.length > 1 ? `(${said})` : said;
    });
    return parts.join(rows.all ? " AND " : " OR ");
  }

  // -- the builder
  function valueField(row, told) {
    const fact = facts.get(row.fact);
    const hold = document.createElement("span");
    hold.className = "am-rule-input";
    if (["known", "unknown", "yes", "no"].includes(row.sign)) return hold;
    let input;
    if (fact.unit === "text" && ["=", "<>"].includes(row.sign) && fact.choices.some(([value, label]) => value !== label)) {
      input = document.createElement("select");
      input.className = "form-select";
      for (const [value, label] of fact.choices) input.add(option(value, label));
      if (![...input.options].some((each) => each.value === row.value)) input.add(option(row.value, row.value || "–"));
    } else {
      input = document.createElement("input");
      input.className = "form-control";
      if (fact.unit !== "text") { input.type = "number"; input.step = "any"; input.inputMode = "decimal"; }
      else if (fact.choices.length) {
        const offered = document.createElement("datalist");
        offered.id = `values-${fact.name}-${Math.random().toString(36).slice(2)}`;
        for (const [value, label] of fact.choices) offered.append(option(value, label));
        input.setAttribute("list", offered.id);
        hold.append(offered);
      }
    }
    input.value = row.value;
    input.setAttribute("aria-label", words.value);
    input.addEventListener("input", () => { row.value = input.value; told(); });
    hold.prepend(input);
    if (fact.suffix) {
      const suffix = document.createElement("span");
      suffix.className = "small quiet";
      suffix.textContent = fact.suffix;
      hold.append(suffix);
    }
    return hold;
  }

  function rowElement(row, told, remove) {
    const element = copy("row-empty");
    const [fact, sign] = [element.querySelector("[data-fact]"), element.querySelector("[data-sign]")];
    for (const each of facts.values()) fact.add(option(each.name, each.meaning));
    const draw = () => {
      const known = facts.get(row.fact), offered = signs[known.unit] ?? numbers;
      fact.value = row.fact;
      sign.replaceChildren(...(offered.includes(row.sign) ? offered : [...offered, row.sign]).map((each) => option(each, words[known.unit === "text" && each.length < 3 && words[`text ${each}`] ? `text ${each}` : each] ?? each)));
      sign.value = row.sign;
      element.querySelector("[data-value]").replaceChildren(valueField(row, told));
      element.querySelector("[data-meaning]").textContent = row.fact;
    };
    fact.addEventListener("change", () => {
      const unit = facts.get(fact.value).unit, same = unit === facts.get(row.fact).unit;
      row.fact = fact.value;
      if (!same || unit === "text") Object.assign(row, fresh(row.fact));
      draw(); told();
    });
    sign.addEventListener("change", () => { row.sign = sign.value; draw(); told(); });
    element.querySelector("[data-row-remove]").addEventListener("click", remove);
    draw();
    return element;
  }

  function fresh(name) {
    const { unit, choices } = facts.get(name);
    if (unit === "yes") return { fact: name, sign: "yes", value: "" };
    if (unit === "text") return { fact: name, sign: "=", value: choices[0]?.[0] ?? "" };
    return { fact: name, sign: ">", value: "0" };
  }

  function build(card) {
    const rows = state.get(card), hold = card.querySelector("[data-builder]");
    const element = copy("builder-empty"), joiner = element.querySelector("[data-joiner]"), blocks = element.querySelector("[data-blocks]");
    const told = () => { card.querySelector("[name=when]").value = text(rows); summary(card); say(card, ""); changed(); };
    const again = (focus) => { told(); build(card); focus?.(card); };
    joiner.value = rows.all ? "all" : "any";
    joiner.closest(".am-joiner").hidden = rows.blocks.length < 2 && rows.blocks.every((block) => block.length < 2);
    joiner.addEventListener("change", () => { rows.all = joiner.value === "all"; again(); });
    const outer = rows.all ? words.and : words.or, inner = rows.all ? words.or : words.and;
    rows.blocks.forEach((block, at) => {
      const box = copy("block-empty");
      if (at) box.dataset.word = outer;
      box.querySelector("[data-row-word]").textContent = inner;
      block.forEach((row, place) => {
        const line = rowElement(row, told, () => {
          block.splice(place, 1);
          if (!block.length) rows.blocks.splice(at, 1);
          again((where) => where.querySelector("[data-block-add]").focus());
        });
        if (place) line.dataset.word = inner;
        box.querySelector("[data-rows]").append(line);
      });
      box.querySelector("[data-row-add]").addEventListener("click", () => {
        block.push(fresh(block.at(-1).fact));
        again((where) => [...where.querySelectorAll(".am-block")][at].querySelector(".am-rule:last-child [data-fact]").focus());
      });
      blocks.append(box);
    });
    element.querySelector("[data-block-word]").textContent = rows.blocks.length ? outer : words.first;
    element.querySelector("[data-block-add]").addEventListener("click", () => {
      rows.blocks.push([fresh("overdue")]);
      again((where) => [...where.querySelectorAll("[data-fact]")].at(-1).focus());
    });
    hold.replaceChildren(element);
  }

  // -- one segment
  const say = (card, sentence) => { card.querySelector("[data-wrong]").textContent = sentence; };
  function summary(card) {
    if (!card.querySelector("[data-shown-when]")) return;
    const label = card.querySelector(`[name=label_${document.documentElement.lang}]`)?.value || card.querySelector("[name=label_en]").value || card.querySelector("[name=label_fr]").value;
    card.querySelector("[data-shown-label]").textContent = label || words.unnamed;
    card.querySelector("[data-shown-when]").textContent = card.querySelector("[name=when]").value || words.everyone;
  }
  function mode(card, name) {
    const rows = state.get(card);
    const wanted = name === "rows" && rows ? "rows" : "text";
    card.querySelector(".am-modes").hidden = false;
    card.querySelector("[data-builder]").hidden = wanted !== "rows";
    card.querySelector("[data-text]").hidden = wanted === "rows";
    card.querySelector("[data-richer]").hidden = !(name === "rows" && !rows);
    for (const chip of card.querySelectorAll("[data-mode]")) chip.setAttribute("aria-pressed", String(chip.dataset.mode === wanted));
    if (wanted === "rows") build(card);
  }
  async function ask(card) {
    const when = card.querySelector("[name=when]").value, said = new FormData();
    said.set("when", when);
    said.set("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
    const answer = await fetch(form.dataset.rows, { method: "POST", body: said });
    if (!answer.ok || card.querySelector("[name=when]").value !== when) return;
    const told = await answer.json();
    state.set(card, told.rows);
    say(card, told.wrong);
    card.querySelector("[data-richer]").hidden = true;
  }
  function prepare(card, rows) {
    state.set(card, rows);
    const details = card.querySelector("details");
    let timer;
    details?.addEventListener("toggle", () => { if (details.open && card.querySelector(".am-modes").hidden) mode(card, "rows"); });
    card.addEventListener("input", (event) => {
      if (!event.target.name) return;
      summary(card);
      changed();
      if (event.target.name === "when") { clearTimeout(timer); timer = setTimeout(() => ask(card), 300); }
    });
    card.querySelector("[data-mode=rows]").addEventListener("click", async () => { await ask(card); mode(card, "rows"); });
    card.querySelector("[data-mode=text]").addEventListener("click", () => { mode(card, "text"); card.querySelector("[name=when]").focus(); });
    summary(card);
    if (!details || details.open) mode(card, "rows");
  }

  const rows = read("segment-rows");
  cards().forEach((card, at) => prepare(card, rows[at]));
  if (!list) return;

  // -- their order
  const renumber = () => cards().forEach((card, at, all) => {
    card.querySelector("[data-number]").textContent = at + 1;
    card.querySelector("[data-up]").disabled = at === 0;
    card.querySelector("[data-down]").disabled = at === all.length - 1;
  });
  function shift(card, step) {
    const other = step < 0 ? card.previousElementSibling : card.nextElementSibling;
    if (!other) return;
    const focused = document.activeElement;
    if (step < 0) other.before(card); else other.after(card);
    renumber();
    (focused?.disabled ? card.querySelector("summary") : focused)?.focus();
    card.scrollIntoView({ block: "nearest" });
    changed();
  }
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-up], [data-down], [data-remove]");
    if (!button) return;
    event.preventDefault();
    const card = button.closest("[data-segment]");
    if (button.matches("[data-remove]")) {
      const next = card.nextElementSibling ?? card.previousElementSibling;
      card.remove();
      (next?.querySelector("summary") ?? form.querySelector("[data-add]")).focus();
      renumber();
      changed();
    } else shift(card, button.matches("[data-up]") ? -1 : 1);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const card = event.target.closest("[data-segment]");
    if (event.altKey && step && card) { event.preventDefault(); shift(card, step); }
  });
  form.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); });
  let added = 0;
  form.querySelector("[data-add]").addEventListener("click", (event) => {
    event.preventDefault();
    const card = copy("segment-empty"), unique = `new-${++added}`;
    for (const each of card.querySelectorAll("[id], [for], [aria-describedby]"))
      for (const name of ["id", "for", "aria-describedby"]) if (each.hasAttribute(name)) each.setAttribute(name, each.getAttribute(name).replace("new", unique));
    // Before the last one, which most often takes everyone who is left.
    const last = cards().at(-1);
    if (last && !last.querySelector("[name=when]").value.trim()) last.before(card); else list.append(card);
    prepare(card, { all: true, blocks: [] });
    card.querySelector("details").open = true;
    renumber();
    card.querySelector("[name=label_fr]").focus();
    changed();
  });

  renumber();
})();
