/** Other engines that this one knows: whom it gives VMs to and takes them from. */
import * as v from 'valibot';
import type { ArrivalId, HostId, PeerId, VmId } from '../base/ids.ts';
import { fixed, say } from '../base/phrase.ts';
import type { Host } from './host.ts';
import { ObjectName } from './object-name.ts';

/** A name or an address, IPv6 in brackets, and a port. */
const ADDRESS = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})):(\d{1,5})$/;
export const PeerAddress = v.pipe(v.string(fixed(say`An address is text.`)), v.trim(), v.check(text => Number(ADDRESS.exec(text)?.[1] ?? 0) >= 1 && Number(ADDRESS.exec(text)?.[1]) <= 65_535, fixed(say`An address is written as HOST:PORT, for example lab2.example:7430.`)));

const HEX_DIGITS = 64;
/** SHA-256 of a certificate, as `openssl x509 -fingerprint` writes it; colons may be left out. */
export const Fingerprint = v.pipe(v.string(fixed(say`A fingerprint is text.`)), v.transform(text => text.replaceAll(/[:\s]/g, '').toUpperCase()),
  v.check(digits => digits.length === HEX_DIGITS && /^[0-9A-F]+$/.test(digits), fixed(say`A fingerprint is the SHA-256 of a certificate: 64 digits and letters from A to F, with or without colons.`)), v.transform(digits => (digits.match(/../g) ?? []).join(':')));

export const NewPeer = v.object({ name: ObjectName, address: PeerAddress, fingerprint: Fingerprint });
export type NewPeer = v.InferOutput<typeof NewPeer>;

/** An engine that this one trusts, and the one certificate that it is known by. */
export interface Peer { readonly id: PeerId; readonly name: string; readonly address: string; readonly fingerprint: string }

/** A VM that was taken from an engine which may still ask what became of it; kept until that has heard it. */
export interface Arrival { readonly id: ArrivalId; readonly name: string; readonly vmId: VmId; /** The fingerprint of who gave it. */ readonly from: string; readonly atMs: number }

/** A VM was given to another engine, and it is not known whether that took it: it runs here only when that did not. */
export interface Given { readonly arrivalId: ArrivalId; readonly peerId: PeerId; readonly peer: string; readonly sinceMs: number }

/** By what other engines know this one. */
export interface PeerIdentity { readonly fingerprint: string; /** Where they reach it; absent while it does not listen. */ readonly listening?: string }

/** A host of another engine. */
export type PeerHost = Pick<Host, 'name' | 'model' | 'cpus' | 'memoryMib'> & { readonly id: HostId };
export interface PeerStatus { readonly version: string; readonly build: string; readonly hosts: readonly PeerHost[] }
