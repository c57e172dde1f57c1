// "@" in a note offers colleagues who may see the customer; without this script their log-in name is typed.
(() => {
  const WORD = /(^|[^\w@])@([\w.+-]{0,40})$/;
  let list = null, box = null, at = 0, turn = 0;

  const close = () => {
    turn += 1;
    list?.remove();
    list = null;
    box?.removeAttribute("aria-activedescendant");
  };

  const choose = (option) => {
    const until = box.selectionStart, before = box.value.slice(0, until).replace(WORD, `$1@${option.dataset.key} `);
    box.value = before + box.value.slice(until);
    box.setSelectionRange(before.length, before.length);
    close();
    box.focus();
  };

  const mark = (to) => {
    const options = [...list.children];
    at = (to + options.length) % options.length;
    options.forEach((each, n) => each.setAttribute("aria-selected", n === at));
    box.setAttribute("aria-activedescendant", options[at].id);
  };

  const show = (people) => {
    close();
    if (!people.length) return;
    list = document.createElement("ul");
    list.className = "am-mentions";
    list.id = "mentions";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", box.dataset.mentionsLabel || "");
    people.forEach((person, n) => {
      const option = document.createElement("li");
      option.id = `mention-${n}`;
      option.setAttribute("role", "option");
      option.dataset.key = person.key;
      option.textContent = person.name === person.key ? person.name : `${person.name} · @${person.key}`;
      option.addEventListener("mousedown", (event) => { event.preventDefault(); choose(option); });
      list.append(option);
    });
    box.after(list);
    mark(0);
  };

  document.addEventListener("input", async (event) => {
    if (!event.target.matches("textarea[data-mentions]")) return;
    box = event.target;
    const found = box.value.slice(0, box.selectionStart).match(WORD);
    if (!found) { close(); return; }
    const mine = (turn += 1);
    try {
      const answer = await fetch(`${box.dataset.mentions}?q=${encodeURIComponent(found[2])}`, { headers: { Accept: "application/json" } });
      const told = answer.ok ? await answer.json() : { people: [] };
      if (mine === turn) show(told.people);
    } catch {
      close(); // the line is down: the name can be typed
    }
  });
  // Before other keys of the desk hear it: Enter chooses, Escape closes the list and not the dialog around it.
  document.addEventListener("keydown", (event) => {
    if (!list || event.target !== box) return;
    const does = {
      ArrowDown: () => mark(at + 1), ArrowUp: () => mark(at - 1), Enter: () => choose(list.children[at]),
      Tab: () => choose(list.children[at]), Escape: close,
    }[event.key];
    if (does) { event.preventDefault(); event.stopPropagation(); does(); }
  }, true);
  document.addEventListener("focusout", (event) => { if (event.target === box) close(); });
})();
