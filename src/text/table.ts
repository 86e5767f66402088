/** Tables as text: aligned columns for the terminal, and CSV for programs. */

/**
 * A table with its first column aligned to the left and all others to the right.
 *
 * @param rows cells of each row; every row has as many as the first.
 */
export function alignedTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => row[n]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!)))
        .join('  '),
    )
    .join('\n');
}

/** Names and values, one pair a line, with the values aligned in a column. */
export function alignedPairs(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/**
 * Objects as a CSV table, one a row. The keys of the first row are the header; a missing value is
 * an empty cell. Cells and names are quoted where they need it (RFC 4180).
 */
export function toCsv(rows: readonly object[]): string {
  const [first] = rows;
  if (!first) return '';
  const keys = Object.keys(first);
  const lines = rows.map((row) =>
    keys.map((key) => csvCell((row as Record<string, unknown>)[key])).join(','),
  );
  return `${[keys.map(csvCell).join(','), ...lines].join('\n')}\n`;
}

/**
 * A cell, in quotes where a reader could take a part of it for a separator, for the end of the row
 * or for a comment, or could leave out spaces around it.
 */
function csvCell(value: unknown): string {
  const text = String(value ?? '');
  return /[",;\t\r\n]|^[\s#]|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
