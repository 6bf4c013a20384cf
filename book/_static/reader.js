// What scrolls sideways can be reached by keyboard, and only that.
"use strict";
(() => {
  const SCROLLING = ".pst-scrollable-table-container, .runs-table, .cell_output .output, article table.dataframe, article pre";
  const mark = () => {
    for (const element of document.querySelectorAll(SCROLLING)) {
      const scrolls = element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1;
      if (scrolls && getComputedStyle(element).overflowX !== "visible") element.tabIndex = 0;
      else if (!scrolls) element.removeAttribute("tabindex");
    }
  };
  addEventListener("load", mark);
  addEventListener("resize", mark);
})();
