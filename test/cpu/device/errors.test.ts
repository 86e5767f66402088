import { afterEach, describe, expect, it, vi } from 'vitest';
import { ErrorScopes, OutOfMemoryError, ValidationError } from '../../../src/cpu/device/errors.js';
import * as c from './calls.js';
import { computeOn, judgeOn, nameOfException, useDevices } from './verdict.js';

const devices = useDevices();
const judge = judgeOn(devices);
const compute = computeOn(devices);

/** Makes a validation error. */
function err(d: GPUDevice): void {
  c.buffer(d, 4, 0);
}

/** The kinds of what scopes give, in the order they are popped. */
async function kinds(...popped: Promise<GPUError | null>[]): Promise<(string | undefined)[]> {
  return (await Promise.all(popped)).map((error) => error?.constructor.name);
}

describe('error scopes', () => {
  judge('a filter that there is not', 'TypeError', (d) => () => {
    d.pushErrorScope('syntax' as GPUErrorFilter);
  });
  judge('a filter for internal errors', 'none', (d) => () => {
    d.pushErrorScope('internal');
    return d.popErrorScope();
  });

  compute(
    'give the error of the calls between push and pop',
    ['GPUValidationError', undefined],
    (d) => {
      d.pushErrorScope('validation');
      err(d);
      const first = d.popErrorScope();
      d.pushErrorScope('validation');
      return kinds(first, d.popErrorScope());
    },
  );

  compute('nest: the innermost takes the error', ['GPUValidationError', undefined], (d) => {
    d.pushErrorScope('validation');
    d.pushErrorScope('validation');
    err(d);
    return kinds(d.popErrorScope(), d.popErrorScope());
  });

  compute(
    'nest: what comes after the inner one is the outer one’s',
    [undefined, 'GPUValidationError'],
    (d) => {
      d.pushErrorScope('validation');
      d.pushErrorScope('validation');
      const inner = d.popErrorScope();
      err(d);
      return kinds(inner, d.popErrorScope());
    },
  );

  compute(
    'let errors of other kinds through',
    [undefined, undefined, 'GPUValidationError', undefined],
    (d) => {
      d.pushErrorScope('validation');
      d.pushErrorScope('validation');
      d.pushErrorScope('internal');
      d.pushErrorScope('out-of-memory');
      err(d);
      const popped = [d.popErrorScope(), d.popErrorScope(), d.popErrorScope(), d.popErrorScope()];
      return kinds(...popped);
    },
  );

  compute('keep the first of several errors', true, async (d) => {
    const message = async (bad: () => void) => {
      d.pushErrorScope('validation');
      bad();
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

  compute(
    'come to an end: one pop more is an OperationError',
    ['OperationError', undefined],
    async (d) => {
      const popped = await nameOfException(() => d.popErrorScope());
      d.pushErrorScope('validation');
      return [popped, await nameOfException(() => d.popErrorScope())];
    },
  );

  compute('take nothing of exceptions', ['RangeError', 'none'], async (d) => {
    d.pushErrorScope('validation');
    const thrown = await nameOfException(() => {
      d.createBuffer({ size: 2, usage: c.STORAGE, mappedAtCreation: true });
    });
    return [thrown, (await d.popErrorScope()) ? 'error' : 'none'];
  });
});

describe('uncapturederror', () => {
  afterEach(() => vi.restoreAllMocks());

  compute(
    'goes to the handler and to listeners, after the call',
    ['returned', 'handler', 'listener'],
    async (d) => {
      const told: string[] = [];
      const listen = (event: Event) => {
        event.preventDefault();
        told.push('listener');
      };
      d.onuncapturederror = () => told.push('handler');
      d.addEventListener('uncapturederror', listen);
      err(d);
      told.push('returned');
      await nextTask();
      d.onuncapturederror = null;
      d.removeEventListener('uncapturederror', listen);
      return told;
    },
    {
      dawn: ['handler', 'listener', 'returned'],
      because: 'it tells of the error within the call, and the specification after it',
    },
  );

  compute(
    'says what the error is',
    ['uncapturederror', true, 'GPUValidationError', true],
    async (d) => {
      const told: unknown[] = [];
      d.onuncapturederror = (event) => {
        event.preventDefault();
        const { type, cancelable, error } = event;
        told.push(type, cancelable, error.constructor.name, error.message.length > 0);
      };
      err(d);
      await nextTask();
      d.onuncapturederror = null;
      return told;
    },
  );

  compute('takes no error that a scope has taken', 0, async (d) => {
    let count = 0;
    d.onuncapturederror = () => count++;
    d.pushErrorScope('validation');
    err(d);
    await d.popErrorScope();
    await nextTask();
    d.onuncapturederror = null;
    return count;
  });

  compute('takes an error that no scope is for', 1, async (d) => {
    let count = 0;
    d.onuncapturederror = (event) => {
      event.preventDefault();
      count++;
    };
    d.pushErrorScope('out-of-memory');
    err(d);
    await d.popErrorScope();
    await nextTask();
    d.onuncapturederror = null;
    return count;
  });

  it('is written to the console where nobody prevents it', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { cpu } = devices();
    err(cpu);
    await nextTask();
    expect(warn.mock.calls).toEqual([['Uncaptured WebGPU error: createBuffer: usage is 0']]);
    cpu.onuncapturederror = (event) => event.preventDefault();
    err(cpu);
    await nextTask();
    expect(warn).toHaveBeenCalledTimes(1);
    cpu.onuncapturederror = null;
  });
});

describe('ErrorScopes', () => {
  it('tell refusals, lack of memory and exceptions apart', async () => {
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

  it('are as before once errors were captured, also by what throws', async () => {
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

  it('wait for what becomes known later of a call that was made in them', async () => {
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
    const settleFirst = settle;
    const [inner, outer] = [scopes.pop(), scopes.pop()];
    // This call is made in none.
    scopes.reportWhenSettled('q', outcome());
    settle(new OutOfMemoryError('full'));
    scopes.push('out-of-memory');
    scopes.reportWhenSettled('r', Promise.resolve(undefined));
    expect(await scopes.pop()).toBeNull();
    settleFirst(new OutOfMemoryError('full'));
    expect([(await inner)?.message, await outer]).toEqual(['p: full', null]);
    expect(uncaptured).toEqual(['q: full']);
  });

  it('give nothing of what becomes known after the device is lost', async () => {
    const uncaptured: string[] = [];
    const scopes = new ErrorScopes((error) => uncaptured.push(error.message));
    scopes.push('out-of-memory');
    scopes.reportWhenSettled('p', Promise.resolve(new OutOfMemoryError('full')));
    const popped = scopes.pop();
    scopes.lose();
    expect(await popped).toBeNull();
    expect(uncaptured).toEqual([]);
  });

  it('have no errors once the device is lost', async () => {
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

function nextTask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
