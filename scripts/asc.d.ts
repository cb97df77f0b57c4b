/** The part of AssemblyScript's compiler that is used. Its own types replace `console` and `WebAssembly` everywhere. */
declare const asc: { main(argv: readonly string[]): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }> };
export default asc;
