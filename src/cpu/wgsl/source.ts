/** Where in a shader something stands, and the error that says what is wrong there. */

/** A place in a shader's text: characters from its start. */
export type Position = number;

/** A shader that is not valid WGSL, or that uses a part of WGSL this device does not have. */
export class WgslError extends Error {
  override name = 'WgslError';

  /** @param rule the rule that was broken, as one sentence without its full stop. */
  constructor(
    readonly rule: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(`line ${line}, column ${column}: ${rule}`);
  }
}

/** Line and column, both from 1, of an offset. */
export function lineAndColumn(text: string, position: Position): { line: number; column: number } {
  const before = text.slice(0, position);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: position - lineStart + 1 };
}

/** @throws WgslError at `offset`. */
export function failAt(text: string, position: Position, rule: string): never {
  const { line, column } = lineAndColumn(text, position);
  throw new WgslError(rule, line, column);
}
