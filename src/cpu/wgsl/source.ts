/** Positions in a shader's source, and the error that says what is wrong at one. */

/** A position in a shader's source, in characters from its start. */
export type Position = number;

/**
 * Thrown where a shader is not valid WGSL, or uses a part of WGSL that this device does not
 * support.
 */
export class WgslError extends Error {
  override name = 'WgslError';

  /** @param rule the rule that was broken, as a sentence without a full stop. */
  constructor(
    readonly rule: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(`line ${line}, column ${column}: ${rule}`);
  }
}

/** The line and column of a position, both starting at 1. */
export function lineAndColumn(text: string, position: Position): { line: number; column: number } {
  const before = text.slice(0, position);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: position - lineStart + 1 };
}

/** @throws WgslError always, with the line and column of the position. */
export function failAt(text: string, position: Position, rule: string): never {
  const { line, column } = lineAndColumn(text, position);
  throw new WgslError(rule, line, column);
}
