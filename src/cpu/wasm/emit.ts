/**
 * Step 7: a kernel becomes the bytes of a WebAssembly module (WebAssembly Core Specification 2.0,
 * section 5).
 *
 *   in    f32.store offset=4 p (f32.mul 2 (f32.load q))           with p and q locals 5 and 6
 *   out   20 05                local.get 5
 *         43 00 00 00 40       f32.const 2
 *         20 06  2a 02 00      local.get 6, f32.load offset=0
 *         94  38 02 04         f32.mul, f32.store offset=4
 *
 * The module imports the device's memory and, if the kernel is checked, a function that reports bad
 * indices. It exports the kernel as `run`.
 *
 * Why: kernels are compiled while a page runs, and a library that writes WebAssembly would be
 * larger than the part of it that is needed here.
 */

import { instruction, type WasmType } from './ir/instructions.js';
import type { Kernel, Label, Local, Node, Statement } from './ir/ir.js';
import { localsUsed } from './ir/locals.js';

const SECTION = { types: 1, imports: 2, functions: 3, exports: 7, code: 10 } as const;
const IMPORT = { function: 0x00, memory: 0x02 } as const;
/** The memory's limits flag, with a maximum: not shared or shared. */
const LIMITS = { own: 0x01, shared: 0x03 } as const;
const TYPE_CODES: Readonly<Record<WasmType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };
const NO_RESULT = 0x40;
const FUNCTION = 0x60;
/** Limits of engines (WebAssembly JavaScript Interface, "Limits"). */
const MAX_LOCALS = 50_000;
const MAX_BODY_BYTES = 7_654_321;
/** Indices of the only memory and of the only imported function. */
const MEMORY_INDEX = 0;
const REPORT_INDEX = 0;
/** log2 of the alignment of every access, 4 bytes: addresses are multiples of words. */
const WORD_ALIGNMENT = 2;

/** What a module depends on besides its kernel. */
export interface ModuleOptions {
  /** Whether the memory is shared between threads. */
  readonly isShared: boolean;
  /** Whether the kernel reports bad indices. */
  readonly isChecked: boolean;
  /**
   * The largest size of the memory in pages of 64 KiB. It must be that of the memory itself, or
   * more.
   */
  readonly maxPages: number;
}

/**
 * Encodes a kernel as a WebAssembly module.
 *
 * @throws Error where the kernel is larger than engines accept.
 */
