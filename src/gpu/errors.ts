/** The errors of the engine: each says what was wrong, where, what was expected and what to do. */

/** A tensor or argument of the wrong shape, type or range: names the op, the argument, the expected and the given. */
export class ShapeError extends Error {
  override name = 'ShapeError';

  constructor(op: string, argument: string, expected: string, given: string) {
    super(`${op}: ${argument} should be ${expected}, but is ${given}.`);
  }
}

/** The device cannot do what was asked; says which feature or limit is missing and what would help. */
export class UnsupportedError extends Error {
  override name = 'UnsupportedError';
}

/** The GPU device is gone (driver reset, unplugged, out of memory, destroyed by its owner). */
export class DeviceLostError extends Error {
  override name = 'DeviceLostError';

  constructor(readonly reason: string) {
    super(
      `The GPU device was lost (${reason}): results since the last read are gone. ` +
        'Make a new engine and load the last checkpoint into it.',
    );
  }
}

/** A command the GPU refused: a mistake in the engine itself, or memory that ran out. */
export class GpuError extends Error {
  override name = 'GpuError';
}
