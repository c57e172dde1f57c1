// Stripe's own fields on a page of ours: what is typed into them goes to Stripe. Our page learns whether it went well, and,
// on the phone, the name of what Stripe keeps of it for some minutes; a number never.
(() => {
  const box = document.querySelector("[data-fields]");
  const form = document.querySelector("[data-fields-form]");
  const told = form.querySelector("[data-told]");
  const button = form.querySelector("button[type=submit]");
  const { mode, key, secret, amount, currency, locale } = box.dataset;
  const returnUrl = box.dataset.return;
  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue(name).trim();

  const say = (text) => { told.textContent = text || ""; told.hidden = !text; };
  const busy = (on) => { button.disabled = on; form.toggleAttribute("data-busy", on); };
  const give_up = () => { box.hidden = true; busy(true); say(box.dataset.missing); };

  if (!window.Stripe) return give_up();
  const theme = document.documentElement.dataset.bsTheme;
  const dark = ["light", "dark"].includes(theme) ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const appearance = {
    theme: dark ? "night" : "stripe",
    variables: { fontSizeBase: "16px", borderRadius: "12px" },
    rules: {},
  };
  if (ink("--am-accent").startsWith("#")) appearance.variables.colorPrimary = ink("--am-accent");
  // The colleague hears the number and types it; nobody who looks at the screen, or records it, can read it there.
  if (mode === "moto") {
    const veil = dark ? "0 0 9px #fff" : "0 0 9px #000";
    appearance.rules[".Input"] = { color: "transparent", "-webkit-text-fill-color": "transparent", textShadow: veil };
  }
  const stripe = window.Stripe(key, { locale });
  const elements = mode === "moto"
    ? stripe.elements({ mode: "payment", amount: Number(amount), currency, paymentMethodTypes: ["card"], appearance, locale })
    : stripe.elements({ clientSecret: secret, appearance, locale });
  const fields = elements.create("payment", { layout: "tabs", wallets: mode === "moto" ? { applePay: "never", googlePay: "never", link: "never" } : {} });
  fields.on("ready", () => { box.removeAttribute("aria-busy"); busy(false); });
  fields.on("loaderror", give_up);
  fields.mount(box);

  const pay = async () => {
    const entered = await elements.submit();
    if (entered.error) return entered.error;
    const confirmParams = { return_url: returnUrl };
    if (mode === "payment") return (await stripe.confirmPayment({ elements, confirmParams })).error;
    if (mode === "setup") return (await stripe.confirmSetup({ elements, confirmParams })).error;
    const made = await stripe.createConfirmationToken({ elements, params: { return_url: returnUrl } });
    if (made.error) return made.error;
    form.elements.token.value = made.confirmationToken.id;
    form.submit();
    return null;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    say("");
    busy(true);
    let error;
    try { error = await pay(); } catch { error = { message: box.dataset.broken }; }
    if (error) { say(error.message || box.dataset.broken); busy(false); }
  });
})();
