/* Follows the system's light or dark setting, or the person's own choice on this device.
   Loaded before the body is painted; without it the page is light. */
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const choice = () => localStorage.getItem("theme") || "auto";
  const apply = () => {
    root.dataset.bsTheme = choice() === "auto" ? (dark.matches ? "dark" : "light") : choice();
  };
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-theme-choice]")) {
      localStorage.setItem("theme", event.target.value);
      apply();
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-theme-choice]").forEach((select) => {
      select.value = choice();
      select.closest("[hidden]")?.removeAttribute("hidden");
    });
  });
})();
