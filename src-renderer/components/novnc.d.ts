/** What is used of noVNC 1.7 (docs/API.md of the package, which has no types of its own). */
declare module '@novnc/novnc' {
  /** A WebSocket, or what looks like one. */
  export interface RfbChannel {
    binaryType: string;
    protocol: string;
    readyState: string;
    onopen: (() => void) | null;
    onmessage: ((event: { readonly data: ArrayBuffer }) => void) | null;
    onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
    onerror: (() => void) | null;
    send(data: Uint8Array | ArrayBuffer): void;
    close(): void;
  }
  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, channel: RfbChannel, options?: { readonly shared?: boolean; readonly credentials?: { readonly password?: string } });
    viewOnly: boolean;
    scaleViewport: boolean;
    clipViewport: boolean;
    resizeSession: boolean;
    showDotCursor: boolean;
    focusOnClick: boolean;
    background: string;
    qualityLevel: number;
    compressionLevel: number;
    disconnect(): void;
    sendKey(keysym: number, code: string | null, down?: boolean): void;
    clipboardPasteFrom(text: string): void;
    focus(): void;
    blur(): void;
    getImageData(): ImageData;
  }
}
