/**
 * WebGPU's way with errors: a call that is refused returns an object that cannot be used, and the reason goes to the
 * innermost error scope that takes its kind, or else to `uncapturederror`.
 */

/** Thrown within the device where a call breaks a rule of WebGPU; callers see it as a validation error. */
export class Refusal extends Error {}

/** Thrown within the device where memory has run out; callers see it as an out-of-memory error. */
export class NoMemory extends Error {}

/** What error scopes give: a GPUValidationError, GPUOutOfMemoryError or GPUInternalError, as far as its message goes. */
export class CpuError implements GPUError {
  declare readonly __brand: 'GPUError';

  constructor(
    readonly kind: GPUErrorFilter,
    readonly message: string,
  ) {}
}

/** What createComputePipelineAsync rejects with. */
export class CpuPipelineError extends Error {
  override name = 'GPUPipelineError';

  constructor(
    message: string,
    readonly reason: GPUPipelineErrorReason,
  ) {
    super(message);
  }
}

/** An exception of the web platform, such as OperationError, in Node as in pages. */
export function domException(name: string, message: string): Error {
  return new DOMException(message, name);
}

interface Scope {
  readonly filter: GPUErrorFilter;
  first: CpuError | null;
}

/** The device's stack of error scopes. */
export class ErrorScopes {
  readonly #scopes: Scope[] = [];
  readonly #uncaptured: (error: CpuError) => void;

  /** @param uncaptured is given the errors that no scope takes. */
  constructor(uncaptured: (error: CpuError) => void) {
    this.#uncaptured = uncaptured;
  }

  push(filter: GPUErrorFilter): void {
    this.#scopes.push({ filter, first: null });
  }

  /** @throws OperationError, as a rejection, where no scope is open. */
  async pop(): Promise<GPUError | null> {
    const scope = this.#scopes.pop();
    if (!scope) throw domException('OperationError', 'popErrorScope: no error scope is open.');
    return scope.first as GPUError | null;
  }

  report(error: CpuError): void {
    const scope = this.#scopes.findLast(({ filter }) => filter === error.kind);
    if (!scope) this.#uncaptured(error);
    else scope.first ??= error;
  }

  /** What `make` returns, or `undefined` after its refusal was reported as an error of `what`. */
  attempt<T>(what: string, make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      if (error instanceof Refusal)
        this.report(new CpuError('validation', `${what}: ${error.message}`));
      else if (error instanceof NoMemory)
        this.report(new CpuError('out-of-memory', `${what}: ${error.message}`));
      else throw error;
      return undefined;
    }
  }
}

/** A call and the label of its object, for messages. */
export function named(call: string, label: string | undefined): string {
  return label ? `${call}("${label}")` : call;
}

/** @throws Refusal where the condition does not hold. */
export function ensure(condition: boolean, rule: () => string): asserts condition {
  if (!condition) throw new Refusal(rule());
}
