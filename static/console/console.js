/* Small behaviours of every page: copy, pop-up menus, dialogs, shortcuts, ticking rows. No page needs them to be read. */
(() => {
  "use strict";

  const on = (type, selector, handler) =>
    document.addEventListener(type, (event) => {
      const target = event.target instanceof Element ? event.target.closest(selector) : null;
      if (target) handler(event, target);
    });

  // --- copy, also where the page is not served over HTTPS and the clipboard API is missing -----------------------
  async function copyText(text) {
    if (navigator.clipboard && window.isSecureContext) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        /* refused by the browser: the old way may still work */
      }
    }
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "fixed top-0 left-0 opacity-0";
    (document.querySelector("dialog[open]") || document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  on("click", "[data-copy], [data-copy-from]", async (event, button) => {
    event.preventDefault();
    const source = button.dataset.copyFrom ? document.querySelector(button.dataset.copyFrom) : null;
    const text = source ? (source.value ?? source.textContent) : button.dataset.copy;
    const done = await copyText(text);
    if (!done && source) getSelection().selectAllChildren(source);
    const said = done ? button.dataset.copied : button.dataset.copyFailed;
    announce(said);
    button.classList.add(done ? "is-copied" : "is-copy-failed");
    setTimeout(() => button.classList.remove("is-copied", "is-copy-failed"), 1600);
  });

  function announce(text) {
    const region = document.getElementById("announcer");
    if (region && text) region.textContent = text;
  }

  // --- pop-up menus are <details class="pop">: one open at a time, closed by Escape or a click elsewhere ----------
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.pop[open]")) {
      if (!open.contains(event.target)) open.removeAttribute("open");
    }
  });

  // --- dialogs ---------------------------------------------------------------------------------------------------
  on("click", "[data-dialog-open]", (event, button) => {
    event.preventDefault();
    document.getElementById(button.dataset.dialogOpen)?.showModal();
  });
  on("click", "[data-dialog-close]", (event, button) => {
    event.preventDefault();
    button.closest("dialog")?.close();
  });
  on("click", "dialog", (event, dialog) => {
    if (event.target === dialog) dialog.close();
  });
  // A dangerous button stays disabled until the name is typed.
  on("input", "[data-must-equal]", (event, input) => {
    const button = input.form?.querySelector("[data-guarded]");
    if (button) button.disabled = input.value.trim() !== input.dataset.mustEqual;
  });

  // --- keyboard --------------------------------------------------------------------------------------------------
  const isTyping = (element) =>
    element instanceof HTMLElement && (element.isContentEditable || /^(input|textarea|select)$/i.test(element.tagName));

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const open = document.querySelector("details.pop[open]");
      if (open) {
        open.removeAttribute("open");
        open.querySelector("summary").focus();
      }
      return;
    }
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  // --- ticking rows ------------------------------------------------------------------------------------------------
  function refreshTicks(form) {
    const boxes = [...form.querySelectorAll("[data-tick]")];
    const ticked = boxes.filter((box) => box.checked).length;
    const all = form.querySelector("[data-tick-all]");
    if (all) {
      all.checked = ticked > 0 && ticked === boxes.length;
      all.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    for (const shown of form.querySelectorAll("[data-tick-count]")) shown.textContent = String(ticked);
    for (const button of form.querySelectorAll("[data-needs-tick]")) button.disabled = ticked === 0;
  }
  on("change", "[data-tick-all]", (event, all) => {
    for (const box of all.form.querySelectorAll("[data-tick]")) box.checked = all.checked;
    refreshTicks(all.form);
  });
  on("change", "[data-tick]", (event, box) => refreshTicks(box.form));

  // --- forms -------------------------------------------------------------------------------------------------------
  on("change", "[data-submit-on-change]", (event, field) => field.form.requestSubmit());
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method === "dialog") return;
    const button = event.submitter;
    // After this turn, so that the button's own name and value are still sent.
    if (button && event.target.method === "post") setTimeout(() => (button.disabled = button.dataset.sent = true), 0);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const button of document.querySelectorAll("[data-sent]")) button.disabled = false;
  });
  // Addresses name what was asked for, not every empty field.
  document.addEventListener("htmx:configRequest", (event) => {
    const { verb, parameters } = event.detail;
    if (verb === "get") for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
  });
  // Fields that matter only for one choice of another field: <div data-shown-when="name=value|value">.
  function refreshShown(root = document) {
    for (const part of root.querySelectorAll("[data-shown-when]")) {
      const [name, values] = part.dataset.shownWhen.split("=");
      const form = part.closest("form");
      const field = form?.elements[name];
      if (field) part.hidden = !values.split("|").includes(field.value);
    }
  }
  document.addEventListener("change", (event) => event.target.form && refreshShown(event.target.form));

  // --- the reader's time zone, remembered for the next page ----------------------------------------------------------
  if (!/(^|; )mq_tz=/.test(document.cookie)) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone) document.cookie = `mq_tz=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }

  function refresh(root) {
    refreshShown(root);
    for (const all of root.querySelectorAll("[data-tick-all]")) refreshTicks(all.form);
  }
  refresh(document);
  // On a phone the tab one is on may be the last of the bar.
  for (const tab of document.querySelectorAll(".tab-bar [aria-current]")) {
    const bar = tab.closest(".tab-bar");
    bar.scrollLeft = tab.offsetLeft - bar.offsetLeft + tab.offsetWidth - bar.clientWidth;
  }
  document.addEventListener("htmx:afterSettle", (event) => refresh(event.target));
})();
