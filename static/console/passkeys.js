// Passkeys: passes the server's question to the browser's authenticator and the answer back, in an ordinary form.
(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replaceAll("=", "");
  const withIds = (list) => (list || []).map((item) => ({ ...item, id: bytes(item.id) }));

  async function make({ publicKey }) {
    const made = await navigator.credentials.create({
      publicKey: {
        ...publicKey,
        challenge: bytes(publicKey.challenge),
        user: { ...publicKey.user, id: bytes(publicKey.user.id) },
        excludeCredentials: withIds(publicKey.excludeCredentials),
      },
    });
    return {
      attestationObject: text(made.response.attestationObject),
      clientDataJSON: text(made.response.clientDataJSON),
      credential: made,
    };
  }

  async function show({ publicKey }) {
    const shown = await navigator.credentials.get({
      publicKey: {
        ...publicKey,
        challenge: bytes(publicKey.challenge),
        allowCredentials: withIds(publicKey.allowCredentials),
      },
    });
    return {
      authenticatorData: text(shown.response.authenticatorData),
      clientDataJSON: text(shown.response.clientDataJSON),
      signature: text(shown.response.signature),
      userHandle: shown.response.userHandle ? text(shown.response.userHandle) : undefined,
      credential: shown,
    };
  }

  async function answer(form) {
    const problem = form.querySelector("[data-passkey-problem]");
    problem.hidden = true;
    if (!window.PublicKeyCredential || !window.isSecureContext) {
      problem.textContent = problem.dataset.passkeyProblem;
      problem.hidden = false;
      return;
    }
    try {
      const options = JSON.parse(form.dataset.options);
      const { credential, ...response } = await (form.dataset.passkey === "create" ? make(options) : show(options));
      form.elements.answer.value = JSON.stringify({
        id: credential.id,
        rawId: text(credential.rawId),
        type: credential.type,
        clientExtensionResults: {},
        response,
      });
      form.submit();
    } catch {
      problem.textContent = problem.dataset.passkeyCancelled;
      problem.hidden = false;
    }
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer(form);
    });
  }
})();
