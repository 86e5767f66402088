/**
 * WebGPU's error handling: an invalid call returns an invalid object, and the reason goes to the
 * innermost error scope for its kind of error, or else to `uncapturederror`.
 */

/** Thrown inside the device where a call breaks a rule of WebGPU; users see a validation error. */
export class ValidationError extends Error {}

/** Thrown inside the device where memory has run out; users see an out-of-memory error. */
export class OutOfMemoryError extends Error {}

/**
 * Thrown inside the device where it cannot do something that WebGPU allows; users see an internal
 * error.
 */
export class InternalError extends Error {}

/** The errors that error scopes return. */
export abstract class CpuError implements GPUError {
  declare readonly __brand: 'GPUError';
  /** Which error scopes capture it. */
  abstract readonly kind: GPUErrorFilter;

  constructor(readonly message: string) {}
}

// These have the names of WebGPU's classes, for code that looks at the name: outside pages there
// are no globals to compare with.
class GPUValidationError extends CpuError {
  readonly kind = 'validation';
}

class GPUOutOfMemoryError extends CpuError {
  readonly kind = 'out-of-memory';
}

class GPUInternalError extends CpuError {
  readonly kind = 'internal';
}

/** The error that `createComputePipelineAsync` rejects with. */
export class CpuPipelineError extends DOMException {
  constructor(
    message: string,
    readonly reason: GPUPipelineErrorReason,
  ) {
    super(message, 'GPUPipelineError');
  }
}

/** Creates an exception of the web platform, such as an OperationError, in Node as in pages. */
export function domException(name: string, message: string): Error {
  return new DOMException(message, name);
}

interface Scope {
  /** `undefined` captures every kind. */
  readonly filter: GPUErrorFilter | undefined;
  /** The first error that was captured. */
  error: CpuError | null;
  /** One for each call made in this scope whose outcome is not known yet; settles when it is. */
  readonly pending: Promise<void>[];
}

/** A device's stack of error scopes. */
export class ErrorScopes {
  readonly #scopes: Scope[] = [];
  readonly #uncaptured: (error: CpuError) => void;
  #isLost = false;

  /** @param uncaptured is called with the errors that no scope captures. */
  constructor(uncaptured: (error: CpuError) => void) {
    this.#uncaptured = uncaptured;
  }

  /** Opens a scope that captures one kind of error. */
  push(filter: GPUErrorFilter): void {
    this.#scopes.push({ filter, error: null, pending: [] });
  }

  /**
   * Closes the innermost scope and returns the first error that it captured.
   *
   * @throws OperationError, as a rejection, where no scope is open.
   */
  async pop(): Promise<GPUError | null> {
    if (this.#isLost) return null;
    const scope = this.#scopes.pop();
    if (!scope) throw domException('OperationError', 'popErrorScope: no error scope is open.');
    if (scope.pending.length > 0) await Promise.all(scope.pending);
    return this.#isLost ? null : (scope.error as GPUError | null);
  }

  /** Runs `call`, and returns its result and the first error of any kind that it caused. */
  capture<T>(call: () => T): { result: T; error: CpuError | null } {
    const scope: Scope = { filter: undefined, error: null, pending: [] };
    this.#scopes.push(scope);
    try {
      return { result: call(), error: scope.error };
    } finally {
      this.#scopes.pop();
    }
  }

  /** Ends all error reporting: a lost device accepts every call and does nothing. */
  lose(): void {
    this.#isLost = true;
  }

  /**
   * Runs `call` and returns its result. If it throws one of the device's errors, that is reported
   * as an error of `callName`, and the result is `undefined`.
   */
  attempt<T>(callName: string, call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.#report(asGpuError(callName, error));
      return undefined;
    }
  }

  /** Reports that the call `callName` breaks a rule. */
  reportValidationError(callName: string, why: string): void {
    this.#report(new GPUValidationError(`${callName}: ${why}`));
  }

  /**
   * Reports an error of the call `callName` once its outcome is known. The scopes that are open now
   * wait for that.
   */
  reportWhenSettled(
    callName: string,
    outcome: Promise<ValidationError | OutOfMemoryError | undefined>,
  ): void {
    const scopes = [...this.#scopes];
    const reported = outcome.then((error) => {
      if (error) this.#report(asGpuError(callName, error), scopes);
    });
    for (const scope of scopes) scope.pending.push(reported);
  }

  #report(error: CpuError, scopes: readonly Scope[] = this.#scopes): void {
    if (this.#isLost) return;
    const scope = scopes.findLast(({ filter }) => (filter ?? error.kind) === error.kind);
    if (!scope) this.#uncaptured(error);
    else scope.error ??= error;
  }
}

/** @throws the error itself where it is none of the device's own. */
function asGpuError(callName: string, error: unknown): CpuError {
  const text = `${callName}: ${(error as Error).message}`;
  if (error instanceof ValidationError) return new GPUValidationError(text);
  if (error instanceof OutOfMemoryError) return new GPUOutOfMemoryError(text);
  if (error instanceof InternalError) return new GPUInternalError(text);
  throw error;
}

/** A call and the label of its object, for messages: `createBuffer("weights")`. */
export function describeCall(call: string, label: string | undefined): string {
  return label ? `${call}("${label}")` : call;
}

/** An object and its label, for messages: `buffer "weights"`. */
export function describeObject(kind: string, label: string): string {
  return label ? `${kind} "${label}"` : kind;
}

/**
 * Checks a condition.
 *
 * @param message is called only where the condition is false.
 * @throws ValidationError where the condition is false.
 */
export function ensure(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new ValidationError(message());
}

/** @throws ValidationError where the object was created by another device. */
export function checkSameDevice(
  context: object,
  object: { readonly context: object; readonly label: string },
  kind: string,
): void {
  if (object.context === context) return;
  throw new ValidationError(`${describeObject(kind, object.label)} was created by another device`);
}
