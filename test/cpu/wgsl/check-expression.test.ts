/**
 * Which operands each operator accepts: our checker against Dawn's Tint, for every pair of types.
 */

import { describe, expect, it } from 'vitest';
import { THOROUGH } from '../../helpers/thorough.js';
import { checkError, moduleError, useDevices } from './shaders.js';

const devices = useDevices();

const TYPES = [
  ...['i32', 'u32', 'f32', 'bool', 'vec2i', 'vec2u', 'vec2f', 'vec2<bool>', 'vec3f', 'vec3u'],
  ...['mat2x2f', 'mat2x3f', 'array<f32, 2>', 'S'],
];
/** Variables of each type, then abstract numbers. */
const OPERANDS = [...TYPES.map((_, n) => `v${n}`), '1', '1.5', 'vec2(1)', 'vec2(1.5)'];
const DECLARATIONS = `struct S { a: f32 }
fn f() {
${TYPES.map((type, n) => `  var v${n}: ${type};`).join('\n')}
`;

/** A list of at least this many statements is sampled, unless the run is thorough. */
const MIN_SAMPLED = 100;

/**
 * Expects our checker and Dawn to accept the same statements. Where all are tried, some must be
 * accepted and some rejected.
 */
async function expectAgreement(statements: readonly string[]): Promise<void> {
  const results: { statement: string; cpu: boolean; dawn: boolean }[] = [];
  const step = THOROUGH || statements.length < MIN_SAMPLED ? 1 : 5;
  for (let n = 0; n < statements.length; n += step) {
    const statement = statements[n]!;
    const code = `${DECLARATIONS}  ${statement}\n}`;
    const cpu = checkError(code) === undefined;
    const dawn = (await moduleError(devices().dawn, code)) === undefined;
    results.push({ statement, cpu, dawn });
  }
  expect(results.filter(({ cpu, dawn }) => cpu !== dawn)).toEqual([]);
  if (step > 1) return;
  expect(new Set(results.map(({ cpu }) => cpu))).toEqual(new Set([true, false]));
}

const pairs = (statement: (a: string, b: string) => string) =>
  OPERANDS.flatMap((a) => OPERANDS.map((b) => statement(a, b)));

describe('binary operators accept the same types as in Dawn', () => {
  it.each(['+', '*', '/', '%', '&', '^', '<<', '<', '==', '&&'])('%s', async (operator) => {
    await expectAgreement(pairs((a, b) => `let r = ${a} ${operator} ${b};`));
  });
});

describe('assignments and unary operators accept the same types as in Dawn', () => {
  it.each(['=', '+=', '*=', '|=', '>>='])('%s', async (operator) => {
    const variables = OPERANDS.slice(0, TYPES.length);
    await expectAgreement(variables.flatMap((a) => OPERANDS.map((b) => `${a} ${operator} ${b};`)));
  });

  it.each(['-', '!', '~', '&'])('unary %s', async (operator) => {
    await expectAgreement(OPERANDS.map((a) => `let r = ${operator}${a};`));
  });
});

describe('constructors accept the same types as in Dawn', () => {
  it.each(['f32', 'u32', 'vec2f', 'vec2', 'vec3', 'mat2x2f', 'array', 'array<f32, 2>', 'S'])(
    '%s',
    async (type) => {
      const unary = OPERANDS.map((a) => `let r = ${type}(${a});`);
      await expectAgreement([...unary, ...pairs((a, b) => `let r = ${type}(${a}, ${b});`)]);
    },
  );
});

describe('builtin functions accept the same types as in Dawn', () => {
  it.each(['abs', 'sqrt', 'sign', 'countOneBits', 'any', 'length', 'normalize', 'transpose'])(
    '%s',
    async (name) => {
      await expectAgreement(OPERANDS.map((a) => `let r = ${name}(${a});`));
    },
  );

  it.each(['max', 'pow', 'dot', 'cross', 'distance'])('%s', async (name) => {
    await expectAgreement(pairs((a, b) => `let r = ${name}(${a}, ${b});`));
  });

  it.each(['mix', 'select', 'clamp'])('%s', async (name) => {
    const thirds = ['v3', 'v7', 'v2', '1.5'];
    await expectAgreement(
      thirds.flatMap((c) => pairs((a, b) => `let r = ${name}(${a}, ${b}, ${c});`)),
    );
  });
});
