// Small helpers; every page works without them.
document.addEventListener("keydown", (event) => {
  // Ctrl+Enter sends the form of a text area.
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
