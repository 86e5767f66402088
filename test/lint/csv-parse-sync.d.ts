/** As much of csv-parse as is used, for the check of what browsers compile: its own types bring all of Node's. */

export interface CsvError extends Error {}
export function parse(text: string, options: object): string[][];
