/**
 * The part of csv-parse's types that src/ uses. The package's own types need those of Node, which
 * the check of the browser code does without.
 */

export interface CsvError extends Error {}
export function parse(text: string, options: object): string[][];
