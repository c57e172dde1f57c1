"""The browser's side of Stripe, played where there is no network: its script, its frame with the fields, its interface.

The script has the methods of Stripe.js that our page calls, and keeps its fields in a frame of its own origin, as the real
one does; so the Content-Security-Policy is in force, and what is typed is out of our page's reach.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connections
from playwright.sync_api import BrowserContext, Route

SCRIPT = """
window.Stripe = (key, options) => {
  let frame;
  const ask = (what, more) => new Promise((done) => {
    const heard = (event) => {
      if (event.origin !== "https://js.stripe.com" || event.data.answers !== what) return;
      removeEventListener("message", heard);
      done(event.data);
    };
    addEventListener("message", heard);
    frame.contentWindow.postMessage({ ask: what, key, ...more }, "https://js.stripe.com");
  });
  const go_on = async (what, options) => {
    const said = await ask(what, { secret: options.elements.secret });
    if (said.error) return { error: said.error };
    location.href = options.confirmParams.return_url + (options.confirmParams.return_url.includes("?") ? "&" : "?")
      + "redirect_status=succeeded";
    return new Promise(() => {});
  };
  return {
    elements: (wanted) => ({
      secret: wanted.clientSecret,
      create: () => {
        const heard = {};
        return {
          on: (name, then) => { heard[name] = then; },
          mount: (box) => {
            frame = document.createElement("iframe");
            frame.src = "https://js.stripe.com/fields.html#" + encodeURIComponent(JSON.stringify(wanted.appearance || {}));
            frame.title = "Secure payment input frame";
            frame.width = "100%"; frame.height = "250"; frame.frameBorder = "0";
            frame.onload = () => heard.ready();
            box.append(frame);
          },
        };
      },
      submit: () => ask("submit"),
    }),
    confirmPayment: (options) => go_on("pay", options),
    confirmSetup: (options) => go_on("setup", options),
    createConfirmationToken: async () => {
      const said = await ask("token");
      return said.error ? said : { confirmationToken: { id: said.id } };
    },
  };
};
"""
FIELDS = """<!doctype html><html lang="en"><head><title>Fields</title><style>
body{margin:0;font:15px system-ui;color-scheme:light dark}label{display:block;margin:0 0 14px;color:#697386;font-size:13px}
input{display:block;width:100%;box-sizing:border-box;margin-top:5px;padding:12px;font:16px system-ui;border:1px solid #9aa5b1;
border-radius:12px;background:transparent}div{display:grid;grid-template-columns:1fr 1fr;gap:12px}</style></head><body>
<label>Card number<input name="number" autocomplete="off"></label><div><label>Expiry<input name="expiry"></label>
<label>CVC<input name="cvc"></label></div><script>
const style = JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}");
const rule = (style.rules || {})[".Input"];
if (style.theme === "night") { document.body.style.color = "#fff"; document.body.style.background = "#151d2b"; }
if (rule) for (const input of document.querySelectorAll("input"))
  { input.style.webkitTextFillColor = rule["-webkit-text-fill-color"]; input.style.textShadow = rule.textShadow; }
const value = (name) => document.querySelector(`[name=${name}]`).value.replace(/ /g, "");
addEventListener("message", async ({ data, origin, source }) => {
  const answer = (more) => source.postMessage({ answers: data.ask, ...more }, origin);
  const whole = value("number").length === 16 && value("cvc").length === 3;
  if (!whole) return answer({ error: { type: "validation_error", message: "Your card number is incomplete." } });
  if (data.ask === "submit") return answer({});
  const body = JSON.stringify({ ask: data.ask, number: value("number"), secret: data.secret || "" });
  answer(await (await fetch("https://api.stripe.com/fake", { method: "POST", body })).json());
});
</script></body></html>"""
Told = Callable[[str, str], dict[str, object]]  # what is asked and the number → Stripe's answer


@dataclass
class Network:
    """What left the browser: to whom, with what."""

    ours: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def network(context: BrowserContext, base: str, answer: Told) -> Network:
    """Plays Stripe in this browser, and keeps what it sends to anybody."""
    seen = Network()

    def watch(route: Route) -> None:
        request = route.request
        if request.url.startswith(base):
            seen.ours.append(f"{request.url}\n{request.post_data or ''}")
            route.continue_()
            return
        seen.others.append(request.url)
        headers = {"Access-Control-Allow-Origin": "*"}
        if request.url.startswith("https://js.stripe.com/endive/stripe.js"):
            route.fulfill(body=SCRIPT, content_type="application/javascript")
        elif request.url.startswith("https://js.stripe.com/fields.html"):
            route.fulfill(body=FIELDS, content_type="text/html")
        elif request.url == "https://api.stripe.com/fake":
            said = json.loads(request.post_data or "{}")
            route.fulfill(body=json.dumps(answer(said["ask"], said["number"])), headers=headers)
            connections.close_all()  # Playwright calls us on a stack of its own, which has a connection of its own
        else:
            route.abort()

    context.route("**/*", watch)
    return seen
