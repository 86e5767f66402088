/** Where in a shader something stands, and the error that says what is wrong there. */

/** A place in a shader's text: characters from its start. */
export type Offset = number;

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
export function positionAt(text: string, offset: Offset): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

/** @throws WgslError at `offset`. */
export function failAt(text: string, offset: Offset, rule: string): never {
  const { line, column } = positionAt(text, offset);
  throw new WgslError(rule, line, column);
}
