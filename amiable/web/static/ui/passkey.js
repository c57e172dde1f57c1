// A passkey that was not given is told in words, beside the button; allauth's scripts do the rest.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.getElementById("passkey-wrong").hidden = false;
});
