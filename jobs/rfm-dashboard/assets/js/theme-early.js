// Runs before the first paint, so that a remembered theme does not flash. The switch itself is theme.js.
(() => {
  const asked = new URLSearchParams(location.search).get("theme");
  let kept = null;
  try {
    kept = localStorage.getItem("rfm.theme");
  } catch {
    // Storage is switched off: the system's theme it is.
  }
  const theme = asked === "light" || asked === "dark" ? asked : kept;
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  if (new URLSearchParams(location.search).get("view") === "wall") document.documentElement.dataset.view = "wall";
})();
