/** Prints a table that can be pasted into Markdown. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map(row => (row[column] ?? title).length)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  console.log(line(head))
  console.log(line(widths.map(width => "-".repeat(width))))
  for (const row of rows) console.log(line(row))
}
