// On a telephone the bar of tabs is longer than the screen: shows the one that is open.
for (const bar of document.querySelectorAll(".p-tabs")) {
  const open = bar.querySelector("[aria-current]");
  if (open) bar.scrollLeft = open.offsetLeft - bar.offsetLeft - (bar.clientWidth - open.clientWidth) / 2;
}
