// The sum follows what is ticked; the page of a payment follows what the provider tells. All works without it, too.
(() => {
  const form = document.getElementById("pay");
  if (form) {
    const boxes = [...form.querySelectorAll("input[data-minor]")];
    const total = form.querySelector("[data-total]");
    const button = form.querySelector("[data-pay]");
    const digits = Number(form.dataset.exponent);
    const locale = { fr: "fr-FR", en: "en-GB" }[document.documentElement.lang];
    const money = new Intl.NumberFormat(locale, {
      style: "currency", currency: form.dataset.currency, minimumFractionDigits: digits, maximumFractionDigits: digits,
    });
    const sum = () => {
      const minor = boxes.reduce((so_far, box) => so_far + (box.checked ? Number(box.dataset.minor) : 0), 0);
      if (total) total.textContent = money.format(minor / 10 ** digits);
      if (button) button.disabled = minor === 0;
    };
    form.addEventListener("change", sum);
    // A large button pays what it says, whatever was begun under "a part".
    for (const each of form.querySelectorAll(".bar button")) {
      each.addEventListener("click", () => { form.querySelector("#amount").value = ""; });
    }
    // Return in a field presses the button beside it, not the first one of the form.
    form.addEventListener("keydown", (event) => {
      const near = event.key === "Enter" && event.target.matches("input") && event.target.closest(".stack");
      if (near) { event.preventDefault(); near.querySelector("button").click(); }
    });
    sum();
  }
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.more[open]")) if (!open.contains(event.target)) open.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll("details.more[open]")) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });
  const outcome = document.querySelector("[data-state='waiting']");
  if (outcome) {
    let pause = 1500;
    const ask = async () => {
      try {
        const answer = await fetch(outcome.dataset.ask, { credentials: "same-origin" });
        if (answer.ok && (await answer.json()).state !== "waiting") return location.reload();
      } catch { /* offline for a moment: the next try will tell */ }
      pause = Math.min(pause * 1.3, 15000);
      setTimeout(ask, pause);
    };
    setTimeout(ask, pause);
  }
})();
