/** Which operands each operator takes: our checker's verdict on every pair of types, beside that of Dawn's Tint. */

import { describe, expect, it } from 'vitest';
import { THOROUGH } from '../../helpers/thorough.js';
import { moduleRefusal, refusal, useDevices } from './shaders.js';

const devices = useDevices();

const TYPES = [
  ...['i32', 'u32', 'f32', 'bool', 'vec2i', 'vec2u', 'vec2f', 'vec2<bool>', 'vec3f', 'vec3u'],
  ...['mat2x2f', 'mat2x3f', 'array<f32, 2>', 'S'],
];
/** Variables of each type, then numbers without a type. */
const OPERANDS = [...TYPES.map((_, n) => `v${n}`), '1', '1.5', 'vec2(1)', 'vec2(1.5)'];
const DECLARATIONS = `struct S { a: f32 }
fn f() {
${TYPES.map((type, n) => `  var v${n}: ${type};`).join('\n')}
`;

/** Of so many statements and more a part is tried, where not all is. */
const MANY = 100;

/** Both verdicts on each statement agree and, where all are tried, are not all the same. */
async function agree(statements: readonly string[]): Promise<void> {
  const verdicts: { statement: string; own: boolean; dawn: boolean }[] = [];
  const step = THOROUGH || statements.length < MANY ? 1 : 5;
  for (let n = 0; n < statements.length; n += step) {
    const statement = statements[n]!;
    const code = `${DECLARATIONS}  ${statement}\n}`;
    const own = refusal(code) === undefined;
    const dawn = (await moduleRefusal(devices().dawn, code)) === undefined;
    verdicts.push({ statement, own, dawn });
  }
  expect(verdicts.filter(({ own, dawn }) => own !== dawn)).toEqual([]);
  if (step > 1) return;
  expect(new Set(verdicts.map(({ own }) => own))).toEqual(new Set([true, false]));
}

const pairs = (statement: (a: string, b: string) => string) =>
  OPERANDS.flatMap((a) => OPERANDS.map((b) => statement(a, b)));

describe('binary operators take the types that they take in Dawn', () => {
  it.each(['+', '*', '/', '%', '&', '^', '<<', '<', '==', '&&'])('%s', async (operator) => {
    await agree(pairs((a, b) => `let r = ${a} ${operator} ${b};`));
  });
});

describe('assignments and unary operators, too', () => {
  it.each(['=', '+=', '*=', '|=', '>>='])('%s', async (operator) => {
    const variables = OPERANDS.slice(0, TYPES.length);
    await agree(variables.flatMap((a) => OPERANDS.map((b) => `${a} ${operator} ${b};`)));
  });

  it.each(['-', '!', '~', '&'])('unary %s', async (operator) => {
    await agree(OPERANDS.map((a) => `let r = ${operator}${a};`));
  });
});

describe('values are made of what they are made of in Dawn', () => {
  it.each(['f32', 'u32', 'vec2f', 'vec2', 'vec3', 'mat2x2f', 'array', 'array<f32, 2>', 'S'])(
    '%s',
    async (type) => {
      const one = OPERANDS.map((a) => `let r = ${type}(${a});`);
      await agree([...one, ...pairs((a, b) => `let r = ${type}(${a}, ${b});`)]);
    },
  );
});

describe('functions take the types that they take in Dawn', () => {
  it.each(['abs', 'sqrt', 'sign', 'countOneBits', 'any', 'length', 'normalize', 'transpose'])(
    '%s',
    async (name) => {
      await agree(OPERANDS.map((a) => `let r = ${name}(${a});`));
    },
  );

  it.each(['max', 'pow', 'dot', 'cross', 'distance'])('%s', async (name) => {
    await agree(pairs((a, b) => `let r = ${name}(${a}, ${b});`));
  });

  it.each(['mix', 'select', 'clamp'])('%s', async (name) => {
    const thirds = ['v3', 'v7', 'v2', '1.5'];
    await agree(thirds.flatMap((c) => pairs((a, b) => `let r = ${name}(${a}, ${b}, ${c});`)));
  });
});
