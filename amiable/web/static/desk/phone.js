// The page of a payment on the phone follows what the provider tells.
(() => {
  const card = document.querySelector("[data-phone]");
  let pause = 1200;
  const ask = async () => {
    try {
      const answer = await fetch(card.dataset.phone, { credentials: "same-origin" });
      if (answer.ok && (await answer.json()).state !== "waiting") return location.replace(location.pathname);
    } catch { /* offline for a moment: the next try will tell */ }
    pause = Math.min(pause * 1.3, 15000);
    setTimeout(ask, pause);
  };
  if (card) setTimeout(ask, pause);
})();
