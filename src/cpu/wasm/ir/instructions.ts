/**
 * The WebAssembly instructions that kernels consist of, with their encoding and the type of their
 * result (WebAssembly Core Specification 2.0, section 5.4, including the vector instructions). The
 * relaxed vector instructions are not used: all instructions here give the same bits on every
 * processor.
 */

/** The types of locals and nodes. */
export type WasmType = 'i32' | 'f32' | 'v128';

interface Instruction {
  /** The byte before the opcode; 0 where there is none. */
  readonly prefix: 0 | 0xfc | 0xfd;
  readonly code: number;
  readonly result: WasmType;
}

const rows = (prefix: Instruction['prefix'], result: WasmType, text: string) =>
  text
    .trim()
    .split(/\s+/)
    .map((row): [string, Instruction] => {
      const [name, code] = row.split('=') as [string, string];
      return [name, { prefix, code: Number.parseInt(code, 16), result }];
    });

const TABLE = [
  ...rows(
    0,
    'i32',
    `i32.eqz=45 i32.eq=46 i32.ne=47 i32.lt_s=48 i32.lt_u=49 i32.gt_s=4a i32.gt_u=4b i32.le_s=4c i32.le_u=4d
     i32.ge_s=4e i32.ge_u=4f f32.eq=5b f32.ne=5c f32.lt=5d f32.gt=5e f32.le=5f f32.ge=60
     i32.clz=67 i32.ctz=68 i32.popcnt=69 i32.add=6a i32.sub=6b i32.mul=6c i32.div_s=6d i32.div_u=6e i32.rem_s=6f
     i32.rem_u=70 i32.and=71 i32.or=72 i32.xor=73 i32.shl=74 i32.shr_s=75 i32.shr_u=76 i32.reinterpret_f32=bc`,
  ),
  ...rows(
    0,
    'f32',
    `f32.abs=8b f32.neg=8c f32.ceil=8d f32.floor=8e f32.trunc=8f f32.nearest=90 f32.sqrt=91 f32.add=92 f32.sub=93
     f32.mul=94 f32.div=95 f32.copysign=98 f32.convert_i32_s=b2 f32.convert_i32_u=b3 f32.reinterpret_i32=be`,
  ),
  ...rows(0xfc, 'i32', 'i32.trunc_sat_f32_s=0 i32.trunc_sat_f32_u=1'),
  ...rows(0xfd, 'i32', 'i32x4.extract_lane=1b v128.any_true=53 i32x4.all_true=a3'),
  ...rows(0xfd, 'f32', 'f32x4.extract_lane=1f'),
  ...rows(
    0xfd,
    'v128',
    `i8x16.shuffle=0d i32x4.splat=11 f32x4.splat=13 i32x4.replace_lane=1c f32x4.replace_lane=20
     i32x4.eq=37 i32x4.ne=38 i32x4.lt_s=39 i32x4.lt_u=3a i32x4.gt_s=3b i32x4.gt_u=3c i32x4.le_s=3d i32x4.le_u=3e
     i32x4.ge_s=3f i32x4.ge_u=40 f32x4.eq=41 f32x4.ne=42 f32x4.lt=43 f32x4.gt=44 f32x4.le=45 f32x4.ge=46
     v128.not=4d v128.and=4e v128.andnot=4f v128.or=50 v128.xor=51 v128.bitselect=52
     f32x4.ceil=67 f32x4.floor=68 f32x4.trunc=69 f32x4.nearest=6a
     i32x4.abs=a0 i32x4.neg=a1 i32x4.shl=ab i32x4.shr_s=ac i32x4.shr_u=ad i32x4.add=ae i32x4.sub=b1 i32x4.mul=b5
     i32x4.min_s=b6 i32x4.min_u=b7 i32x4.max_s=b8 i32x4.max_u=b9
     f32x4.abs=e0 f32x4.neg=e1 f32x4.sqrt=e3 f32x4.add=e4 f32x4.sub=e5 f32x4.mul=e6 f32x4.div=e7
     f32x4.pmin=ea f32x4.pmax=eb
     i32x4.trunc_sat_f32x4_s=f8 i32x4.trunc_sat_f32x4_u=f9 f32x4.convert_i32x4_s=fa f32x4.convert_i32x4_u=fb`,
  ),
];

const INSTRUCTIONS: ReadonlyMap<string, Instruction> = new Map(TABLE);

/**
 * Loads and stores: they take an address, and a constant offset that the instruction adds to it.
 */
const LOADS_AND_STORES: ReadonlyMap<string, Instruction> = new Map([
  ...rows(0, 'i32', 'i32.load=28 i32.store=36'),
  ...rows(0, 'f32', 'f32.load=2a f32.store=38'),
  ...rows(0xfd, 'v128', 'v128.load=0 v128.load32_splat=9 v128.store=b'),
]);

/** Instructions without a result, or whose result type does not depend on the name alone. */
const STRUCTURE: ReadonlyMap<string, Instruction> = new Map([
  ...rows(
    0,
    'i32',
    `block=02 loop=03 if=04 else=05 end=0b br=0c br_if=0d call=10 select=1b select_typed=1c local.get=20 local.set=21
     i32.const=41 f32.const=43`,
  ),
  ...rows(0xfc, 'i32', 'memory.fill=0b'),
  ...rows(0xfd, 'v128', 'v128.const=0c'),
]);

/**
 * Returns the encoding and result type of an instruction.
 *
 * @throws Error where it is not listed, which is a bug in the compiler.
 */
export function instruction(name: string): Instruction {
  const listed = INSTRUCTIONS.get(name) ?? LOADS_AND_STORES.get(name) ?? STRUCTURE.get(name);
  if (!listed) throw new Error(`There is no instruction ${name}.`);
  return listed;
}