export function emitModule(kernel: Kernel, options: ModuleOptions): Uint8Array<ArrayBuffer> {
  const module = new Bytes();
  module.raw(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  module.section(SECTION.types, (types) => {
    types.unsigned(options.isChecked ? 2 : 1);
    types.raw(FUNCTION);
    types.list(kernel.parameters, (p) => types.raw(TYPE_CODES[p.type]));
    types.unsigned(0);
    if (options.isChecked)
      types.raw(FUNCTION, 3, TYPE_CODES.i32, TYPE_CODES.i32, TYPE_CODES.i32, 0);
  });
  module.section(SECTION.imports, (imports) => {
    imports.unsigned(options.isChecked ? 2 : 1);
    imports.name('device');
    imports.name('memory');
    imports.raw(IMPORT.memory, options.isShared ? LIMITS.shared : LIMITS.own);
    imports.unsigned(1);
    imports.unsigned(options.maxPages);
    if (!options.isChecked) return;
    imports.name('device');
    imports.name('report');
    imports.raw(IMPORT.function, 1);
  });
  module.section(SECTION.functions, (functions) => functions.raw(1, 0));
  module.section(SECTION.exports, (exports) => {
    exports.unsigned(1);
    exports.name('run');
    exports.raw(IMPORT.function);
    exports.unsigned(options.isChecked ? 1 : 0);
  });
  module.section(SECTION.code, (code) => {
    code.unsigned(1);
    code.block(new FunctionWriter(kernel).bytes());
  });
  return module.result();
}

/** A growing array of bytes, with WebAssembly's encodings of numbers. */
class Bytes {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  raw(...bytes: number[]): void {
    for (const byte of bytes) this.#byte(byte);
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  /** Unsigned LEB128. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    do {
      const low = rest & 0x7f;
      rest >>>= 7;
      this.#byte(rest ? low | 0x80 : low);
    } while (rest);
  }

  /** Signed LEB128. */
  signed(value: number): void {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      const isLast = (rest === 0 && !(low & 0x40)) || (rest === -1 && (low & 0x40) !== 0);
      this.#byte(isLast ? low : low | 0x80);
      if (isLast) return;
    }
  }

  float(value: number): void {
    this.raw(...new Uint8Array(Float32Array.of(value).buffer));
  }

  word(bits: number): void {
    this.raw(bits & 0xff, (bits >> 8) & 0xff, (bits >> 16) & 0xff, (bits >>> 24) & 0xff);
  }

  name(text: string): void {
    this.unsigned(text.length);
    for (const character of text) this.#byte(character.charCodeAt(0));
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.unsigned(items.length);
    items.forEach(write);
  }

  /** Bytes preceded by their number. */
  block(bytes: Bytes): void {
    this.unsigned(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes.result(), this.#length);
    this.#length += bytes.length;
  }

  section(id: number, write: (bytes: Bytes) => void): void {
    const content = new Bytes();
    write(content);
    this.raw(id);
    this.block(content);
  }

  result(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Writes the body of the function. */
class FunctionWriter {
  readonly #kernel: Kernel;
  readonly #code = new Bytes();
  readonly #indices = new Map<Local, number>();
  /** Labels around the current statement, the innermost last; `undefined` for that of an if. */
  readonly #labels: (Label | undefined)[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  bytes(): Bytes {
    const code = this.#code;
    const groups = this.#numberLocals();
    code.list(groups, ([type, count]) => {
      code.unsigned(count);
      code.raw(TYPE_CODES[type]);
    });
    this.#statements(this.#kernel.body);
    this.#opcode('end');
    if (code.length > MAX_BODY_BYTES)
      throw new Error(
        `${this.#kernel.name} becomes ${code.length} bytes of WebAssembly, more than ${MAX_BODY_BYTES}`,
      );
    return code;
  }

  /** Assigns an index to every local: parameters first, then grouped by type. */
  #numberLocals(): [WasmType, number][] {
    const { parameters, body } = this.#kernel;
    for (const local of parameters) this.#indices.set(local, this.#indices.size);
    const locals = [...localsUsed(body)].filter((local) => !this.#indices.has(local));
    if (locals.length > MAX_LOCALS)
      throw new Error(
        `${this.#kernel.name} needs ${locals.length} locals, more than the ${MAX_LOCALS} of WebAssembly`,
      );
    return (['i32', 'f32', 'v128'] as const).flatMap((type) => {
      const localsOfType = locals.filter((local) => local.type === type);
      for (const local of localsOfType) this.#indices.set(local, this.#indices.size);
      return localsOfType.length > 0 ? [[type, localsOfType.length] as [WasmType, number]] : [];
    });
  }

  #statements(body: readonly Statement[]): void {
    for (const statement of body) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    const code = this.#code;
    switch (statement.kind) {
      case 'set':
        this.#node(statement.value);
        this.#opcode('local.set');
        code.unsigned(this.#indices.get(statement.local)!);
        return;
      case 'store':
        this.#node(statement.address);
        this.#node(statement.value);
        this.#memoryOperands(statement.instruction, statement.offset);
        return;
      case 'clear':
        this.#node(statement.address);
        this.#constant(0);
        this.#constant(statement.bytes);
        this.#opcode('memory.fill');
        code.unsigned(MEMORY_INDEX);
        return;
      case 'block':
      case 'loop':
        this.#opcode(statement.kind);
        code.raw(NO_RESULT);
        this.#within(statement.label, statement.body);
        this.#opcode('end');
        return;
      case 'if':
        this.#node(statement.condition);
        this.#opcode('if');
        code.raw(NO_RESULT);
        this.#within(undefined, statement.whenTrue);
        if (statement.whenFalse.length > 0) {
          this.#opcode('else');
          this.#within(undefined, statement.whenFalse);
        }
        this.#opcode('end');
        return;
      case 'branch':
        if (statement.condition) this.#node(statement.condition);
        this.#opcode(statement.condition ? 'br_if' : 'br');
        code.unsigned(this.#depth(statement.label));
        return;
      case 'report':
        this.#constant(statement.access);
        this.#node(statement.index);
        this.#node(statement.count);
        this.#opcode('call');
        code.unsigned(REPORT_INDEX);
        return;
      case 'barrier':
        throw new Error('A barrier was not removed before encoding.');
    }
  }

  #within(label: Label | undefined, body: readonly Statement[]): void {
    this.#labels.push(label);
    this.#statements(body);
    this.#labels.pop();
  }

  /** How many labels are between a branch and its target. */
  #depth(label: Label): number {
    const index = this.#labels.lastIndexOf(label);
    if (index < 0) throw new Error(`A branch to ${label.name} is outside its target.`);
    return this.#labels.length - 1 - index;
  }

  #node(node: Node): void {
    const code = this.#code;
    switch (node.kind) {
      case 'constant':
        if (node.type === 'i32') this.#constant(node.value);
        else {
          this.#opcode('f32.const');
          code.float(node.value);
        }
        return;
      case 'vector':
        this.#opcode('v128.const');
        for (const bits of node.bits) code.word(bits);
        return;
      case 'get':
        this.#opcode('local.get');
        code.unsigned(this.#indices.get(node.local)!);
        return;
      case 'load':
        this.#node(node.address);
        this.#memoryOperands(node.instruction, node.offset);
        return;
      case 'shuffle':
        for (const operand of node.operands) this.#node(operand);
        this.#opcode('i8x16.shuffle');
        // The instruction shuffles bytes; our lanes have four.
        for (const lane of node.lanes) code.raw(4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3);
        return;
      case 'select':
        for (const operand of node.operands) this.#node(operand);
        if (node.type !== 'v128') this.#opcode('select');
        else {
          this.#opcode('select_typed');
          code.raw(1, TYPE_CODES.v128);
        }
        return;
      case 'operation':
        for (const operand of node.operands) this.#node(operand);
        this.#opcode(node.instruction);
        if (node.lane !== undefined) code.raw(node.lane);
        return;
    }
  }

  #constant(value: number): void {
    this.#opcode('i32.const');
    this.#code.signed(value);
  }

  #memoryOperands(name: string, offset: number): void {
    this.#opcode(name);
    this.#code.unsigned(WORD_ALIGNMENT);
    this.#code.unsigned(offset);
  }

  #opcode(name: string): void {
    const { prefix, code } = instruction(name);
    if (prefix === 0) {
      this.#code.raw(code);
      return;
    }
    this.#code.raw(prefix);
    this.#code.unsigned(code);
  }
}
