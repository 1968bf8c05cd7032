// Buttons in the headings of .sortable tables sort the rows; cells without a value stay at the end.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button")?.addEventListener("click", () => {
      const numeric = heading.classList.contains("number");
      // The first click shows the largest number, or the first name.
      const first = numeric ? "descending" : "ascending";
      const other = numeric ? "ascending" : "descending";
      const direction = heading.getAttribute("aria-sort") === first ? other : first;
      headings.forEach((one) => one.setAttribute("aria-sort", one === heading ? direction : "none"));
      sortRows(table.tBodies[0], column, numeric, direction === "ascending" ? 1 : -1);
    });
  });
}

function sortRows(body, column, numeric, sign) {
  const value = (row) => {
    const cell = row.cells[column];
    if (!numeric) return cell.textContent.trim();
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  };
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (numeric ? x - y : x.localeCompare(y, undefined, { numeric: true }));
  };
  body.append(...[...body.rows].sort(compare));
}
