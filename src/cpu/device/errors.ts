/**
 * WebGPU's way with errors: a call that is refused returns an object that cannot be used, and the reason goes to the
 * innermost error scope that takes its kind, or else to `uncapturederror`.
 */

/** Thrown within the device where a call breaks a rule of WebGPU; callers see it as a validation error. */
export class ValidationError extends Error {}

/** Thrown within the device where memory has run out; callers see it as an out-of-memory error. */
export class OutOfMemoryError extends Error {}

/** Thrown within the device where it cannot do what WebGPU allows; callers see it as an internal error. */
export class InternalError extends Error {}

/** What error scopes give. */
export abstract class CpuError implements GPUError {
  declare readonly __brand: 'GPUError';
  abstract readonly kind: GPUErrorFilter;

  constructor(readonly message: string) {}
}

// Named as WebGPU names them, for who looks at the name: outside of pages there are no globals to compare with.
class GPUValidationError extends CpuError {
  readonly kind = 'validation';
}

class GPUOutOfMemoryError extends CpuError {
  readonly kind = 'out-of-memory';
}

class GPUInternalError extends CpuError {
  readonly kind = 'internal';
}

/** What createComputePipelineAsync rejects with. */
export class CpuPipelineError extends DOMException {
  constructor(
    message: string,
    readonly reason: GPUPipelineErrorReason,
  ) {
    super(message, 'GPUPipelineError');
  }
}

/** An exception of the web platform, such as OperationError, in Node as in pages. */
export function domException(name: string, message: string): Error {
  return new DOMException(message, name);
}

interface Scope {
  /** `undefined` takes every kind. */
  readonly filter: GPUErrorFilter | undefined;
  /** The first error that it took. */
  error: CpuError | null;
  /** Settled once it is known whether there are errors of calls that were made while it was open. */
  readonly pending: Promise<void>[];
}

/** The device's stack of error scopes. */
export class ErrorScopes {
  readonly #scopes: Scope[] = [];
  readonly #uncaptured: (error: CpuError) => void;
  #isLost = false;

  /** @param uncaptured is given the errors that no scope takes. */
  constructor(uncaptured: (error: CpuError) => void) {
    this.#uncaptured = uncaptured;
  }

  push(filter: GPUErrorFilter): void {
    this.#scopes.push({ filter, error: null, pending: [] });
  }

  /** @throws OperationError, as a rejection, where no scope is open. */
  async pop(): Promise<GPUError | null> {
    if (this.#isLost) return null;
    const scope = this.#scopes.pop();
    if (!scope) throw domException('OperationError', 'popErrorScope: no error scope is open.');
    if (scope.pending.length > 0) await Promise.all(scope.pending);
    return this.#isLost ? null : (scope.error as GPUError | null);
  }

  /** What `call` returns, and the first error of any kind that it causes. */
  capture<T>(call: () => T): { result: T; error: CpuError | null } {
    const scope: Scope = { filter: undefined, error: null, pending: [] };
    this.#scopes.push(scope);
    try {
      return { result: call(), error: scope.error };
    } finally {
      this.#scopes.pop();
    }
  }

  /** A device that is lost has no errors any more: it takes every call, and does nothing. */
  lose(): void {
    this.#isLost = true;
  }

  /** What `call` returns, or `undefined` after its refusal was reported as an error of `what`. */
  attempt<T>(what: string, call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      this.#report(asGpuError(what, error));
      return undefined;
    }
  }

  /** Reports that a call breaks a rule. */
  reportValidationError(what: string, why: string): void {
    this.#report(new GPUValidationError(`${what}: ${why}`));
  }

  /** Reports later, as an error of `what`, what becomes of a call that is made now; the open scopes wait for it. */
  reportWhenSettled(
    what: string,
    outcome: Promise<ValidationError | OutOfMemoryError | undefined>,
  ): void {
    const scopes = [...this.#scopes];
    const reported = outcome.then((error) => {
      if (error) this.#report(asGpuError(what, error), scopes);
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

/** @throws the exception itself where it is none of those that mean a GPUError. */
function asGpuError(what: string, error: unknown): CpuError {
  const text = `${what}: ${(error as Error).message}`;
  if (error instanceof ValidationError) return new GPUValidationError(text);
  if (error instanceof OutOfMemoryError) return new GPUOutOfMemoryError(text);
  if (error instanceof InternalError) return new GPUInternalError(text);
  throw error;
}

/** A call and the label of its object, for messages. */
export function describeCall(call: string, label: string | undefined): string {
  return label ? `${call}("${label}")` : call;
}

/** An object and its label, for messages. */
export function describeObject(what: string, label: string): string {
  return label ? `${what} "${label}"` : what;
}

/** @throws Refusal where the condition does not hold. */
export function ensure(condition: boolean, rule: () => string): asserts condition {
  if (!condition) throw new ValidationError(rule());
}

/** @throws Refusal where another device made the object. */
export function checkSameDevice(
  context: object,
  object: { readonly context: object; readonly label: string },
  what: string,
): void {
  if (object.context === context) return;
  throw new ValidationError(`${describeObject(what, object.label)} was made by another device`);
}
