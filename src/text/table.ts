/** Tables as text: aligned for people, and as CSV for programs. */

/** Rows of cells in columns, the first aligned to the left and the others to the right. */
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

/** Names with what they stand for, a line each, the second column aligned. */
export function alignedPairs(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** Rows of one kind as a CSV table, whose header is the keys of the first. */
export function toCsv(rows: readonly object[]): string {
  const [first] = rows;
  if (!first) return '';
  const keys = Object.keys(first);
  const cell = (value: unknown) => {
    const text = String(value ?? '');
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) =>
    keys.map((key) => cell((row as Record<string, unknown>)[key])).join(','),
  );
  return `${[keys.join(','), ...lines].join('\n')}\n`;
}
