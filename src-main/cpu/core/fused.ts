/** What the host's multiply-add does, which WebAssembly leaves open. */
import { DOUBLE, lowestLane, multiplyAdd, PRECISIONS, SINGLE } from '../a64/fp-common.ts';
import * as L from '../layout.ts';
import { Code } from '../translate/code.ts';
import { Val } from '../translate/value.ts';
import { WasmModule } from '../translate/wasm-module.ts';

let known: boolean | undefined;

/**
 * Whether WebAssembly's relaxed multiply-add rounds once, as Arm's do. V8's compilers all use the processor's
 * instruction when it has one, and else multiply and add.
 */
export function multiplyAddIsFused(memory: WebAssembly.Memory): boolean { return known ??= roundsOnce(memory); }

/** (1 + x)(1 - x) - 1 is -x², or 0 when the product was rounded. The operands are parameters, so that nothing is worked out while compiling. */
function roundsOnce(memory: WebAssembly.Memory): boolean {
  const module = new WasmModule({ initial: L.RAM_BASE / 65536, maximum: 65536 });
  for (const p of PRECISIONS) {
    const code = new Code({ params: [p.float, p.float, p.float], results: [p.float] }), splat = (n: number) => Val.simd('v128', p === SINGLE ? 19 : 20, [code.param(n)]);
    code.return(lowestLane(p, multiplyAdd(p, splat(2), splat(0), splat(1), false, false)));
    const index = module.declare();
    module.define(index, code.finish());
    module.export(p.letter, index);
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory } });
  return PRECISIONS.every(p => {
    const x = p === DOUBLE ? 2 ** -30 : 2 ** -13;
    return (exports[p.letter] as (n: number, m: number, addend: number) => number)(1 + x, 1 - x, -1) === -x * x;
  });
}
