/** A CPU's block in linear memory: short names for reading and writing its fields. */
import { EL, MACHINE } from "../../layout";

// @ts-ignore: decorator
@inline export function get32(cpu: usize, field: i32): i32 { return load<i32>(cpu + field); }
// @ts-ignore: decorator
@inline export function put32(cpu: usize, field: i32, value: i32): void { store<i32>(cpu + field, value); }
// @ts-ignore: decorator
@inline export function get64(cpu: usize, field: i32): u64 { return load<u64>(cpu + field); }
// @ts-ignore: decorator
@inline export function put64(cpu: usize, field: i32, value: u64): void { store<u64>(cpu + field, value); }
// @ts-ignore: decorator
@inline export function getF(cpu: usize, field: i32): f64 { return load<f64>(cpu + field); }
// @ts-ignore: decorator
@inline export function putF(cpu: usize, field: i32, value: f64): void { store<f64>(cpu + field, value); }
// @ts-ignore: decorator
@inline export function machine32(field: i32): i32 { return load<i32>(MACHINE + field); }
// @ts-ignore: decorator
@inline export function currentEl(cpu: usize): i32 { return load<i32>(cpu + EL); }
// @ts-ignore: decorator
@inline export function bits(value: u64, high: i32, low: i32): u64 { return (value >> low) & ((<u64>2 << (high - low)) - 1); }
// @ts-ignore: decorator
@inline export function bit(value: u64, at: i32): bool { return ((value >> at) & 1) != 0; }
