/** Numbers of the Remote Framebuffer Protocol: RFC 6143, and for what it does not have the community's specification (github.com/rfbproto/rfbproto). */

/** RFC 6143, 7.1.2, and VeNCrypt. */
export const Security = { none: 1, vncAuthentication: 2, veNCrypt: 19 } as const;
export const VeNCryptSubtype = { x509None: 260, x509Vnc: 261 } as const;

/** RFC 6143, 7.5, and later ones. `private` is our own: see `PrivateMessage`. */
export const FromClient = {
  setPixelFormat: 0, setEncodings: 2, updateRequest: 3, keyEvent: 4, pointerEvent: 5, cutText: 6,
  enableContinuousUpdates: 150, private: 225, fence: 248, setDesktopSize: 251, qemu: 255,
} as const;

/** RFC 6143, 7.6, and later ones. */
export const ToClient = { update: 0, setColourMapEntries: 1, cutText: 3, endOfContinuousUpdates: 150, fence: 248 } as const;

/** RFC 6143, 7.7 and 7.8, and later ones. `private` says that both sides know message 225. */
export const Encoding = {
  raw: 0, copyRect: 1, tight: 7, zrle: 16,
  desktopSize: -223, lastRect: -224, cursor: -239, compressionLevel9: -247, compressionLevel0: -256, qemuExtendedKeyEvent: -258, ledState: -261,
  extendedDesktopSize: -308, fence: -312, continuousUpdates: -313, cursorWithAlpha: -314, extendedMouseButtons: -316,
  vmwareCursor: 0x574d_5664, extendedClipboard: 0xc0a1_e5ce | 0, private: 0x5144_4301,
} as const;

/**
 * What follows the type 225: a byte that says which, and the length of the rest in bytes as 16 bits.
 * `touch`: all fingers that are down, for each an id of 32 bits, x and y of 16; `properties`: `ClientProperties` as JSON in UTF-8.
 * The server takes it from clients that list the pseudo-encoding `private`, which it confirms by an empty rectangle of that
 * encoding, and from the console's own in any case.
 */
export const PrivateMessage = { touch: 0, properties: 1 } as const;

export const FenceFlag = { blockBefore: 1, blockAfter: 2, syncNext: 4, request: 0x8000_0000 } as const;

/** Of ExtendedDesktopSize: who asked for it, and what came of it. */
export const ResizeReason = { server: 0, client: 1, otherClient: 2 } as const;
export const ResizeStatus = { done: 0, prohibited: 1, outOfResources: 2, invalidLayout: 3, forwarded: 4 } as const;
