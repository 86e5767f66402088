import { afterEach, describe, expect, it, vi } from 'vitest';
import { ErrorScopes, OutOfMemoryError, ValidationError } from '../../../src/cpu/device/errors.js';
import * as c from './calls.js';
import { exceptionName, resultTests, useDevices, verdictTests } from './verdict.js';

const devices = useDevices();
const testVerdict = verdictTests(devices);
const testResult = resultTests(devices);

/** Causes a validation error. */
function causeError(d: GPUDevice): void {
  c.buffer(d, 4, 0);
}

/** The class names of the errors that popped scopes caught, in the order of the pops. */
async function errorClasses(
  ...popped: Promise<GPUError | null>[]
): Promise<(string | undefined)[]> {
  return (await Promise.all(popped)).map((error) => error?.constructor.name);
}

describe('error scopes', () => {
  testVerdict('an unknown filter', 'TypeError', (d) => () => {
    d.pushErrorScope('syntax' as GPUErrorFilter);
  });
  testVerdict('a filter for internal errors', 'none', (d) => () => {
    d.pushErrorScope('internal');
    return d.popErrorScope();
  });

  testResult(
    'catch the error of a call between push and pop',
    ['GPUValidationError', undefined],
    (d) => {
      d.pushErrorScope('validation');
      causeError(d);
      const withError = d.popErrorScope();
      d.pushErrorScope('validation');
      return errorClasses(withError, d.popErrorScope());
    },
  );

  testResult(
    'nest: the innermost one catches the error',
    ['GPUValidationError', undefined],
    (d) => {
      d.pushErrorScope('validation');
      d.pushErrorScope('validation');
      causeError(d);
      return errorClasses(d.popErrorScope(), d.popErrorScope());
    },
  );

  testResult(
    'nest: the outer one catches an error after the inner one is popped',
    [undefined, 'GPUValidationError'],
    (d) => {
      d.pushErrorScope('validation');
      d.pushErrorScope('validation');
      const inner = d.popErrorScope();
      causeError(d);
      return errorClasses(inner, d.popErrorScope());
    },
  );

  testResult(
    'do not catch errors of other kinds',
    [undefined, undefined, 'GPUValidationError', undefined],
    (d) => {
      d.pushErrorScope('validation');
      d.pushErrorScope('validation');
      d.pushErrorScope('internal');
      d.pushErrorScope('out-of-memory');
      causeError(d);
      const popped = [d.popErrorScope(), d.popErrorScope(), d.popErrorScope(), d.popErrorScope()];
      return errorClasses(...popped);
    },
  );

  testResult('keep only the first of several errors', true, async (d) => {
    const message = async (faultyCall: () => void) => {
      d.pushErrorScope('validation');
      faultyCall();
      return (await d.popErrorScope())!.message;
    };
    const invalid = (label: string) => d.createBuffer({ size: 4, usage: 0, label });
    const [p, q] = [await message(() => invalid('p')), await message(() => invalid('q'))];
    const both = await message(() => {
      invalid('p');
      invalid('q');
    });
    return p !== q && both === p;
  });

  testResult(
    'reject a pop without a push with an OperationError',
    ['OperationError', undefined],
    async (d) => {
      const popped = await exceptionName(() => d.popErrorScope());
      d.pushErrorScope('validation');
      return [popped, await exceptionName(() => d.popErrorScope())];
    },
  );

  testResult('do not catch exceptions', ['RangeError', 'none'], async (d) => {
    d.pushErrorScope('validation');
    const thrown = await exceptionName(() => {
      d.createBuffer({ size: 2, usage: c.STORAGE, mappedAtCreation: true });
    });
    return [thrown, (await d.popErrorScope()) ? 'error' : 'none'];
  });
});

