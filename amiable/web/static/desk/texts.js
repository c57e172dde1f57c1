// The editor of a text: what a customer would read follows what is typed; a click on a name or part puts it at the cursor.
// Without this file the button "Show the e-mail" shows it, and the sentences come when the draft is kept.
(() => {
  const form = document.getElementById("text-form");
  if (!form) return;
  const body = document.getElementById("body");
  const look = document.getElementById("look");
  let last = document.activeElement;

  // A frame that is new each time: going back leads to the page before, not through every letter typed.
  function show() {
    const frame = look.querySelector("iframe");
    if (!frame) return;
    const fresh = frame.cloneNode(false);
    frame.replaceWith(fresh);
    const who = look.querySelector("[name=customer]");
    for (const name of ["customer", "who"]) {
      let kept = form.querySelector(`input[name=${name}][data-copy]`);
      if (!kept) {
        kept = Object.assign(document.createElement("input"), { type: "hidden", name });
        kept.dataset.copy = "";
        form.append(kept);
      }
      kept.value = look.querySelector(`[name=${name}]`)?.value ?? "";
    }
    form.requestSubmit(document.getElementById("show-page"));
    for (const kept of form.querySelectorAll("[data-copy]")) kept.remove();
    return who;
  }

  const changed = () => htmx.trigger(document.body, "text-changed");
  form.addEventListener("input", changed);
  look.addEventListener("input", (event) => { if (event.target.name === "who") changed(); });
  look.addEventListener("change", (event) => { if (event.target.name === "customer") changed(); });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== look) return;
    const who = look.querySelector("[name=who]");
    if (searching) { who.focus(); who.setSelectionRange(who.value.length, who.value.length); }
    show();
  });
  let searching = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target === look) searching = document.activeElement?.name === "who";
  });

  form.addEventListener("focusin", (event) => { if (["body", "subject", "preheader"].includes(event.target.name)) last = event.target; });
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-insert]");
    if (!chosen || body.readOnly) return;
    const words = chosen.dataset.insert;
    const part = words.startsWith("[");
    const field = part || !form.contains(last) || !("setRangeText" in last) ? body : last;
    const text = part ? `${field.selectionStart && !field.value.slice(0, field.selectionStart).endsWith("\n\n") ? "\n\n" : ""}${words}\n\n` : words;
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    changed();
  });
  show();
})();
