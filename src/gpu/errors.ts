/** The errors that the engine throws. */

/** A tensor or argument has the wrong shape, type or range. */
export class ShapeError extends Error {
  /** 'ShapeError'. */
  override name = 'ShapeError';

  /** @param actual what `argument` is, in the same words as `expected`. */
  constructor(op: string, argument: string, expected: string, actual: string) {
    super(`${op}: ${argument} should be ${expected}, but is ${actual}.`);
  }
}

/** The device lacks a feature or limit; the message says which, and what helps. */
export class UnsupportedError extends Error {
  /** 'UnsupportedError'. */
  override name = 'UnsupportedError';
}

/**
 * The GPU device is gone: the driver was reset, the GPU unplugged, memory ran out, or its owner
 * destroyed it.
 */
export class DeviceLostError extends Error {
  /** 'DeviceLostError'. */
  override name = 'DeviceLostError';

  constructor(
    /** The device's own explanation. */
    readonly reason: string,
  ) {
    super(
      `The GPU device was lost (${reason}): results since the last read are gone. ` +
        'Create a new engine and load the last checkpoint into it.',
    );
  }
}

/**
 * The GPU rejected a command: there is a mistake in the engine or in a user's kernel, or memory ran
 * out.
 */
export class GpuError extends Error {
  /** 'GpuError'. */
  override name = 'GpuError';
}