describe('uncapturederror', () => {
  afterEach(() => vi.restoreAllMocks());

  testResult(
    'is dispatched to the handler and to listeners, after the call',
    ['returned', 'handler', 'listener'],
    async (d) => {
      const order: string[] = [];
      const listener = (event: Event) => {
        event.preventDefault();
        order.push('listener');
      };
      d.onuncapturederror = () => order.push('handler');
      d.addEventListener('uncapturederror', listener);
      causeError(d);
      order.push('returned');
      await nextTask();
      d.onuncapturederror = null;
      d.removeEventListener('uncapturederror', listener);
      return order;
    },
    {
      dawn: ['handler', 'listener', 'returned'],
      because: 'it dispatches the event within the call; the specification says after it',
    },
  );

  testResult(
    'carries the error',
    ['uncapturederror', true, 'GPUValidationError', true],
    async (d) => {
      const properties: unknown[] = [];
      d.onuncapturederror = (event) => {
        event.preventDefault();
        const { type, cancelable, error } = event;
        properties.push(type, cancelable, error.constructor.name, error.message.length > 0);
      };
      causeError(d);
      await nextTask();
      d.onuncapturederror = null;
      return properties;
    },
  );

  testResult('is not dispatched for an error that a scope caught', 0, async (d) => {
    let count = 0;
    d.onuncapturederror = () => count++;
    d.pushErrorScope('validation');
    causeError(d);
    await d.popErrorScope();
    await nextTask();
    d.onuncapturederror = null;
    return count;
  });

  testResult('is dispatched for an error that no open scope catches', 1, async (d) => {
    let count = 0;
    d.onuncapturederror = (event) => {
      event.preventDefault();
      count++;
    };
    d.pushErrorScope('out-of-memory');
    causeError(d);
    await d.popErrorScope();
    await nextTask();
    d.onuncapturederror = null;
    return count;
  });

  it('is written to the console unless a handler prevents the default', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { cpu } = devices();
    causeError(cpu);
    await nextTask();
    expect(warn.mock.calls).toEqual([['Uncaptured WebGPU error: createBuffer: usage is 0']]);
    cpu.onuncapturederror = (event) => event.preventDefault();
    causeError(cpu);
    await nextTask();
    expect(warn).toHaveBeenCalledTimes(1);
    cpu.onuncapturederror = null;
  });
});

describe('ErrorScopes', () => {
  it('distinguish refusals, lack of memory and exceptions', async () => {
    const uncaptured: string[] = [];
    const scopes = new ErrorScopes((error) => uncaptured.push(`${error.kind}: ${error.message}`));
    scopes.push('out-of-memory');
    const refused = scopes.attempt('p', () => {
      throw new ValidationError('refused');
    });
    scopes.attempt('q', () => {
      throw new OutOfMemoryError('full');
    });
    expect(refused).toBeUndefined();
    expect(() =>
      scopes.attempt('r', () => {
        throw new RangeError('wrong');
      }),
    ).toThrow(new RangeError('wrong'));
    expect(scopes.attempt('s', () => 7)).toBe(7);
    expect((await scopes.pop())?.message).toBe('q: full');
    expect(uncaptured).toEqual(['validation: p: refused']);
  });

  it('are unchanged after a capture, also after one that throws', async () => {
    const scopes = new ErrorScopes(() => {});
    scopes.push('validation');
    const refuse = () => {
      scopes.reportValidationError('p', 'first');
      scopes.reportValidationError('q', 'second');
      return 7;
    };
    const { result, error } = scopes.capture(refuse);
    expect([result, error?.message, error?.kind]).toEqual([7, 'p: first', 'validation']);
    expect(() =>
      scopes.capture(() => {
        throw new TypeError('wrong');
      }),
    ).toThrow('wrong');
    scopes.reportValidationError('r', 'third');
    expect((await scopes.pop())?.message).toBe('r: third');
    await expect(scopes.pop()).rejects.toThrow('no error scope is open');
  });

  it('wait for errors that a call within them reports later', async () => {
    const uncaptured: string[] = [];
    const scopes = new ErrorScopes((error) => uncaptured.push(error.message));
    let settle: (error: OutOfMemoryError | undefined) => void = () => {};
    const outcome = () =>
      new Promise<OutOfMemoryError | undefined>((resolve) => {
        settle = resolve;
      });
    scopes.push('validation');
    scopes.push('out-of-memory');
    scopes.reportWhenSettled('p', outcome());
    const settleP = settle;
    const [inner, outer] = [scopes.pop(), scopes.pop()];
    // No scope is open during this call.
    scopes.reportWhenSettled('q', outcome());
    settle(new OutOfMemoryError('full'));
    scopes.push('out-of-memory');
    scopes.reportWhenSettled('r', Promise.resolve(undefined));
    expect(await scopes.pop()).toBeNull();
    settleP(new OutOfMemoryError('full'));
    expect([(await inner)?.message, await outer]).toEqual(['p: full', null]);
    expect(uncaptured).toEqual(['q: full']);
  });

  it('ignore errors that are reported after the device is lost', async () => {
    const uncaptured: string[] = [];
    const scopes = new ErrorScopes((error) => uncaptured.push(error.message));
    scopes.push('out-of-memory');
    scopes.reportWhenSettled('p', Promise.resolve(new OutOfMemoryError('full')));
    const popped = scopes.pop();
    scopes.lose();
    expect(await popped).toBeNull();
    expect(uncaptured).toEqual([]);
  });

  it('catch no errors once the device is lost', async () => {
    const uncaptured: string[] = [];
    const scopes = new ErrorScopes((error) => uncaptured.push(error.message));
    scopes.push('validation');
    scopes.reportValidationError('p', 'refused');
    scopes.lose();
    scopes.reportValidationError('q', 'refused');
    expect([await scopes.pop(), await scopes.pop()]).toEqual([null, null]);
    expect(uncaptured).toEqual([]);
  });
});

/** Resolves in the next task of the event loop. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
