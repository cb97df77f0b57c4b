/**
 * All functions that guests can call, by name. In the guest's memory each is two instructions: an HVC with the function's number, and a
 * return. Numbers are those of a firmware's start: a saved machine says which names they had.
 */
import type { Answer, Call } from './call.ts';
import * as images from './services/image-services.ts';
import * as event from './services/event-services.ts';
import * as memory from './services/memory-services.ts';
import * as protocol from './services/protocol-services.ts';
import * as runtime from './services/runtime-services.ts';
import { BLOCK_FUNCTIONS } from './protocols/block.ts';
import { COLLATION_FUNCTIONS } from './protocols/collation.ts';
import { FILE_FUNCTIONS } from './protocols/files.ts';
import { GRAPHICS_FUNCTIONS } from './protocols/graphics.ts';
import { SMALL_FUNCTIONS } from './protocols/small.ts';
import { TEXT_FUNCTIONS } from './protocols/text.ts';
import type { Uefi } from './uefi.ts';

export type EfiFunction = (uefi: Uefi, call: Call) => Answer;

/** In the order of the table (UEFI 2.10, 4.4); the empty one is reserved. */
export const BOOT_SERVICES = [
  'RaiseTPL', 'RestoreTPL', 'AllocatePages', 'FreePages', 'GetMemoryMap', 'AllocatePool', 'FreePool', 'CreateEvent', 'SetTimer', 'WaitForEvent', 'SignalEvent', 'CloseEvent', 'CheckEvent',
  'InstallProtocolInterface', 'ReinstallProtocolInterface', 'UninstallProtocolInterface', 'HandleProtocol', '', 'RegisterProtocolNotify', 'LocateHandle', 'LocateDevicePath', 'InstallConfigurationTable',
  'LoadImage', 'StartImage', 'Exit', 'UnloadImage', 'ExitBootServices', 'GetNextMonotonicCount', 'Stall', 'SetWatchdogTimer', 'ConnectController', 'DisconnectController',
  'OpenProtocol', 'CloseProtocol', 'OpenProtocolInformation', 'ProtocolsPerHandle', 'LocateHandleBuffer', 'LocateProtocol', 'InstallMultipleProtocolInterfaces', 'UninstallMultipleProtocolInterfaces',
  'CalculateCrc32', 'CopyMem', 'SetMem', 'CreateEventEx',
] as const;
/** In the order of the table (4.5). */
export const RUNTIME_SERVICES = [
  'GetTime', 'SetTime', 'GetWakeupTime', 'SetWakeupTime', 'SetVirtualAddressMap', 'ConvertPointer', 'GetVariable', 'GetNextVariableName', 'SetVariable', 'GetNextHighMonotonicCount', 'ResetSystem',
  'UpdateCapsule', 'QueryCapsuleCapabilities', 'QueryVariableInfo',
] as const;

export const FUNCTIONS: Readonly<Record<string, EfiFunction>> = {
  RaiseTPL: event.raiseTpl, RestoreTPL: event.restoreTpl, CreateEvent: event.createEvent, CreateEventEx: event.createEventEx, SetTimer: event.setTimer, WaitForEvent: event.waitForEvent, SignalEvent: event.signalEvent,
  CloseEvent: event.closeEvent, CheckEvent: event.checkEvent, Stall: event.stall,
  AllocatePages: memory.allocatePages, FreePages: memory.freePages, GetMemoryMap: memory.getMemoryMap, AllocatePool: memory.allocatePool, FreePool: memory.freePool, CalculateCrc32: memory.calculateCrc32, CopyMem: memory.copyMem, SetMem: memory.setMem,
  InstallProtocolInterface: protocol.installProtocolInterface, ReinstallProtocolInterface: protocol.reinstallProtocolInterface, UninstallProtocolInterface: protocol.uninstallProtocolInterface, HandleProtocol: protocol.handleProtocol,
  RegisterProtocolNotify: protocol.registerProtocolNotify, LocateHandle: protocol.locateHandle, LocateDevicePath: protocol.locateDevicePath, InstallConfigurationTable: protocol.installConfigurationTable,
  ConnectController: protocol.connectController, DisconnectController: protocol.disconnectController, OpenProtocol: protocol.openProtocol, CloseProtocol: protocol.closeProtocol,
  OpenProtocolInformation: protocol.openProtocolInformation, ProtocolsPerHandle: protocol.protocolsPerHandle, LocateHandleBuffer: protocol.locateHandleBuffer, LocateProtocol: protocol.locateProtocol,
  InstallMultipleProtocolInterfaces: protocol.installMultiple, UninstallMultipleProtocolInterfaces: protocol.uninstallMultiple,
  LoadImage: images.loadImage, StartImage: images.startImage, Exit: images.exit, UnloadImage: images.unloadImage, ExitBootServices: images.exitBootServices, SetWatchdogTimer: images.setWatchdogTimer,
  GetNextMonotonicCount: runtime.getNextMonotonicCount, GetTime: runtime.getTime, SetTime: runtime.setTime, GetWakeupTime: runtime.unsupported, SetWakeupTime: runtime.unsupported, SetVirtualAddressMap: runtime.setVirtualAddressMap,
  ConvertPointer: runtime.unsupported, GetVariable: runtime.getVariable, GetNextVariableName: runtime.getNextVariableName, SetVariable: runtime.setVariable, GetNextHighMonotonicCount: runtime.getNextHighMonotonicCount,
  ResetSystem: runtime.resetSystem, UpdateCapsule: runtime.unsupported, QueryCapsuleCapabilities: runtime.unsupported, QueryVariableInfo: runtime.queryVariableInfo,
  ...BLOCK_FUNCTIONS, ...FILE_FUNCTIONS, ...TEXT_FUNCTIONS, ...GRAPHICS_FUNCTIONS, ...COLLATION_FUNCTIONS, ...SMALL_FUNCTIONS,
};
