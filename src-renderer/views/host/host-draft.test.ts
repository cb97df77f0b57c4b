import { expect, test } from 'vitest';
import type { HostId } from '../../../shared/base/ids.ts';
import { HOST_PROFILES, type Host } from '../../../shared/model/host.ts';
import { changesOf, hostDraft, hostNameProblem, newDrive, newNic, profileName, profileOf, profileProblems } from './host-draft.ts';

const place = { kind: 'datacenter', id: 'd' } as const;

test('every profile becomes a draft and the same profile again', () => {
  for (const profile of HOST_PROFILES) {
    expect(profileOf(hostDraft(profile))).toEqual(profile);
    expect(profileName(hostDraft(profile))).toBe(profile.model);
  }
});

test('hardware is judged at its fields', () => {
  const draft = { ...hostDraft(HOST_PROFILES[0]), cpus: '', memory: '0', counterMhz: 'x', nics: [{ ...newNic([]), ports: '9' }], drives: [{ ...newDrive([]), model: '' }] };
  expect([...profileProblems(draft)]).toEqual([
    ['cpus', 'CPU count must be a number.'], ['memoryMib', 'Memory in MiB must be at least 512.'], ['counterHz', 'The frequency of the system counter in Hz must be a number.'],
    ['nics.0.ports', 'The number of ports must be at most 4.'], ['drives.0.model', 'Enter the model of a drive.'],
  ]);
  expect(profileName(draft)).toBe('');
});

test('a name must be there and be free where the host is to be', () => {
  const hosts: Host[] = [{ ...HOST_PROFILES[0], id: 'h' as HostId, name: 'edge', parent: place, connected: true }];
  expect(['', 'EDGE', 'other'].map(name => hostNameProblem(name, place, hosts))).toEqual(['Enter a name.', 'There is already a host named "edge" there.', undefined]);
  expect(hostNameProblem('edge', { kind: 'datacenter', id: 'e' }, hosts)).toBeUndefined();
});

test('what differs from other hardware is told alone', () => {
  const changed = profileOf({ ...hostDraft(HOST_PROFILES[0]), cpus: '2', drives: [] });
  expect([changesOf(changed, HOST_PROFILES[0]), changesOf(HOST_PROFILES[0], HOST_PROFILES[0])]).toEqual([{ cpus: 2, drives: [] }, {}]);
});
